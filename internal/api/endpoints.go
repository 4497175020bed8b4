package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/signature"
	"github.com/apier/apier/internal/store"
)

const (
	maxEndpointBody = 64 << 10 // bytes
	maxGraceSeconds = 7 * 24 * 3600
	filterTestOf    = 100 // latest events
)

// Tester makes one attempt with a sample, for POST /api/endpoints/{id}/test.
type Tester interface {
	Test(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, sample apier.NewEvent) (apier.Attempt, error)
}

// endpointInput is what a client sets of an endpoint; nil is left as it is.
type endpointInput struct {
	URL             *string            `json:"url"`
	Description     *string            `json:"description"`
	Types           *[]string          `json:"types"`
	Filter          json.RawMessage    `json:"filter"`
	Headers         *map[string]string `json:"headers"`
	RatePerSecond   *float64           `json:"rate_per_second"`
	MaxInFlight     *int               `json:"max_in_flight"`
	TimeoutMS       *int64             `json:"timeout_ms"`
	RetryScheduleMS *[]int64           `json:"retry_schedule_ms"`
	OrderKey        *string            `json:"order_key"`
	Paused          *bool              `json:"paused"`
}

// applyTo sets what is given. The value of a header that was shown as set stays what it is.
func (in endpointInput) applyTo(e *apier.Endpoint) {
	set(&e.URL, in.URL)
	set(&e.Description, in.Description)
	set(&e.Types, in.Types)
	set(&e.RatePerSecond, in.RatePerSecond)
	set(&e.MaxInFlight, in.MaxInFlight)
	set(&e.TimeoutMS, in.TimeoutMS)
	set(&e.RetryScheduleMS, in.RetryScheduleMS)
	set(&e.OrderKey, in.OrderKey)
	if in.Filter != nil {
		e.Filter = bytes.Clone(in.Filter)
	}
	if in.Headers != nil {
		known := e.Headers
		e.Headers = make(map[string]string, len(*in.Headers))
		for name, value := range *in.Headers {
			if value == apier.HiddenValue && known[name] != "" {
				value = known[name]
			}
			e.Headers[name] = value
		}
	}
	if in.Paused != nil {
		e.Status = apier.EndpointActive
		if *in.Paused {
			e.Status = apier.EndpointPaused
		}
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// createEndpoint answers POST /api/endpoints with the endpoint and, this once, its secret.
func (a *API) createEndpoint(c *call) error {
	var in endpointInput
	if err := decodeInto(c, &in, maxEndpointBody); err != nil {
		return err
	}
	var e apier.Endpoint
	in.applyTo(&e)
	e = e.WithDefaults()
	if faults := e.Validate(); len(faults) > 0 {
		return invalid(faults)
	}
	secret := signature.NewSecret()
	created, err := a.store.CreateEndpoint(c.ctx(), c.id.Tenant, e, secret)
	if err != nil {
		return err
	}
	return answerWith(c.w, http.StatusCreated, withSecret{created, signature.FormatSecret(secret)})
}

// withSecret is an endpoint with its secret.
type withSecret struct {
	endpoint apier.Endpoint
	secret   string
}

// MarshalJSON puts the secret behind the endpoint's own fields.
func (w withSecret) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(w.endpoint)
	if err != nil {
		return nil, err
	}
	secret, err := json.Marshal(w.secret)
	body = append(body[:len(body)-1], `,"secret":`...)
	return append(append(body, secret...), '}'), err
}

// listEndpoints answers GET /api/endpoints, newest first.
func (a *API) listEndpoints(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	limit, faults := readLimit(q, unknownParameters(q, []string{"limit", "starting_after"}))
	if len(faults) > 0 {
		return badQuery(faults)
	}
	page, err := a.store.Endpoints(c.ctx(), c.id.Tenant, store.PageOf[apier.EndpointID]{StartingAfter: apier.EndpointID(q.Get("starting_after")), Limit: limit})
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Endpoints []apier.Endpoint `json:"endpoints"`
		HasMore   bool             `json:"has_more"`
		Seq       apier.Seq        `json:"seq"`
	}{orEmpty(page.Endpoints), page.HasMore, page.Seq})
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (c *call) endpointID() apier.EndpointID { return apier.EndpointID(c.r.PathValue("id")) }

// getEndpoint answers GET /api/endpoints/{id}.
func (a *API) getEndpoint(c *call) error {
	e, err := a.store.Endpoint(c.ctx(), c.id.Tenant, c.endpointID())
	if err != nil {
		return err
	}
	return answer(c.w, e)
}

// updateEndpoint answers PATCH /api/endpoints/{id}: what is named is set, all else stays.
func (a *API) updateEndpoint(c *call) error {
	var in endpointInput
	if err := decodeInto(c, &in, maxEndpointBody); err != nil {
		return err
	}
	e, err := a.store.UpdateEndpoint(c.ctx(), c.id.Tenant, c.endpointID(), func(e *apier.Endpoint) error {
		in.applyTo(e)
		if faults := e.Validate(); len(faults) > 0 {
			return apier.AsError(invalid(faults))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return answer(c.w, e)
}

// deleteEndpoint answers DELETE /api/endpoints/{id} with 204.
func (a *API) deleteEndpoint(c *call) error {
	if err := a.store.DeleteEndpoint(c.ctx(), c.id.Tenant, c.endpointID()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// rotateSecret answers POST /api/endpoints/{id}/rotate-secret with a new secret, this once.
func (a *API) rotateSecret(c *call) error {
	in := struct {
		GraceSeconds *int64 `json:"grace_seconds"`
	}{}
	if err := decodeInto(c, &in, maxEndpointBody); err != nil {
		return err
	}
	grace := int64(24 * 3600)
	set(&grace, in.GraceSeconds)
	if grace < 0 || grace > maxGraceSeconds {
		return invalid([]apier.FieldError{{Field: "grace_seconds", Reason: "must be 0 to 604800, the time for which both secrets sign"}})
	}
	secret := signature.NewSecret()
	if err := a.store.RotateSecret(c.ctx(), c.id.Tenant, c.endpointID(), secret, time.Duration(grace)*time.Second); err != nil {
		return err
	}
	return answer(c.w, struct {
		Secret string `json:"secret"`
	}{signature.FormatSecret(secret)})
}

// testEndpoint answers POST /api/endpoints/{id}/test with the outcome of one attempt. Nothing is stored.
func (a *API) testEndpoint(c *call) error {
	sample := struct {
		Type    *string         `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}{}
	if err := decodeInto(c, &sample, a.opt.MaxPayload+maxEndpointBody); err != nil {
		return err
	}
	event := apier.NewEvent{Type: "test.sent", Source: "apier", Payload: json.RawMessage(`{"test":true}`)}
	set(&event.Type, sample.Type)
	if sample.Payload != nil {
		event.Payload = sample.Payload
	}
	if faults := event.Validate(a.opt.MaxPayload); len(faults) > 0 {
		return invalid(faults)
	}
	if a.opt.Tester == nil {
		return apier.Errorf(apier.CodeUnavailable, "This server sends no webhooks.")
	}
	attempt, err := a.opt.Tester.Test(c.ctx(), c.id.Tenant, c.endpointID(), event)
	if err != nil {
		return err
	}
	return answer(c.w, attempt)
}

// testFilter answers POST /api/endpoints/filter-test: which of the latest events would match.
func (a *API) testFilter(c *call) error {
	in := struct {
		Types  []string        `json:"types"`
		Filter json.RawMessage `json:"filter"`
	}{}
	if err := decodeInto(c, &in, maxEndpointBody); err != nil {
		return err
	}
	probe := apier.Endpoint{URL: "https://probe.invalid/", Types: in.Types, Filter: in.Filter}.WithDefaults()
	if faults := probe.Validate(); len(faults) > 0 {
		return invalid(faults)
	}
	page, err := a.store.List(c.ctx(), c.id.Tenant, store.Filter{Limit: filterTestOf})
	if err != nil {
		return err
	}
	matched := page.Events[:0:0]
	for i := range page.Events {
		if probe.Takes(&page.Events[i]) {
			matched = append(matched, page.Events[i])
		}
	}
	body := append([]byte(`{"tested":`), jsonInt(len(page.Events))...)
	body = appendEvents(append(body, `,"matched":`...), matched)
	writeJSON(c.w, http.StatusOK, append(body, '}'))
	return nil
}

// decodeInto reads a JSON object of at most limit bytes. An empty body is an empty object; fields that dst has not
// are refused.
func decodeInto(c *call, dst any, limit int) error {
	body, err := readBody(c, limit)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if err := checkJSON(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return fieldError(d.Decode(dst))
}

func fieldError(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field == "":
		return apier.Errorf(apier.CodeMalformed, "The body must be a JSON object.")
	case errors.As(err, &wrong):
		return invalid([]apier.FieldError{{Field: wrong.Field, Reason: "must be " + kindName(wrong.Type.String()) + ", not a " + wrong.Value}})
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return invalid([]apier.FieldError{{Field: strings.Trim(name, `"`), Reason: "is not a field here; GET /api/docs lists them"}})
	}
	return apier.Errorf(apier.CodeMalformed, "The body cannot be read.")
}

func kindName(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map"):
		return "an object"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "float"):
		return "a number"
	case goType == "bool":
		return "true or false"
	default:
		return "a string"
	}
}
