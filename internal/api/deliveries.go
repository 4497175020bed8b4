package api

import (
	"net/http"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// listEndpointDeliveries answers GET /api/endpoints/{id}/deliveries: {deliveries, has_more, seq}, newest first.
func (a *API) listEndpointDeliveries(c *call) error {
	return a.listDeliveries(c, store.DeliveryFilter{Endpoint: c.endpoint()})
}

// listEventDeliveries answers GET /api/events/{id}/deliveries likewise.
func (a *API) listEventDeliveries(c *call) error {
	return a.listDeliveries(c, store.DeliveryFilter{Event: apier.EventID(c.r.PathValue("id"))})
}

func (a *API) listDeliveries(c *call, filter store.DeliveryFilter) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	faults := unknownParameters(q, []string{"status", "error_kind", "since", "limit", "starting_after"})
	filter.Status = apier.DeliveryStatus(q.Get("status"))
	if filter.Status != "" && !filter.Status.Valid() {
		faults = append(faults, apier.FieldError{Field: "status", Reason: "must be pending, delivered, failed or canceled"})
	}
	filter.ErrorKind = apier.ErrorKind(q.Get("error_kind"))
	if filter.ErrorKind != "" && !filter.ErrorKind.Valid() {
		faults = append(faults, apier.FieldError{Field: "error_kind", Reason: "must be one of " + apier.ErrorKinds()})
	}
	filter.Since, faults = readTime(q, "since", faults)
	filter.StartingAfter = apier.DeliveryID(q.Get("starting_after"))
	if filter.Limit, faults = readLimit(q, faults); len(faults) > 0 {
		return badQuery(faults)
	}
	page, err := a.store.ListDeliveries(c.ctx(), c.id.Tenant, filter)
	if err != nil {
		return a.tooSlow(q, err)
	}
	return answer(c.w, struct {
		Deliveries []apier.Delivery `json:"deliveries"`
		HasMore    bool             `json:"has_more"`
		Seq        apier.Seq        `json:"seq"`
	}{orEmpty(page.Deliveries), page.HasMore, page.Seq})
}

func (c *call) delivery() apier.DeliveryID { return apier.DeliveryID(c.r.PathValue("id")) }

// getDelivery answers GET /api/deliveries/{id} with the delivery and its attempts, as history.
func (a *API) getDelivery(c *call) error {
	d, err := a.store.Delivery(c.ctx(), c.id.Tenant, c.delivery())
	if err != nil {
		return err
	}
	attempts, err := a.store.Attempts(c.ctx(), c.id.Tenant, d.ID)
	if err != nil {
		return err
	}
	body, err := withMember(d, "history", orEmpty(attempts))
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, body)
	return nil
}

// listAttempts answers GET /api/deliveries/{id}/attempts: {attempts}, oldest first.
func (a *API) listAttempts(c *call) error {
	attempts, err := a.store.Attempts(c.ctx(), c.id.Tenant, c.delivery())
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Attempts []apier.Attempt `json:"attempts"`
	}{orEmpty(attempts)})
}

// retryDelivery answers POST /api/deliveries/{id}/retry with the delivery, due now.
func (a *API) retryDelivery(c *call) error {
	d, err := a.store.Retry(c.ctx(), c.id.Tenant, c.delivery())
	if err != nil {
		return err
	}
	return answer(c.w, d)
}
