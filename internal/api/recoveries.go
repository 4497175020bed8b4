package api

import (
	"net/http"

	"github.com/apier/apier"
)

const (
	defaultRecoveryRate = 50 // deliveries a second
	maxRecoveryRate     = 1000
)

// recoverDeliveries answers POST /api/endpoints/{id}/recover: with dry_run {count}, else 202 and the
// recovery that has begun.
func (a *API) recoverDeliveries(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	r := apier.Recovery{EndpointID: c.endpoint(), Until: apier.TimestampOf(a.opt.Now()), RatePerSecond: defaultRecoveryRate}
	dryRun := false
	faults := body.decode(field{"kind", &r.Kind}, field{"since", &r.Since}, field{"until", &r.Until}, field{"types", &r.Types},
		field{"source_endpoint", &r.SourceEndpointID}, field{"rate_per_second", &r.RatePerSecond}, field{"dry_run", &dryRun})
	if faults = withFaults(faults, recoveryFaults(r)); len(faults) > 0 {
		return invalid(faults)
	}
	if dryRun {
		n, err := a.store.CountRecoverable(c.ctx(), c.id.Tenant, r)
		if err != nil {
			return err
		}
		return answer(c.w, struct {
			Count int64 `json:"count"`
		}{n})
	}
	return a.beginRecovery(c, r)
}

func (a *API) beginRecovery(c *call, r apier.Recovery) error {
	e, err := a.store.Endpoint(c.ctx(), c.id.Tenant, r.EndpointID)
	if err != nil {
		return err
	}
	if e.Status == apier.EndpointDisabled {
		return apier.Errorf(apier.CodeConflict, "The endpoint is disabled: %s. Mend it, set its status to active, then recover.", e.DisabledReason)
	}
	if r, err = a.store.CreateRecovery(c.ctx(), c.id.Tenant, r); err != nil {
		return err
	}
	return answerWith(c.w, http.StatusAccepted, r)
}

func recoveryFaults(r apier.Recovery) (faults []apier.FieldError) {
	add := func(wrong bool, field, reason string) {
		if wrong {
			faults = append(faults, apier.FieldError{Field: field, Reason: reason})
		}
	}
	add(r.Kind != apier.RecoverFailed && r.Kind != apier.RecoverReplay, "kind", "must be retry_failed (what was given up) or replay (events that the endpoint has not had)")
	add(r.Since == 0, "since", "is required: an RFC 3339 time")
	add(r.Since > r.Until, "until", "must not be before since")
	add(r.Kind == apier.RecoverFailed && r.SourceEndpointID != "", "source_endpoint", "belongs to replay alone")
	add(r.SourceEndpointID != "" && r.SourceEndpointID == r.EndpointID, "source_endpoint", "is the endpoint itself; retry_failed sends again what it gave up")
	add(r.RatePerSecond < 0.1 || r.RatePerSecond > maxRecoveryRate, "rate_per_second", "must be 0.1 to 1000")
	return append(faults, apier.TypesFaults(r.Types)...)
}

// getRecovery answers GET /api/recoveries/{id}.
func (a *API) getRecovery(c *call) error {
	r, err := a.store.Recovery(c.ctx(), c.id.Tenant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(c.w, r)
}

// listRecoveries answers GET /api/endpoints/{id}/recoveries: {recoveries}, the latest hundred, newest first.
func (a *API) listRecoveries(c *call) error {
	all, err := a.store.Recoveries(c.ctx(), c.id.Tenant, c.endpoint())
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Recoveries []apier.Recovery `json:"recoveries"`
	}{orEmpty(all)})
}

// stopRecovery answers POST /api/recoveries/{id}/stop with the recovery. What it has begun goes on.
func (a *API) stopRecovery(c *call) error {
	r, err := a.store.StopRecovery(c.ctx(), c.id.Tenant, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(c.w, r)
}
