package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/signature"
	"github.com/apier/apier/internal/store"
)

// Tester makes one attempt with a sample and stores nothing.
type Tester interface {
	Test(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, sample apier.NewEvent) (apier.Attempt, error)
}

const (
	filterTestEvents = 100            // the latest, which a filter is tried on
	defaultGrace     = 24 * time.Hour // in which the secret before signs too
	maxGrace         = 7 * 24 * time.Hour
)

// rotateSecret answers POST /api/endpoints/{id}/rotate-secret with the new secret, this once.
func (a *API) rotateSecret(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	grace := int64(defaultGrace / time.Second)
	faults := body.decode(field{"grace_seconds", &grace})
	if most := int64(maxGrace / time.Second); grace < 0 || grace > most {
		faults = withFaults(faults, []apier.FieldError{{Field: "grace_seconds", Reason: "must be 0 to " + strconv.FormatInt(most, 10)}})
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	secret := signature.NewSecret()
	if err := a.store.RotateSecret(c.ctx(), c.id.Tenant, c.endpoint(), secret, time.Duration(grace)*time.Second); err != nil {
		return err
	}
	return answer(c.w, struct {
		Secret string `json:"secret"`
	}{signature.FormatSecret(secret)})
}

// testEndpoint answers POST /api/endpoints/{id}/test with the attempt that it made. That it failed is an
// answer, not an error.
func (a *API) testEndpoint(c *call) error {
	body, err := readObject(c, a.opt.MaxPayload+envelopeSize)
	if err != nil {
		return err
	}
	sample := apier.NewEvent{Type: "apier.test", Source: "apier", Payload: json.RawMessage(`{"message":"This is a test: it is no event, and nothing happened."}`)}
	faults := body.decode(field{"type", &sample.Type}, field{"payload", &sample.Payload})
	if faults = withFaults(faults, sample.Validate(a.payloadLimits())); len(faults) > 0 {
		return invalid(faults)
	}
	if a.opt.Tester == nil {
		return apier.Errorf(apier.CodeUnavailable, "This server sends no webhooks.")
	}
	attempt, err := a.opt.Tester.Test(c.ctx(), c.id.Tenant, c.endpoint(), sample)
	if err != nil {
		return err
	}
	return answer(c.w, attempt)
}

// testFilter answers POST /api/endpoints/filter-test: which of the latest events an endpoint would get.
func (a *API) testFilter(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	var (
		types []string
		raw   json.RawMessage
	)
	faults := body.decode(field{"types", &types}, field{"filter", &raw})
	filter, _ := apier.ParseFilter(raw)
	more := apier.CheckFilter(raw)
	if faults = withFaults(withFaults(faults, apier.TypesFaults(types)), more); len(faults) > 0 {
		return invalid(faults)
	}
	page, err := a.store.List(c.ctx(), c.id.Tenant, store.Filter{Limit: filterTestEvents})
	if err != nil {
		return err
	}
	matched := slices.DeleteFunc(slices.Clone(page.Events), func(e apier.Event) bool {
		return !apier.TypesMatch(types, e.Type) || !filter.Match(&e)
	})
	answer := appendEvents([]byte(`{"matched":`), matched)
	answer = append(answer, `,"tested":`...)
	writeJSON(c.w, http.StatusOK, append(strconv.AppendInt(answer, int64(len(page.Events)), 10), '}'))
	return nil
}
