package api

import (
	"encoding/json"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/signature"
	"github.com/apier/apier/internal/store"
)

// endpointFields are what a request may set.
func endpointFields(e *apier.Endpoint) []field {
	return []field{
		{"url", &e.URL},
		{"description", &e.Description},
		{"types", &e.Types},
		{"filter", &e.Filter},
		{"headers", &e.Headers},
		{"rate_per_second", &e.RatePerSecond},
		{"max_in_flight", &e.MaxInFlight},
		{"timeout_ms", &e.TimeoutMS},
		{"retry_schedule_ms", &e.RetryScheduleMS},
		{"order_key", &e.OrderKey},
	}
}

// createEndpoint answers POST /api/endpoints with the endpoint and, this once, its secret.
func (a *API) createEndpoint(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	var (
		e      apier.Endpoint
		paused bool
		secret string
	)
	faults := body.decode(append(endpointFields(&e), field{"paused", &paused}, field{"secret", &secret})...)
	if paused {
		e.Status = apier.EndpointPaused
	}
	e.Description = norm.NFC.String(e.Description)
	e = e.WithDefaults()
	faults = withFaults(withFaults(faults, e.Validate()), hiddenHeaders(e.Headers))
	raw := signature.NewSecret()
	if secret != "" {
		if raw, err = signature.ParseSecret(secret); err != nil {
			faults = append(faults, apier.FieldError{Field: "secret", Reason: "cannot be used: " + err.Error()})
		}
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	created, err := a.store.CreateEndpoint(c.ctx(), c.id.Tenant, e, raw)
	if err != nil {
		return err
	}
	return a.answerEndpoint(c, http.StatusCreated, created, signature.FormatSecret(raw))
}

// answerEndpoint answers with an endpoint, its secret if there is one to show, and a warning where its address, as it is
// spelled, cannot be reached. That is no fault: the operator may allow it later.
func (a *API) answerEndpoint(c *call, status int, e apier.Endpoint, secret string) error {
	text, err := json.Marshal(e)
	if err == nil && secret != "" {
		text, err = withMember(json.RawMessage(text), "secret", secret)
	}
	if u, parseErr := url.Parse(e.URL); err == nil && parseErr == nil {
		if unreachable := a.opt.CheckHost(u.Hostname()); unreachable != nil {
			text, err = withMember(json.RawMessage(text), "warning", "No attempt will reach it: "+unreachable.Error()+".")
		}
	}
	if err != nil {
		return err
	}
	writeJSON(c.w, status, text)
	return nil
}

// hiddenHeaders refuses the word that stands for a value which is not shown.
func hiddenHeaders(headers map[string]string) (faults []apier.FieldError) {
	for name, value := range headers {
		if value == apier.HiddenValue {
			faults = append(faults, apier.FieldError{Field: "headers." + name, Reason: "is " + apier.HiddenValue + ", which stands for a value that is not shown; give the value itself"})
		}
	}
	return faults
}

// listEndpoints answers GET /api/endpoints: {endpoints, has_more, seq}, newest first.
func (a *API) listEndpoints(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	faults := unknownParameters(q, []string{"limit", "starting_after", "ids"})
	page := store.PageOf[apier.EndpointID]{StartingAfter: apier.EndpointID(q.Get("starting_after"))}
	if page.Limit, faults = readLimit(q, faults); len(faults) > 0 {
		return badQuery(faults)
	}
	if ids := q.Get("ids"); ids != "" {
		return a.namedEndpoints(c, ids)
	}
	found, err := a.store.Endpoints(c.ctx(), c.id.Tenant, page)
	if err != nil {
		return err
	}
	return answerEndpoints(c, found)
}

// getEndpoint answers GET /api/endpoints/{id}.
func (a *API) getEndpoint(c *call) error {
	e, err := a.store.Endpoint(c.ctx(), c.id.Tenant, c.endpoint())
	if err != nil {
		return err
	}
	return a.answerEndpoint(c, http.StatusOK, e, "")
}

func (c *call) endpoint() apier.EndpointID { return apier.EndpointID(c.r.PathValue("id")) }

// deleteEndpoint answers DELETE /api/endpoints/{id} with 204.
func (a *API) deleteEndpoint(c *call) error {
	if err := a.store.DeleteEndpoint(c.ctx(), c.id.Tenant, c.endpoint()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// updateEndpoint answers PATCH /api/endpoints/{id}: what the body does not name stays.
func (a *API) updateEndpoint(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	updated, err := a.store.UpdateEndpoint(c.ctx(), c.id.Tenant, c.endpoint(), func(e *apier.Endpoint) error { return patch(e, body) })
	if err != nil {
		return err
	}
	return a.answerEndpoint(c, http.StatusOK, updated, "")
}

func patch(e *apier.Endpoint, body object) error {
	before := e.Validate()
	var (
		headers = e.Headers
		paused  bool
		status  string
	)
	faults := body.decode(append(endpointFields(e), field{"paused", &paused}, field{"status", &status})...)
	keepHidden(e.Headers, headers)
	switch {
	case body.has("status") && body.has("paused"):
		faults = withFaults(faults, []apier.FieldError{{Field: "status", Reason: "and paused say the same; give one of them"}})
	case body.has("status"):
		if status != string(apier.EndpointActive) && status != string(apier.EndpointPaused) {
			faults = withFaults(faults, []apier.FieldError{{Field: "status", Reason: "must be active or paused; disabled is what the server makes of an endpoint that fails for days"}})
		}
		e.Status = apier.EndpointStatus(status)
	case body.has("paused") && paused:
		e.Status = apier.EndpointPaused
	case body.has("paused"):
		e.Status = apier.EndpointActive
	}
	if body.has("description") {
		e.Description = norm.NFC.String(e.Description)
	}
	*e = e.WithDefaults()
	valid := unlessKept(newFaults(before, e.Validate(), body), e.Headers, headers)
	if faults = withFaults(withFaults(faults, valid), hiddenHeaders(e.Headers)); len(faults) > 0 {
		return invalid(faults)
	}
	return nil
}

// newFaults returns the faults that a change brings. What was stored under older rules, and is not named by the
// change, does not stand in its way.
func newFaults(before, after []apier.FieldError, change object) []apier.FieldError {
	return slices.DeleteFunc(after, func(f apier.FieldError) bool {
		root := f.Field
		if i := strings.IndexAny(root, ".["); i > 0 {
			root = root[:i]
		}
		return !change.has(root) && slices.Contains(before, f)
	})
}

// unlessKept leaves out the faults of headers that are stored already: a rule that came later refuses no other change.
func unlessKept(faults []apier.FieldError, headers, before map[string]string) []apier.FieldError {
	return slices.DeleteFunc(faults, func(f apier.FieldError) bool {
		name, ok := strings.CutPrefix(f.Field, "headers.")
		kept, was := before[name]
		return ok && was && kept == headers[name]
	})
}

// keepHidden puts the values back that are not shown, so that what was read may be sent back as it is.
func keepHidden(headers, before map[string]string) {
	for name, value := range headers {
		for old, kept := range before {
			if value == apier.HiddenValue && textproto.CanonicalMIMEHeaderKey(old) == textproto.CanonicalMIMEHeaderKey(name) {
				headers[name] = kept
			}
		}
	}
}

// withMember gives the JSON of an object with one more member at its end.
func withMember(object any, name string, value any) ([]byte, error) {
	body, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	more, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		return nil, err
	}
	return append(append(body[:len(body)-1], ','), more[1:]...), nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
