package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func (c *call) holder(group string) store.Holder {
	return store.Holder{Group: group, Subject: c.id.Subject}
}

// boundedField is a whole number that a request about a lease may have.
type boundedField struct {
	name        string
	into        *int
	least, most int
}

// readLease reads the body of a request about one lease: lease_id, group, and what else it takes.
func readLease(c *call, more ...boundedField) (ref store.LeaseRef, holder store.Holder, err error) {
	body, err := readObject(c, maxObject)
	if err != nil {
		return ref, holder, err
	}
	ref.Event = c.event()
	group := ""
	fields := []field{{"lease_id", &ref.ID}, {"group", &group}}
	for _, f := range more {
		fields = append(fields, field{f.name, f.into})
	}
	faults := body.decode(fields...)
	for _, f := range more {
		if *f.into < f.least || *f.into > f.most {
			faults = withFaults(faults, []apier.FieldError{{Field: f.name, Reason: fmt.Sprintf("must be %d to %d", f.least, f.most)}})
		}
	}
	if len(faults) > 0 {
		return ref, holder, invalid(faults)
	}
	return ref, c.holder(group), nil
}

// readAck reads one element of acks; path names it in errors.
func readAck(raw []byte, path string) (ref store.LeaseRef, faults []apier.FieldError) {
	o, ok := asObject(raw)
	if !ok {
		return ref, []apier.FieldError{{Field: path, Reason: "must be an object with id and lease_id"}}
	}
	faults = o.decode(field{"id", &ref.Event}, field{"lease_id", &ref.ID})
	for i := range faults {
		faults[i].Field = path + "." + faults[i].Field
	}
	return ref, faults
}

// ackEvent answers POST /api/inbox/{id}/ack with the event. Twice is harmless. A body is not needed.
func (a *API) ackEvent(c *call) error {
	lease, holder, err := readLease(c)
	if err != nil {
		return err
	}
	results, err := a.store.Acknowledge(c.ctx(), c.id.Tenant, holder, []store.LeaseRef{lease})
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
	body, err := readObject(c, a.opt.MaxBatchBytes)
	if err != nil {
		return err
	}
	var (
		ids   []apier.EventID
		acks  []json.RawMessage
		group string
	)
	faults := body.decode(field{"ids", &ids}, field{"acks", &acks}, field{"group", &group})
	refs := make([]store.LeaseRef, 0, len(ids)+len(acks))
	for _, id := range ids {
		refs = append(refs, store.LeaseRef{Event: id})
	}
	for i, raw := range acks {
		ref, more := readAck(raw, fmt.Sprintf("acks[%d]", i))
		refs, faults = append(refs, ref), append(faults, more...)
	}
	if len(refs) == 0 || len(refs) > maxPull {
		faults = withFaults(faults, []apier.FieldError{{Field: "ids", Reason: "and acks must name 1 to " + strconv.Itoa(maxPull) + " events together"}})
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	results, err := a.store.Acknowledge(c.ctx(), c.id.Tenant, c.holder(group), refs)
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
	seconds := 0
	ref, holder, err := readLease(c, boundedField{"delay_seconds", &seconds, 0, maxDelaySeconds})
	if err != nil {
		return err
	}
	lease, err := a.store.GiveBack(c.ctx(), c.id.Tenant, holder, ref, time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, appendLease(nil, lease))
	return nil
}

// extendLease answers POST /api/inbox/{id}/extend with the lease, which now ends later.
func (a *API) extendLease(c *call) error {
	seconds := 0
	ref, holder, err := readLease(c, boundedField{"lease_seconds", &seconds, 1, maxLeaseSeconds})
	if err != nil {
		return err
	}
	lease, err := a.store.Extend(c.ctx(), c.id.Tenant, holder, ref, time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, appendLease(nil, lease))
	return nil
}
