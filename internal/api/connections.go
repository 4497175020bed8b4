package api

import (
	"net/http"
	"regexp"

	"github.com/apier/apier"
)

// Connections are the open WebSockets.
type Connections interface {
	// Who gives those of a tenant, oldest first.
	Who(tenant apier.TenantID) []apier.Connection
	// Disconnect ends one; false: there is none.
	Disconnect(tenant apier.TenantID, id, reason string) bool
}

// listConnections answers GET /api/connections: those of the tenant, oldest first.
func (a *API) listConnections(c *call) error {
	connections := []apier.Connection{}
	if a.opt.Connections != nil {
		connections = orEmpty(a.opt.Connections.Who(c.id.Tenant))
	}
	return answer(c.w, struct {
		Connections []apier.Connection `json:"connections"`
	}{connections})
}

// disconnect answers DELETE /api/connections/{id} with 204. The reason is shown to the client.
func (a *API) disconnect(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	faults := unknownParameters(q, []string{"reason"})
	reason := q.Get("reason")
	if reason == "" {
		reason = "disconnected"
	}
	if !regexp.MustCompile(`^[a-z0-9_]{1,60}$`).MatchString(reason) {
		faults = append(faults, apier.FieldError{Field: "reason", Reason: "must be one word of a-z, 0-9 and _, at most 60"})
	}
	if len(faults) > 0 {
		return badQuery(faults)
	}
	id := c.r.PathValue("id")
	if a.opt.Connections == nil || !a.opt.Connections.Disconnect(c.id.Tenant, id, reason) {
		return apier.Errorf(apier.CodeNotFound, "There is no open connection %q.", id)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
