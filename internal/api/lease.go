package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// leaseBody is what the requests about one lease may say; each takes some of it.
type leaseBody struct {
	Group        string `json:"group"`
	LeaseID      string `json:"lease_id"`
	DelaySeconds *int   `json:"delay_seconds"`
	LeaseSeconds *int   `json:"lease_seconds"`
}

// ackBatch is the body of POST /api/inbox/ack: events by id, or with the lease that each was taken by.
type ackBatch struct {
	Group string          `json:"group"`
	IDs   []apier.EventID `json:"ids"`
	Acks  []struct {
		ID      apier.EventID `json:"id"`
		LeaseID string        `json:"lease_id"`
	} `json:"acks"`
}

func (c *call) holder(group string) store.Holder {
	return store.Holder{Group: group, Subject: c.id.Subject}
}

// ackEvent answers POST /api/inbox/{id}/ack with the event. Twice is harmless. A body is not needed.
func (a *API) ackEvent(c *call) error {
	var body leaseBody
	if err := readOptional(c, &body); err != nil {
		return err
	}
	if body.DelaySeconds != nil || body.LeaseSeconds != nil {
		return invalid([]apier.FieldError{{Field: "body", Reason: "takes lease_id and group here"}})
	}
	results, err := a.store.Acknowledge(c.ctx(), c.id.Tenant, c.holder(body.Group), []store.LeaseRef{{Event: c.event(), ID: body.LeaseID}})
	if err != nil {
		return err
	}
	if results[0].Err != nil {
		return results[0].Err
	}
	writeJSON(c.w, http.StatusOK, results[0].Event.AppendJSON(nil))
	return nil
}

func (c *call) event() apier.EventID { return apier.EventID(c.r.PathValue("id")) }

// ackEvents answers POST /api/inbox/ack: {acked, failed}. One that fails does not stop the others.
func (a *API) ackEvents(c *call) error {
	var body ackBatch
	if err := readStrict(c, a.opt.MaxBatchBytes, &body); err != nil {
		return err
	}
	refs := make([]store.LeaseRef, 0, len(body.IDs)+len(body.Acks))
	for _, id := range body.IDs {
		refs = append(refs, store.LeaseRef{Event: id})
	}
	for _, ack := range body.Acks {
		refs = append(refs, store.LeaseRef{Event: ack.ID, ID: ack.LeaseID})
	}
	if len(refs) == 0 || len(refs) > maxPull {
		return invalid([]apier.FieldError{{Field: "ids", Reason: "and acks must name 1 to " + strconv.Itoa(maxPull) + " events together"}})
	}
	results, err := a.store.Acknowledge(c.ctx(), c.id.Tenant, c.holder(body.Group), refs)
	if err != nil {
		return err
	}
	type failure struct {
		ID     apier.EventID `json:"id"`
		Code   apier.Code    `json:"code"`
		Detail string        `json:"detail"`
	}
	outcome := struct {
		Acked  []apier.EventID `json:"acked"`
		Failed []failure       `json:"failed"`
	}{[]apier.EventID{}, []failure{}}
	for i, r := range results {
		if r.Err != nil {
			outcome.Failed = append(outcome.Failed, failure{refs[i].Event, r.Err.Code, r.Err.Message})
		} else {
			outcome.Acked = append(outcome.Acked, refs[i].Event)
		}
	}
	return answer(c.w, outcome)
}

// nackEvent answers POST /api/inbox/{id}/nack with the lease, given back: the event is due again at until.
func (a *API) nackEvent(c *call) error {
	var body leaseBody
	if err := readOptional(c, &body); err != nil {
		return err
	}
	seconds := 0
	if body.DelaySeconds != nil {
		seconds = *body.DelaySeconds
	}
	if seconds < 0 || seconds > maxDelaySeconds || body.LeaseSeconds != nil {
		return invalid([]apier.FieldError{{Field: "delay_seconds", Reason: "must be 0 to " + strconv.Itoa(maxDelaySeconds) + "; beside it there are lease_id and group"}})
	}
	lease, err := a.store.GiveBack(c.ctx(), c.id.Tenant, c.holder(body.Group), store.LeaseRef{Event: c.event(), ID: body.LeaseID}, time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	a.bell.ringFor(c.id.Tenant)
	writeJSON(c.w, http.StatusOK, appendLease(nil, lease))
	return nil
}

// extendLease answers POST /api/inbox/{id}/extend with the lease, which now ends later.
func (a *API) extendLease(c *call) error {
	var body leaseBody
	if err := readStrict(c, envelopeSize, &body); err != nil {
		return err
	}
	if body.LeaseSeconds == nil || *body.LeaseSeconds < 1 || *body.LeaseSeconds > maxLeaseSeconds || body.DelaySeconds != nil {
		return invalid([]apier.FieldError{{Field: "lease_seconds", Reason: "is required, 1 to " + strconv.Itoa(maxLeaseSeconds) + "; beside it there are lease_id and group"}})
	}
	lease, err := a.store.Extend(c.ctx(), c.id.Tenant, c.holder(body.Group), store.LeaseRef{Event: c.event(), ID: body.LeaseID}, time.Duration(*body.LeaseSeconds)*time.Second)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, appendLease(nil, lease))
	return nil
}
