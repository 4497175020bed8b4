package apier_test

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/apier/apier"
)

func TestEndpointValidate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	for name, tc := range map[string]struct {
		change func(*apier.Endpoint)
		fields []string
	}{
		"defaults":     {func(*apier.Endpoint) {}, nil},
		"no url":       {func(e *apier.Endpoint) { e.URL = "" }, []string{"url"}},
		"relative":     {func(e *apier.Endpoint) { e.URL = "/hooks" }, []string{"url"}},
		"no host":      {func(e *apier.Endpoint) { e.URL = "https://:80/x" }, []string{"url"}},
		"scheme":       {func(e *apier.Endpoint) { e.URL = "file:///etc/passwd" }, []string{"url"}},
		"user":         {func(e *apier.Endpoint) { e.URL = "https://u:p@shop.example" }, []string{"url"}},
		"fragment":     {func(e *apier.Endpoint) { e.URL = "https://shop.example/#x" }, []string{"url"}},
		"long url":     {func(e *apier.Endpoint) { e.URL = "https://shop.example/" + long }, []string{"url"}},
		"plain http":   {func(e *apier.Endpoint) { e.URL = "http://localhost:8080/api/webhook" }, nil},
		"description":  {func(e *apier.Endpoint) { e.Description = long }, []string{"description"}},
		"globs":        {func(e *apier.Endpoint) { e.Types = []string{"order.*", "*", "a b", ""} }, []string{"types[2]", "types[3]"}},
		"many globs":   {func(e *apier.Endpoint) { e.Types = slices.Repeat([]string{"a"}, 51) }, []string{"types"}},
		"filter":       {func(e *apier.Endpoint) { e.Filter = json.RawMessage(`{"x":1}`) }, []string{"filter.x"}},
		"port":         {func(e *apier.Endpoint) { e.URL = "https://shop.example:65536/" }, []string{"url"}},
		"port 0":       {func(e *apier.Endpoint) { e.URL = "https://shop.example:0/" }, []string{"url"}},
		"a port":       {func(e *apier.Endpoint) { e.URL = "https://shop.example:65535/" }, nil},
		"numbers":      {func(e *apier.Endpoint) { e.RatePerSecond, e.MaxInFlight, e.TimeoutMS = -1, 1001, 999 }, []string{"rate_per_second", "max_in_flight", "timeout_ms"}},
		"schedule":     {func(e *apier.Endpoint) { e.RetryScheduleMS = []int64{0, -1, apier.MaxRetryWaitMS + 1} }, []string{"retry_schedule_ms[1]", "retry_schedule_ms[2]"}},
		"many waits":   {func(e *apier.Endpoint) { e.RetryScheduleMS = make([]int64, 21) }, []string{"retry_schedule_ms"}},
		"order":        {func(e *apier.Endpoint) { e.OrderKey = "a..b" }, []string{"order_key"}},
		"long order":   {func(e *apier.Endpoint) { e.OrderKey = long }, []string{"order_key"}},
		"good headers": {func(e *apier.Endpoint) { e.Headers = map[string]string{"Authorization": "Bearer x", "X-Team": "a\tb"} }, nil},
		"own headers": {
			func(e *apier.Endpoint) {
				e.Headers = map[string]string{"webhook-signature": "x", "host": "x", "TE": "x", "apier-attempt": "1", "Content-Length": "1"}
			},
			[]string{"headers.Content-Length", "headers.TE", "headers.apier-attempt", "headers.host", "headers.webhook-signature"},
		},
		"bad headers": {
			func(e *apier.Endpoint) {
				e.Headers = map[string]string{"": "x", "A B": "x", "X-A": "a\r\nX-B: c", "X-L": long}
			},
			[]string{"headers.", "headers.A B", "headers.X-A", "headers.X-L"},
		},
	} {
		e := apier.Endpoint{URL: "https://shop.example/hooks"}.WithDefaults()
		tc.change(&e)
		var fields []string
		for _, f := range e.Validate() {
			fields = append(fields, f.Field)
			if f.Reason == "" {
				t.Errorf("%s: %s has no reason", name, f.Field)
			}
		}
		if !slices.Equal(fields, tc.fields) {
			t.Errorf("%s: faults at %q, want %q", name, fields, tc.fields)
		}
	}
}

// Limits are written as people write them: a wait of a week is no 6.048e+08.
func TestEndpointLimitsAreWrittenOut(t *testing.T) {
	t.Parallel()
	e := apier.Endpoint{URL: "https://shop.example/hooks"}.WithDefaults()
	e.MaxInFlight, e.RetryScheduleMS = 100_000_000, []int64{-1}
	var reasons []string
	for _, f := range e.Validate() {
		reasons = append(reasons, f.Reason)
	}
	if want := []string{"must be 1 to 1000, not 100000000", "must be 0 to 604800000, not -1"}; !slices.Equal(reasons, want) {
		t.Errorf("%q, want %q", reasons, want)
	}
}

func TestMatchGlob(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		glob, name string
		want       bool
	}{
		{"*", "", true},
		{"*", "order.created", true},
		{"order.*", "order.created", true},
		{"order.*", "order.", true},
		{"order.*", "order", false},
		{"*.created", "order.created", true},
		{"*.created", "order.created.x", false},
		{"o*r*d", "order.created", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*b", "ab", false},
		{"a**b", "ab", true},
		{"", "", true},
		{"", "x", false},
		{"order", "Order", false},
		{"*ab*", "aab", true},
		{"*aab", "aaab", true},
	} {
		if got := apier.MatchGlob(tc.glob, tc.name); got != tc.want {
			t.Errorf("%q of %q: %v", tc.glob, tc.name, got)
		}
	}
}

// In names of types, path.Match means the same by *.
func FuzzMatchGlob(f *testing.F) {
	f.Add("a*b*c", "aXbYc")
	f.Add("*ab*ab", "abab")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if strings.ContainsAny(glob, `?[\/`) || strings.Contains(name, "/") {
			return
		}
		if want, err := path.Match(glob, name); err == nil && apier.MatchGlob(glob, name) != want {
			t.Errorf("%q of %q: want %v", glob, name, want)
		}
	})
}

func TestEndpointTakes(t *testing.T) {
	t.Parallel()
	e := apier.Endpoint{Types: []string{"order.*"}, Filter: json.RawMessage(`{"payload.n":1}`)}
	for want, event := range map[bool]apier.Event{
		true:  {Type: "order.created", Payload: json.RawMessage(`{"n":1}`)},
		false: {Type: "order.created", Payload: json.RawMessage(`{"n":2}`)},
	} {
		if e.Takes(&event) != want {
			t.Errorf("%s: want %v", event.Payload, want)
		}
	}
	if e.Takes(&apier.Event{Type: "user.created", Payload: json.RawMessage(`{"n":1}`)}) {
		t.Error("another type is taken")
	}
}

func TestJSONOfWebhooks(t *testing.T) {
	t.Parallel()
	e := apier.Endpoint{ID: "ep_1", URL: "https://shop.example", Headers: map[string]string{"authorization": "Bearer inner", "X-Team": "a"}}
	text := mustJSON(t, e)
	if strings.Contains(text, "inner") || !strings.Contains(text, `"X-Team":"(set)"`) || !strings.Contains(text, `"filter":null`) || !strings.Contains(text, `"hold_until":null`) {
		t.Errorf("endpoint is %s", text)
	}
	if e.Headers["authorization"] != "Bearer inner" {
		t.Error("showing it has changed it")
	}
	text = mustJSON(t, apier.Attempt{Number: 1, StartedAt: 1, ResponseBody: []byte("a\xffb")})
	for _, part := range []string{`"response_body":"a` + "\uFFFD" + `b"`, `"status_code":null`, `"error_kind":null`, `"request_headers":{}`, `"next_attempt_at":null`, `"dns_ms":null`, `"connect_ms":null`, `"tls_ms":null`, `"ttfb_ms":null`} {
		if !strings.Contains(text, part) {
			t.Errorf("attempt is %s, without %s", text, part)
		}
	}
	text = mustJSON(t, apier.Delivery{ID: "dlv_1", Tries: 7})
	if strings.Contains(text, "ries") || !strings.Contains(text, `"due_at":null`) || !strings.Contains(text, `"blocked_by":null`) {
		t.Errorf("delivery is %s", text)
	}
	if text = mustJSON(t, apier.Recovery{ID: "rec_1"}); !strings.Contains(text, `"types":[]`) || !strings.Contains(text, `"source_endpoint_id":null`) {
		t.Errorf("recovery is %s", text)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestHeadersThatHoldACredentialAreNotShown(t *testing.T) {
	t.Parallel()
	for name, hidden := range map[string]bool{
		"Authorization": true, "Cookie": true, "X-Api-Key": true, "x-auth-token": true, "Private-Token": true, "X-Shop-Secret": true,
		"Set-Cookie": true, "apikey": true, "X-Vault-Password": true,
		"X-Team": false, "Content-Type": false, "WWW-Authenticate": false, "Webhook-Signature": false, "Idempotency-Key": false,
	} {
		if shown := apier.SecretHeaders(map[string]string{name: "inner"})[name]; (shown == apier.HiddenValue) != hidden {
			t.Errorf("%s is shown as %s", name, shown)
		}
	}
}

// No name tells whether a value is a secret, so none that an endpoint's settings gave is shown, neither with the endpoint
// nor with an attempt, be it one that was stored before they were hidden.
func TestValuesOfAnEndpointsHeadersAreHidden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Authorization", "X-Shop-Pass", "X-Sig", "x-functions-key", "X-Team", "Idempotency-Key"} {
		text := mustJSON(t, apier.Endpoint{Headers: map[string]string{name: "inner"}}) +
			mustJSON(t, apier.Attempt{RequestHeaders: map[string]string{strings.ToLower(name): "inner"}})
		if strings.Contains(text, "inner") || strings.Count(text, apier.HiddenValue) != 2 {
			t.Errorf("%s", text)
		}
	}
	own := mustJSON(t, apier.Attempt{RequestHeaders: map[string]string{"webhook-id": "evt_1", "apier-attempt": "3", "content-type": "application/json"}})
	if strings.Contains(own, apier.HiddenValue) {
		t.Errorf("the sender's own are hidden: %s", own)
	}
}

func TestIDsOfEndpointsAndDeliveries(t *testing.T) {
	t.Parallel()
	raw := [16]byte{1, 2, 3, 250, 251, 252, 253, 254, 255}
	if got, ok := apier.ParseEndpointID(apier.FormatEndpointID(raw)); !ok || got != raw {
		t.Errorf("endpoint: %v %v", got, ok)
	}
	if got, ok := apier.ParseDeliveryID(apier.FormatDeliveryID(raw)); !ok || got != raw {
		t.Errorf("delivery: %v %v", got, ok)
	}
	if _, ok := apier.ParseEndpointID(apier.EndpointID(apier.FormatDeliveryID(raw))); ok {
		t.Error("the id of a delivery is read as that of an endpoint")
	}
}

func TestADeliveryIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for _, d := range []apier.Delivery{{}, {
		ID: "dlv_1", EventID: "evt_1", EventType: "order.created", EndpointID: "ep_1", Status: apier.DeliveryPending, Attempts: 2, DueAt: 3, LeasedUntil: 4,
		OrderKey: "k", BlockedBy: "evt_0", StatusCode: 503, ErrorKind: apier.ErrorHTTP5xx, ErrorMessage: "503", CreatedAt: 1, UpdatedAt: 2, Seq: 9,
	}} {
		var read apier.Delivery
		if err := json.Unmarshal([]byte(mustJSON(t, d)), &read); err != nil || read != d {
			t.Errorf("%+v, %v, want %+v", read, err, d)
		}
	}
}
