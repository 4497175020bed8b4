package api

import (
	"time"

	"github.com/apier/apier"
)

// identity answers GET /api/identity: who the credential of the request stands for.
func (a *API) identity(c *call) error {
	body := struct {
		Tenant    apier.TenantID   `json:"tenant"`
		Subject   string           `json:"subject"`
		KeyName   *string          `json:"key_name"` // null: a token from elsewhere
		Scopes    []string         `json:"scopes"`
		Channels  []string         `json:"channels"`   // null: all of the tenant
		ExpiresAt *apier.Timestamp `json:"expires_at"` // null: an API key
	}{Tenant: c.id.Tenant, Subject: c.id.Subject, Scopes: orEmpty(c.id.Scopes), Channels: c.id.Channels}
	if c.id.KeyID != "" {
		key, err := a.store.KeyByID(c.ctx(), c.id.Tenant, c.id.KeyID)
		if err != nil {
			return err
		}
		body.KeyName = &key.Name
	}
	if c.id.ExpiresAt != (time.Time{}) {
		at := apier.TimestampOf(c.id.ExpiresAt)
		body.ExpiresAt = &at
	}
	return answer(c.w, body)
}
