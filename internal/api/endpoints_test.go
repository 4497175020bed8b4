package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/signature"
	"github.com/apier/apier/internal/store"
)

// recordingTester keeps what it was asked to send.
type recordingTester struct {
	fakeTester
	samples []apier.NewEvent
}

func (r *recordingTester) Test(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, sample apier.NewEvent) (apier.Attempt, error) {
	r.samples = append(r.samples, sample)
	return r.fakeTester.Test(ctx, tenant, id, sample)
}

type endpointBody struct {
	ID     apier.EndpointID
	Secret string
	Status apier.EndpointStatus
	URL    string
	Types  []string
	Filter json.RawMessage

	Headers         map[string]string
	MaxInFlight     int     `json:"max_in_flight"`
	TimeoutMS       int64   `json:"timeout_ms"`
	RetryScheduleMS []int64 `json:"retry_schedule_ms"`
	OrderKey        string  `json:"order_key"`
	DisabledReason  *string `json:"disabled_reason"`
	Pending, Failed int64
}

// newEndpoint makes one; settings is a JSON object without url.
func (w *world) newEndpoint(t *testing.T, settings string) (e endpointBody) {
	t.Helper()
	body := strings.Replace(settings, "{", `{"url":"https://shop.example/hooks",`, 1)
	w.do(t, "POST", "/api/endpoints", strings.Replace(body, ",}", "}", 1), as(w.admin)...).want(t, 201, &e)
	return e
}

// attempt ends one delivery of an endpoint as a dispatcher would.
func (w *world) attempt(t *testing.T, id apier.EndpointID, attempt apier.Attempt, verdict store.Verdict) apier.Delivery {
	t.Helper()
	claims, err := w.store.Claim(t.Context(), auth.DefaultTenant, id, 1, time.Minute)
	if err != nil || len(claims.Claimed) != 1 {
		t.Fatalf("claim: %+v, %v", claims, err)
	}
	d, err := w.store.Finish(t.Context(), auth.DefaultTenant, claims.Claimed[0], attempt, verdict)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) giveUp(t *testing.T, id apier.EndpointID) apier.Delivery {
	t.Helper()
	return w.attempt(t, id, apier.Attempt{StatusCode: 500, ErrorKind: apier.ErrorHTTP5xx, ErrorMessage: "500", StartedAt: 1}, store.Verdict{Status: apier.DeliveryFailed})
}

func TestEndpointHasDefaultsAndASecretOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	e := w.newEndpoint(t, `{}`)
	if e.MaxInFlight != 10 || e.TimeoutMS != 15_000 || !slices.Equal(e.RetryScheduleMS, apier.DefaultRetrySchedule()) || e.Status != apier.EndpointActive ||
		string(e.Filter) != "null" || e.Types == nil || e.Headers == nil {
		t.Errorf("created %+v", e)
	}
	raw, err := signature.ParseSecret(e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := w.store.Secrets(t.Context(), auth.DefaultTenant, e.ID)
	if err != nil || len(secrets) != 1 || string(secrets[0]) != string(raw) {
		t.Errorf("stored are %d secrets (%v)", len(secrets), err)
	}
	for _, path := range []string{"/api/endpoints", "/api/endpoints/" + string(e.ID)} {
		if got := w.do(t, "GET", path, "", as(w.reader)...); got.status != 200 || strings.Contains(string(got.body), "whsec_") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	own := w.newEndpoint(t, `{"secret":"`+e.Secret+`","paused":true}`)
	if own.Secret != e.Secret || own.Status != apier.EndpointPaused {
		t.Errorf("with a secret of its own: %+v", own)
	}
	w.secrets = append(w.secrets, e.Secret)
}

// Whoever makes an endpoint learns at once that its address is one that nothing goes to. It is no fault: the operator
// may allow it.
func TestEndpointThatCannotBeReachedHasAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{CheckHost: func(host string) error {
		if host == "10.0.0.1" {
			return errors.New("it is inside")
		}
		return nil
	}}})
	var e struct {
		endpointBody
		Warning string `json:"warning"`
	}
	w.do(t, "POST", "/api/endpoints", `{"url":"https://10.0.0.1:8443/hooks"}`, as(w.admin)...).want(t, 201, &e)
	path := "/api/endpoints/" + string(e.ID)
	for name, answer := range map[string]reply{
		"GET": w.do(t, "GET", path, "", as(w.admin)...), "PATCH": w.do(t, "PATCH", path, `{"paused":true}`, as(w.admin)...),
	} {
		if !strings.HasSuffix(string(answer.body), `"warning":"No attempt will reach it: it is inside."}`) {
			t.Errorf("%s: %s", name, answer.body)
		}
	}
	if e.Warning != "No attempt will reach it: it is inside." || e.Secret == "" {
		t.Errorf("POST: %+v", e)
	}
	if answer := w.do(t, "PATCH", path, `{"url":"https://shop.example"}`, as(w.admin)...); answer.status != 200 || strings.Contains(string(answer.body), "warning") {
		t.Errorf("elsewhere: %d %s", answer.status, answer.body)
	}
}

func TestEndpointFaultsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for body, fields := range map[string][]string{
		``:   {"url"},
		`{}`: {"url"},
		`{"url":"ftp://x","URL":"https://a.example","retries":3}`: {"URL", "retries", "url"},
		`{"url":1,"types":"a","filter":3,"headers":[],"rate_per_second":"x","max_in_flight":1.5,"timeout_ms":true,"retry_schedule_ms":["a"],"order_key":{},"paused":"yes","description":0}`: {
			"url", "types", "headers", "rate_per_second", "max_in_flight", "timeout_ms", "retry_schedule_ms", "order_key", "paused", "description", "filter",
		},
		`{"url":"https://a.example","url":"https://b.example"}`: {"url"},
		`{"url":"https://u:p@a.example/#f"}`:                    {"url"},
		`{"url":"https://a.example","types":["a b",""],"max_in_flight":-1,"timeout_ms":5,"rate_per_second":-1,"retry_schedule_ms":[-1],"order_key":"a..b"}`: {
			"types[0]", "types[1]", "rate_per_second", "max_in_flight", "timeout_ms", "retry_schedule_ms[0]", "order_key",
		},
		`{"url":"https://a.example","filter":{"payload.a":{"like":1},"any":[]}}`:          {"filter.any", "filter.payload.a"},
		`{"url":"https://a.example","headers":{"Webhook-Id":"x","A b":"x","X-A":"a\nb"}}`: {"headers.A b", "headers.Webhook-Id", "headers.X-A"},
		`{"url":"https://a.example","headers":{"Authorization":"(set)"}}`:                 {"headers.Authorization"},
		`{"url":"https://a.example","secret":"whsec_short"}`:                              {"secret"},
	} {
		p := w.do(t, "POST", "/api/endpoints", body, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
		got := make([]string, len(p.Errors))
		for i, f := range p.Errors {
			got[i] = f.Field
		}
		if !slices.Equal(got, fields) {
			t.Errorf("%s\nnames %q, want %q", body, got, fields)
		}
	}
	for _, body := range []string{`[]`, `"x"`, `{`} {
		if got := w.do(t, "POST", "/api/endpoints", body, as(w.admin)...); got.status != 422 && got.status != 400 {
			t.Errorf("%s: %d", body, got.status)
		}
	}
	if w.seq(t) != 0 {
		t.Error("something was stored")
	}
}

func TestPatchKeepsWhatItDoesNotName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	path := "/api/endpoints/" + string(w.newEndpoint(t, `{"types":["order.*"],"order_key":"id","headers":{"Authorization":"Bearer inner","X-Team":"a"},"timeout_ms":2000}`).ID)
	var e endpointBody
	w.do(t, "PATCH", path, `{"types":["user.*"],"timeout_ms":null,"headers":{"authorization":"(set)","X-New":"b"}}`, as(w.admin)...).want(t, 200, &e)
	if !slices.Equal(e.Types, []string{"user.*"}) || e.OrderKey != "id" || e.TimeoutMS != apier.TimeoutDefaultMS || e.URL != "https://shop.example/hooks" {
		t.Errorf("patched %+v", e)
	}
	stored, err := w.store.Endpoint(t.Context(), auth.DefaultTenant, e.ID)
	if want := map[string]string{"authorization": "Bearer inner", "X-New": "b"}; err != nil || len(stored.Headers) != 2 || stored.Headers["authorization"] != want["authorization"] || stored.Headers["X-New"] != "b" {
		t.Errorf("headers are %v, want %v (%v)", stored.Headers, want, err)
	}
	for body, field := range map[string]string{
		`{"id":"ep_x"}`: "id", `{"pending":3}`: "pending", `{"secret":"x"}`: "secret", `{"status":"disabled"}`: "status", `{"status":null}`: "status",
		`{"status":"active","paused":true}`: "status", `{"url":null}`: "url", `{"headers":{"Cookie":"(set)"}}`: "headers.Cookie",
	} {
		p := w.do(t, "PATCH", path, body, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
		if len(p.Errors) != 1 || p.Errors[0].Field != field || p.Errors[0].Reason == "" {
			t.Errorf("%s: %+v", body, p.Errors)
		}
	}
	if again, err := w.store.Endpoint(t.Context(), auth.DefaultTenant, e.ID); err != nil || again.Seq != stored.Seq || again.URL == "" {
		t.Errorf("a refused patch left %+v (%v)", again, err)
	}
}

// The value of a header is shown nowhere, not even in the answer that stores it, and one that is sent back as it was shown
// is kept. One that was stored before a rule refuses no change of other settings.
func TestValuesOfHeadersAreHiddenAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	got := w.do(t, "POST", "/api/endpoints", `{"url":"https://shop.example/hooks","headers":{"X-Shop-Pass":"inner","x-functions-key":"inner"}}`, as(w.admin)...)
	var e endpointBody
	got.want(t, 201, &e)
	path := "/api/endpoints/" + string(e.ID)
	legacy := func(e *apier.Endpoint) error { e.Headers["X-Name"] = "Läden"; return nil }
	if _, err := w.store.UpdateEndpoint(t.Context(), auth.DefaultTenant, e.ID, legacy); err != nil {
		t.Fatal(err)
	}
	shown := got.body
	for _, body := range []string{`{"description":"x"}`, `{"headers":{"X-Shop-Pass":"(set)","X-FUNCTIONS-KEY":"(set)","X-Name":"(set)"}}`} {
		answer := w.do(t, "PATCH", path, body, as(w.admin)...)
		answer.want(t, 200, nil)
		shown = append(shown, answer.body...)
	}
	shown = append(append(shown, w.do(t, "GET", path, "", as(w.admin)...).body...), w.do(t, "GET", "/api/endpoints", "", as(w.admin)...).body...)
	if bytes.Contains(shown, []byte("inner")) {
		t.Errorf("shown: %s", shown)
	}
	stored, err := w.store.Endpoint(t.Context(), auth.DefaultTenant, e.ID)
	want := map[string]string{"X-Shop-Pass": "inner", "X-FUNCTIONS-KEY": "inner", "X-Name": "Läden"}
	if err != nil || !maps.Equal(stored.Headers, want) {
		t.Errorf("stored: %v %v", stored.Headers, err)
	}
	w.do(t, "PATCH", path, `{"headers":{"X-Name":"Büro"}}`, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
}

func TestPauseAndEnable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	path := "/api/endpoints/" + string(w.newEndpoint(t, `{}`).ID)
	patched := func(body string) (e endpointBody) {
		t.Helper()
		w.do(t, "PATCH", path, body, as(w.admin)...).want(t, 200, &e)
		return e
	}
	for body, want := range map[string]apier.EndpointStatus{`{"paused":true}`: apier.EndpointPaused, `{"status":"paused"}`: apier.EndpointPaused} {
		if e := patched(body); e.Status != want {
			t.Errorf("%s: %s", body, e.Status)
		}
		if e := patched(`{"paused":false}`); e.Status != apier.EndpointActive {
			t.Errorf("not paused: %s", e.Status)
		}
	}
	w.create(t, "a.b", "s", `{}`)
	e := patched(`{}`)
	w.attempt(t, e.ID, apier.Attempt{StatusCode: 410, ErrorKind: apier.ErrorHTTP4xx, ErrorMessage: "410 Gone"},
		store.Verdict{Status: apier.DeliveryFailed, DisableReason: "It answered 410 Gone"})
	if e = patched(`{"description":"gone?"}`); e.Status != apier.EndpointDisabled || e.DisabledReason == nil {
		t.Errorf("disabled: %+v", e)
	}
	w.do(t, "POST", path+"/recover", `{"kind":"retry_failed","since":"2025-11-14T00:00:00Z"}`).refused(t, 409, apier.CodeConflict)
	if e = patched(`{"status":"active"}`); e.Status != apier.EndpointActive || e.DisabledReason != nil {
		t.Errorf("enabled: %+v", e)
	}
}

func TestRotateSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	e := w.newEndpoint(t, `{}`)
	path := "/api/endpoints/" + string(e.ID) + "/rotate-secret"
	for i, body := range []string{``, `{"grace_seconds":60}`, `{"grace_seconds":0}`} {
		var rotated struct{ Secret string }
		w.do(t, "POST", path, body, as(w.admin)...).want(t, 200, &rotated)
		secrets, err := w.store.Secrets(t.Context(), auth.DefaultTenant, e.ID)
		if want := []int{2, 3, 1}[i]; err != nil || len(secrets) != want || signature.FormatSecret(secrets[0]) != rotated.Secret {
			t.Errorf("%s: %d secrets in force, want %d (%v)", body, len(secrets), want, err)
		}
	}
	for _, body := range []string{`{"grace_seconds":-1}`, `{"grace_seconds":604801}`, `{"grace_seconds":"1"}`, `{"grace":1}`} {
		w.do(t, "POST", path, body, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
	}
}

func TestEndpointIsTestedWithASample(t *testing.T) {
	t.Parallel()
	d := &recordingTester{}
	w := newWorld(t, worldOptions{api: Options{Tester: d}})
	d.store = w.store
	path := "/api/endpoints/" + string(w.newEndpoint(t, `{}`).ID) + "/test"
	var attempt struct {
		StatusCode int `json:"status_code"`
	}
	w.do(t, "POST", path, ``, as(w.admin)...).want(t, 200, &attempt)
	w.do(t, "POST", path, `{"type":"a.b","payload":{"n": 1}}`, as(w.admin)...).want(t, 200, nil)
	if attempt.StatusCode != 200 || d.samples[0].Type != "apier.test" || d.samples[1].Type != "a.b" || string(d.samples[1].Payload) != `{"n": 1}` {
		t.Errorf("sent %+v", d.samples)
	}
	for _, body := range []string{`{"type":"a b"}`, `{"payload":3}`, `{"payload":null}`, `{"source":"x"}`} {
		w.do(t, "POST", path, body, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
	}
	w.do(t, "POST", "/api/endpoints/ep_x/test", ``, as(w.admin)...).refused(t, 404, apier.CodeNotFound)
	if n := w.seq(t); n != 1 {
		t.Errorf("a test stored something: seq %d", n)
	}
}

func TestFilterIsTriedOnTheLatestEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	small, large := w.create(t, "order.created", "shop", `{"total":5}`), w.create(t, "order.created", "shop", `{"total":500}`)
	w.create(t, "user.created", "shop", `{"total":500}`)
	for body, want := range map[string][]apier.EventID{
		`{"types":["order.*"],"filter":{"payload.total":{"gte":100}}}`: {large.ID},
		`{"types":["order.*"],"filter":null}`:                          {large.ID, small.ID},
		`{"filter":{"payload.total":5}}`:                               {small.ID},
		`{"types":["nothing"]}`:                                        {},
	} {
		var got struct {
			Matched []eventBody
			Tested  int
		}
		w.do(t, "POST", "/api/endpoints/filter-test", body).want(t, 200, &got)
		ids := make([]apier.EventID, len(got.Matched))
		for i := range got.Matched {
			ids[i] = got.Matched[i].ID
		}
		if got.Tested != 3 || got.Matched == nil || !slices.Equal(ids, want) {
			t.Errorf("%s: %v of %d, want %v", body, ids, got.Tested, want)
		}
	}
	w.do(t, "POST", "/api/endpoints/filter-test", `{"filter":{"total":5},"types":["a b"]}`).refused(t, 422, apier.CodeInvalid)
}

func TestWebhooksOfOthersAreNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	samples := w.samples(t)
	before := w.seq(t)
	for _, r := range table() {
		for _, noun := range []string{"/api/endpoints/{id}", "/api/deliveries/", "/api/recoveries/", "/api/events/{id}/deliveries"} {
			if _, path, _ := strings.Cut(r.pattern, " "); strings.HasPrefix(path, noun) {
				method, path, body := concrete(r, samples)
				w.do(t, method, path, body, as(w.foreign)...).refused(t, 404, apier.CodeNotFound)
			}
		}
	}
	if w.seq(t) != before {
		t.Error("something was changed")
	}
}

func TestEndpointPagesAndDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	first, second := w.newEndpoint(t, `{}`), w.newEndpoint(t, `{}`)
	var page struct {
		Endpoints []endpointBody
		HasMore   bool `json:"has_more"`
	}
	w.do(t, "GET", "/api/endpoints?limit=1", "").want(t, 200, &page)
	if len(page.Endpoints) != 1 || page.Endpoints[0].ID != second.ID || !page.HasMore {
		t.Errorf("first page %+v", page)
	}
	w.do(t, "GET", "/api/endpoints?limit=1&starting_after="+string(second.ID), "").want(t, 200, &page)
	if len(page.Endpoints) != 1 || page.Endpoints[0].ID != first.ID || page.HasMore {
		t.Errorf("second page %+v", page)
	}
	w.do(t, "GET", "/api/endpoints?status=active", "").refused(t, 422, apier.CodeInvalid)
	w.do(t, "DELETE", "/api/endpoints/"+string(first.ID), "", as(w.admin)...).want(t, 204, nil)
	w.do(t, "GET", "/api/endpoints/"+string(first.ID), "").refused(t, 404, apier.CodeNotFound)
	w.do(t, "DELETE", "/api/endpoints/"+string(first.ID), "", as(w.admin)...).refused(t, 404, apier.CodeNotFound)
}
