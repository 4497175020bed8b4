package api

import (
	"net/http"
	"net/url"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	defaultRecoveryRate = 50
	maxRecoveryRate     = 2000
)

// listEndpointDeliveries answers GET /api/endpoints/{id}/deliveries, newest first.
func (a *API) listEndpointDeliveries(c *call) error {
	return a.listDeliveries(c, store.DeliveryFilter{Endpoint: c.endpointID()})
}

// listEventDeliveries answers GET /api/events/{id}/deliveries, newest first.
func (a *API) listEventDeliveries(c *call) error {
	return a.listDeliveries(c, store.DeliveryFilter{Event: apier.EventID(c.r.PathValue("id"))})
}

func (a *API) listDeliveries(c *call, filter store.DeliveryFilter) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	filter, faults := readDeliveryFilter(q, filter)
	if len(faults) > 0 {
		return badQuery(faults)
	}
	page, err := a.store.ListDeliveries(c.ctx(), c.id.Tenant, filter)
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Deliveries []apier.Delivery `json:"deliveries"`
		HasMore    bool             `json:"has_more"`
		Seq        apier.Seq        `json:"seq"`
	}{orEmpty(page.Deliveries), page.HasMore, page.Seq})
}

func readDeliveryFilter(q url.Values, filter store.DeliveryFilter) (store.DeliveryFilter, []apier.FieldError) {
	limit, faults := readLimit(q, unknownParameters(q, []string{"limit", "starting_after", "status"}))
	filter.Limit = limit
	filter.StartingAfter = apier.DeliveryID(q.Get("starting_after"))
	filter.Status = apier.DeliveryStatus(q.Get("status"))
	if filter.Status != "" && !filter.Status.Valid() {
		faults = append(faults, apier.FieldError{Field: "status", Reason: "must be pending, delivered, failed or canceled"})
	}
	return filter, faults
}

func (c *call) deliveryID() apier.DeliveryID { return apier.DeliveryID(c.r.PathValue("id")) }

// getDelivery answers GET /api/deliveries/{id}.
func (a *API) getDelivery(c *call) error {
	d, err := a.store.Delivery(c.ctx(), c.id.Tenant, c.deliveryID())
	if err != nil {
		return err
	}
	return answer(c.w, d)
}

// listAttempts answers GET /api/deliveries/{id}/attempts, oldest first.
func (a *API) listAttempts(c *call) error {
	attempts, err := a.store.Attempts(c.ctx(), c.id.Tenant, c.deliveryID())
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Attempts []apier.Attempt `json:"attempts"`
	}{attempts})
}

// retryDelivery answers POST /api/deliveries/{id}/retry with the delivery, due now.
func (a *API) retryDelivery(c *call) error {
	d, err := a.store.Retry(c.ctx(), c.id.Tenant, c.deliveryID())
	if err != nil {
		return err
	}
	return answer(c.w, d)
}

type recoverInput struct {
	Kind           apier.RecoveryKind `json:"kind"`
	Since          *apier.Timestamp   `json:"since"`
	Until          *apier.Timestamp   `json:"until"`
	SourceEndpoint apier.EndpointID   `json:"source_endpoint"`
	RatePerSecond  *float64           `json:"rate_per_second"`
	DryRun         bool               `json:"dry_run"`
}

// recovery checks a request and gives what it asks for.
func (in recoverInput) recovery(endpoint apier.EndpointID, now apier.Timestamp) (apier.Recovery, []apier.FieldError) {
	r := apier.Recovery{Kind: in.Kind, EndpointID: endpoint, SourceEndpointID: in.SourceEndpoint, Until: now, RatePerSecond: defaultRecoveryRate}
	set(&r.Since, in.Since)
	set(&r.Until, in.Until)
	set(&r.RatePerSecond, in.RatePerSecond)
	var faults []apier.FieldError
	fail := func(field, reason string) { faults = append(faults, apier.FieldError{Field: field, Reason: reason}) }
	if r.Kind != apier.RecoverFailed && r.Kind != apier.RecoverReplay {
		fail("kind", "must be retry_failed or replay")
	}
	if in.Since == nil {
		fail("since", "is required: from when on, such as 2025-11-14T17:30:00Z")
	}
	if r.Until < r.Since {
		fail("until", "must not be before since")
	}
	if in.SourceEndpoint != "" && r.Kind != apier.RecoverReplay {
		fail("source_endpoint", "belongs to kind replay")
	}
	if r.RatePerSecond <= 0 || r.RatePerSecond > maxRecoveryRate {
		fail("rate_per_second", "must be above 0 and at most 2000")
	}
	return r, faults
}

// recoverDeliveries answers POST /api/endpoints/{id}/recover: 202 with the recovery, or, with dry_run, what it would
// send.
func (a *API) recoverDeliveries(c *call) error {
	var in recoverInput
	if err := decodeInto(c, &in, maxEndpointBody); err != nil {
		return err
	}
	r, faults := in.recovery(c.endpointID(), apier.TimestampOf(a.opt.Now()))
	if len(faults) > 0 {
		return invalid(faults)
	}
	if in.DryRun {
		n, err := a.store.CountRecoverable(c.ctx(), c.id.Tenant, r)
		if err != nil {
			return err
		}
		return answer(c.w, struct {
			Count int64 `json:"count"`
		}{n})
	}
	created, err := a.store.CreateRecovery(c.ctx(), c.id.Tenant, r)
	if err != nil {
		return err
	}
	return answerWith(c.w, http.StatusAccepted, created)
}

// listRecoveries answers GET /api/endpoints/{id}/recoveries, newest first.
func (a *API) listRecoveries(c *call) error {
	recoveries, err := a.store.Recoveries(c.ctx(), c.id.Tenant, c.endpointID())
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Recoveries []apier.Recovery `json:"recoveries"`
	}{recoveries})
}

// getRecovery answers GET /api/recoveries/{id}.
func (a *API) getRecovery(c *call) error {
	r, err := a.store.Recovery(c.ctx(), c.id.Tenant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(c.w, r)
}

// stopRecovery answers POST /api/recoveries/{id}/stop with the recovery. What is due already is still sent.
func (a *API) stopRecovery(c *call) error {
	r, err := a.store.StopRecovery(c.ctx(), c.id.Tenant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(c.w, r)
}
