package api

import (
	"net/http"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// listInbox answers GET /api/inbox: an array of pending events, oldest first unless order=desc.
func (a *API) listInbox(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	faults := unknownParameters(q, []string{"limit", "order"})
	filter := store.Filter{Status: apier.StatusPending, Inbox: true, OldestFirst: true}
	filter.Limit, faults = readLimit(q, faults)
	switch q.Get("order") {
	case "", "asc":
	case "desc":
		filter.OldestFirst = false
	default:
		faults = append(faults, apier.FieldError{Field: "order", Reason: "must be asc or desc"})
	}
	if len(faults) > 0 {
		return badQuery(faults)
	}
	page, err := a.store.List(c.ctx(), c.id.Tenant, filter)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, appendEvents(nil, page.Events))
	return nil
}

// ackEvent answers POST /api/inbox/{id}/ack with the event, delivered. Twice is harmless.
func (a *API) ackEvent(c *call) error {
	event, err := a.store.Settle(c.ctx(), c.id.Tenant, apier.EventID(c.r.PathValue("id")), store.Outcome{Status: apier.StatusDelivered})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, event.AppendJSON(nil))
	return nil
}
