package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/signature"
	"github.com/apier/apier/internal/store"
)

type logBody struct {
	Logs    []webhookBody
	HasMore bool `json:"has_more"`
	Seq     apier.Seq
}

type webhookBody struct {
	ID         string
	Verified   bool
	StatusCode int `json:"status_code"`
	Reason     *string
	EndpointID *string `json:"endpoint_id"`
	WebhookID  *string `json:"webhook_id"`
	EventType  *string `json:"event_type"`
	Replayed   bool
	Size       int
	Headers    map[string]string
	Body       string
	Truncated  bool `json:"body_truncated"`
}

// deliver sends a webhook, signed with the secrets, to the receiver. headers are pairs.
func (w *world) deliver(t *testing.T, id, body string, secrets [][]byte, headers ...string) reply {
	t.Helper()
	h := http.Header{}
	signature.SetHeaders(h, id, w.clock.Now(), []byte(body), secrets...)
	all := []string{"Authorization", ""}
	for name := range h {
		all = append(all, name, h.Get(name))
	}
	return w.do(t, "POST", "/api/webhook", body, append(all, headers...)...)
}

func (w *world) endpoint(t *testing.T, tenant apier.TenantID) (apier.EndpointID, [][]byte) {
	t.Helper()
	secret := signature.NewSecret()
	e, err := w.store.CreateEndpoint(t.Context(), tenant, apier.Endpoint{URL: "https://shop.example"}.WithDefaults(), secret)
	if err != nil {
		t.Fatal(err)
	}
	return e.ID, [][]byte{secret}
}

func (w *world) logs(t *testing.T, query string, headers ...string) logBody {
	t.Helper()
	var l logBody
	w.do(t, "GET", "/api/webhooks/logs"+query, "", headers...).want(t, 200, &l)
	return l
}

func TestReceiverAcceptsOurOwnEndpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	id, secrets := w.endpoint(t, auth.DefaultTenant)
	if _, err := w.store.UpdateEndpoint(t.Context(), auth.DefaultTenant, id, func(e *apier.Endpoint) error {
		e.Headers = map[string]string{"x-Shop-Pass": "hush"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	headers := []string{
		signature.HeaderEndpoint, string(id), signature.HeaderEventType, "order.created", "X-Api-Key", "hush", "Cookie", "hush", "X-Other", "yes", "X-Shop-Pass", "hush",
	}
	answer := w.deliver(t, "evt_1", `{"a":1}`, secrets, headers...)
	answer.want(t, 204, nil)
	if answer.header.Get("Idempotent-Replayed") != "" || len(answer.body) != 0 {
		t.Errorf("%v %s", answer.header, answer.body)
	}
	line := w.logs(t, "").Logs[0]
	if !line.Verified || line.StatusCode != 204 || line.Reason != nil || *line.EndpointID != string(id) || *line.WebhookID != "evt_1" ||
		*line.EventType != "order.created" || line.Body != `{"a":1}` || line.Size != 7 || line.Truncated || line.Headers["x-other"] != "yes" {
		t.Errorf("%+v", line)
	}
	for _, value := range line.Headers {
		if value == "hush" {
			t.Errorf("a credential was kept: %v", line.Headers)
		}
	}
	again := w.deliver(t, "evt_1", `{"a":1}`, secrets, headers...)
	again.want(t, 204, nil)
	if again.header.Get("Idempotent-Replayed") != "true" || !w.logs(t, "?limit=1").Logs[0].Replayed {
		t.Errorf("the second one: %v", again.header)
	}
	if foreign := w.logs(t, "", as(w.foreign)...); len(foreign.Logs) != 0 {
		t.Errorf("another tenant sees %+v", foreign)
	}
}

// What failed on our side can be sent again: the id is claimed by the durable write alone.
func TestReceiverClaimsNothingThatItDidNotStore(t *testing.T) {
	t.Parallel()
	broken := &brokenWebhooks{fail: true}
	w := newWorld(t, worldOptions{wrap: func(s store.Store) store.Store { broken.Store = s; return broken }})
	id, secrets := w.endpoint(t, auth.DefaultTenant)
	w.deliver(t, "evt_1", "{}", secrets, signature.HeaderEndpoint, string(id)).refused(t, 503, apier.CodeUnavailable)
	broken.fail = false
	answer := w.deliver(t, "evt_1", "{}", secrets, signature.HeaderEndpoint, string(id))
	answer.want(t, 204, nil)
	if answer.header.Get("Idempotent-Replayed") != "" {
		t.Error("the sender's second attempt was taken for a replay")
	}
}

type brokenWebhooks struct {
	store.Store
	fail bool
}

func (b *brokenWebhooks) RecordWebhook(ctx context.Context, tenant apier.TenantID, w apier.Webhook) (apier.Webhook, error) {
	if b.fail {
		return apier.Webhook{}, apier.Errorf(apier.CodeUnavailable, "not now")
	}
	return b.Store.RecordWebhook(ctx, tenant, w)
}

func TestReceiverRefuses(t *testing.T) {
	t.Parallel()
	stranger := signature.NewSecret()
	w := newWorld(t, worldOptions{})
	id, secrets := w.endpoint(t, "elsewhere")
	endpoint := []string{signature.HeaderEndpoint, string(id)}
	long := strings.Repeat("x", 5000)
	for want, send := range map[string]func() reply{
		"No signature fits": func() reply { return w.deliver(t, "evt_1", "{}", [][]byte{stranger}, endpoint...) },
		"old": func() reply {
			return w.deliver(t, "evt_1", "{}", secrets, append(endpoint, signature.HeaderTimestamp, "1")...)
		},
		signature.HeaderID:  func() reply { return w.deliver(t, "evt_1", "{}", secrets, append(endpoint, signature.HeaderID, "")...) },
		"names no endpoint": func() reply { return w.deliver(t, "evt_1", "{}", secrets, signature.HeaderEndpoint, "ep_"+long) },
		"--webhook-secrets": func() reply { return w.deliver(t, long, "{}", secrets, "User-Agent", long) },
	} {
		p := send().refused(t, 401, apier.CodeUnauthorized)
		if !strings.Contains(p.Detail, want) {
			t.Errorf("%q does not tell %q", p.Detail, want)
		}
	}
	w.deliver(t, "evt_1", strings.Repeat(" ", apier.MaxPayloadSize+1), secrets, endpoint...).refused(t, 413, apier.CodeTooLarge)

	all := append(w.logs(t, "").Logs, w.logs(t, "", as(w.foreign)...).Logs...)
	if len(all) != 6 || len(w.logs(t, "?verified=true").Logs) != 0 {
		t.Fatalf("%d lines: %+v", len(all), all)
	}
	for _, line := range all {
		if line.Verified || line.Reason == nil || line.Body != "" || line.StatusCode/100 != 4 {
			t.Errorf("%+v", line)
		}
		for name, value := range line.Headers {
			if len(value) > maxOutline {
				t.Errorf("%s of %d bytes was kept", name, len(value))
			}
		}
	}
	if mine := w.logs(t, "", as(w.foreign)...).Logs; len(mine) != 4 || *mine[0].EndpointID != string(id) {
		t.Errorf("the endpoint's tenant sees %+v", mine)
	}
}

func TestReceiverOfConfiguredSecrets(t *testing.T) {
	t.Parallel()
	first, second := signature.NewSecret(), signature.NewSecret()
	w := newWorld(t, worldOptions{api: Options{WebhookSecrets: []WebhookSecret{{"default", first}, {"elsewhere", second}}}})
	w.deliver(t, "msg_1", "{}", [][]byte{signature.NewSecret(), second}).want(t, 204, nil) // any signature, any secret
	if len(w.logs(t, "").Logs) != 0 {
		t.Error("it is in the log of another tenant")
	}
	line := w.logs(t, "", as(w.foreign)...).Logs[0]
	if !line.Verified || line.EndpointID != nil {
		t.Errorf("%+v", line)
	}
	w.deliver(t, "msg_1", "{}", [][]byte{signature.NewSecret()}).refused(t, 401, apier.CodeUnauthorized)
}

// What a stranger sends is nobody's business but the operator's, also where one tenant alone has a configured secret.
func TestARefusedStrangerIsInTheDefaultLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{WebhookSecrets: []WebhookSecret{{"elsewhere", signature.NewSecret()}}}})
	w.deliver(t, "msg_1", "{}", [][]byte{signature.NewSecret()}).refused(t, 401, apier.CodeUnauthorized)
	if ours, theirs := w.logs(t, "").Logs, w.logs(t, "", as(w.foreign)...).Logs; len(ours) != 1 || len(theirs) != 0 {
		t.Errorf("%d lines in the default log, %d in another tenant's", len(ours), len(theirs))
	}
}

func TestReceiverIsLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{WebhooksPerSec: 500, ClientAddr: func(r *http.Request) string { return r.Header.Get("X-From") }}})
	limited := 0
	for range 1002 { // twice the rate at once, the clock standing still
		if w.do(t, "POST", "/api/webhook", "", "X-From", "a").status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited != 2 {
		t.Errorf("%d were limited", limited)
	}
	w.do(t, "POST", "/api/webhook", "", "X-From", "b").refused(t, 401, apier.CodeUnauthorized)
	count := 0
	for page := w.logs(t, "?limit=100"); ; page = w.logs(t, "?limit=100&starting_after="+page.Logs[len(page.Logs)-1].ID) {
		if count += len(page.Logs); !page.HasMore {
			break
		}
	}
	if count != 10*refusalsPerSec {
		t.Errorf("%d refusals were written down", count)
	}
	w.clock.advance(time.Second)
	w.do(t, "POST", "/api/webhook", "", "X-From", "a").refused(t, 401, apier.CodeUnauthorized)
}

func TestLogFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	id, secrets := w.endpoint(t, auth.DefaultTenant)
	w.deliver(t, "evt_1", "{}", secrets, signature.HeaderEndpoint, string(id)).want(t, 204, nil)
	w.clock.advance(time.Minute)
	w.deliver(t, "evt_2", "{}", secrets).refused(t, 401, apier.CodeUnauthorized)
	for query, want := range map[string]int{
		"": 2, "?verified=true": 1, "?verified=false": 1, "?endpoint=" + string(id): 1, "?event=evt_2": 1, "?event=evt_3": 0,
		"?since=2025-11-14T17:30:30Z": 1, "?limit=1": 1,
	} {
		if got := w.logs(t, query); len(got.Logs) != want || got.HasMore != (query == "?limit=1") {
			t.Errorf("%s: %d lines, more %v", query, len(got.Logs), got.HasMore)
		}
	}
	for _, query := range []string{"?verified=1", "?since=now", "?limit=0", "?what=1"} {
		w.do(t, "GET", "/api/webhooks/logs"+query, "").refused(t, 422, apier.CodeInvalid)
	}
}

func TestSignatureChecker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	id, secrets := w.endpoint(t, auth.DefaultTenant)
	foreign, _ := w.endpoint(t, "elsewhere")
	h := http.Header{}
	signature.SetHeaders(h, "evt_1", w.clock.Now(), []byte(`{}`), secrets...)
	headers := `{"webhook-id":"evt_1","Webhook-Timestamp":"` + h.Get(signature.HeaderTimestamp) + `","webhook-signature":"` + h.Get(signature.HeaderSignature) + `"}`
	secret := `"secret":"` + signature.FormatSecret(secrets[0]) + `"`
	for name, c := range map[string]struct {
		body, failing, advice string
	}{
		"by secret":         {`{` + secret + `,"headers":` + headers + `,"body":"{}"}`, "", ""},
		"by endpoint":       {`{"endpoint_id":"` + string(id) + `","headers":` + headers + `,"body":"{}"}`, "", ""},
		"a line break more": {`{` + secret + `,"headers":` + headers + `,"body":"{}\n"}`, "signature", "line break"},
		"a broken secret":   {`{"secret":"whsec_#","headers":` + headers + `,"body":"{}"}`, "secret", ""},
		"no headers":        {`{` + secret + `,"headers":{},"body":"{}"}`, "headers", ""},
	} {
		var v signatureVerdict
		answer := w.do(t, "POST", "/api/webhooks/verify", c.body, as(w.reader)...)
		answer.want(t, 200, &v)
		failing, advice := "", ""
		for _, step := range v.Steps {
			if !step.OK && failing == "" {
				failing, advice = step.Name, step.Advice
			}
		}
		if failing != c.failing || v.Valid != (c.failing == "") || !strings.Contains(advice, c.advice) || c.advice == "" && advice != "" {
			t.Errorf("%s: %s", name, answer.body)
		}
		if failing != "" && strings.Contains(string(answer.body), h.Get(signature.HeaderSignature)) {
			t.Errorf("%s: the right signature is told: %s", name, answer.body)
		}
	}
	w.do(t, "POST", "/api/webhooks/verify", `{"endpoint_id":"`+string(foreign)+`","headers":{},"body":""}`).refused(t, 404, apier.CodeNotFound)
	for _, body := range []string{`{"headers":{},"body":""}`, `{` + secret + `,"endpoint_id":"x","headers":{},"body":""}`, `{"secret":1}`, `{"what":1}`, `[]`} {
		w.do(t, "POST", "/api/webhooks/verify", body).refused(t, 422, apier.CodeInvalid)
	}
}
