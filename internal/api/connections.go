package api

import (
	"net/http"
	"regexp"

	"github.com/apier/apier"
)

// Connections are the open WebSockets.
type Connections interface {
	// Who gives a page of those of a tenant, oldest first, and how many there are in all.
	Who(tenant apier.TenantID, filter apier.ConnectionFilter) (page []apier.Connection, total int)
	// Disconnect ends one; false: there is none.
	Disconnect(tenant apier.TenantID, id, reason string) bool
}

// listConnections answers GET /api/connections: a page of those of the tenant, oldest first.
func (a *API) listConnections(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	filter := apier.ConnectionFilter{User: q.Get("user"), StartingAfter: q.Get("starting_after")}
	faults := unknownParameters(q, []string{"user", "limit", "starting_after"})
	if !regexp.MustCompile(`^(conn_([0-9]{1,19}|[0-9a-z]{26}))?$`).MatchString(filter.StartingAfter) {
		faults = append(faults, apier.FieldError{Field: "starting_after", Reason: "must be the id of a connection, conn_ and 26 characters"})
	}
	if filter.Limit, faults = readLimit(q, faults); len(faults) > 0 {
		return badQuery(faults)
	}
	var page []apier.Connection
	total, more := 0, false
	if a.opt.Connections != nil {
		filter.Limit++ // one more tells whether there are more
		page, total = a.opt.Connections.Who(c.id.Tenant, filter)
		if more = len(page) == filter.Limit; more {
			page = page[:len(page)-1]
		}
	}
	return answer(c.w, struct {
		Connections []apier.Connection `json:"connections"`
		HasMore     bool               `json:"has_more"`
		Total       int                `json:"total"`
	}{orEmpty(page), more, total})
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
