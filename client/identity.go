package client

import (
	"context"

	"github.com/apier/apier"
)

// Identity is who the client's credential stands for.
type Identity struct {
	Tenant    apier.TenantID  `json:"tenant"`
	Subject   string          `json:"subject"`
	KeyName   string          `json:"key_name"` // "": a token from elsewhere
	Scopes    []string        `json:"scopes"`
	Channels  []string        `json:"channels"`   // nil: all of the tenant
	ExpiresAt apier.Timestamp `json:"expires_at"` // 0: an API key
}

// Identity returns who the client's credential stands for.
func (c *Client) Identity(ctx context.Context) (Identity, error) {
	var id Identity
	err := c.get(ctx, "/api/identity", "", &id)
	return id, err
}

// EndpointHealth says how the endpoints of the tenant do.
type EndpointHealth struct {
	Total          int64                          `json:"total"`
	NeedsAttention int64                          `json:"needs_attention"` // disabled, failing, on hold or given up
	Waiting        int64                          `json:"waiting"`         // deliveries
	Counts         map[apier.EndpointHealth]int64 `json:"counts"`
	Seq            apier.Seq                      `json:"seq"`
	At             apier.Timestamp                `json:"at"` // the server's clock
}

// EndpointHealth returns how many endpoints do how. It does not read them.
func (c *Client) EndpointHealth(ctx context.Context) (EndpointHealth, error) {
	var h EndpointHealth
	err := c.get(ctx, "/api/endpoints/health", "", &h)
	return h, err
}
