package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
)

// method is one of Client, and the request that it makes about "x".
type method struct {
	do   func(context.Context, *Client) error
	sent string // method, address and body
	once bool   // it is not tried again where it may have been done
}

func methods() []method {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := apier.NewEvent{Type: "order.paid", Source: "shop", Payload: json.RawMessage(`{}`)}
	leased := Leased{Event: apier.Event{ID: "x"}, Lease: Lease{ID: "l"}, Group: "g"}
	selection := apier.Selection{Types: []string{"order.*"}, CreatedBefore: apier.TimestampOf(at)}
	return []method{
		{result(func(ctx context.Context, c *Client) (Receipt, error) { return c.Publish(ctx, event) }), `POST /api/events {"type":"order.paid","source":"shop","payload":{}}`, false},
		{result(func(ctx context.Context, c *Client) ([]Receipt, error) {
			return c.PublishBatch(ctx, []apier.NewEvent{event})
		}), `POST /api/events/batch [{"type":"order.paid","source":"shop","payload":{}}]`, false},
		{result(func(ctx context.Context, c *Client) ([]apier.EndpointID, error) { return c.Recipients(ctx, event) }), `POST /api/events?dry_run=true {"type":"order.paid","source":"shop","payload":{}}`, false},
		{first(func(ctx context.Context, c *Client) iter.Seq2[apier.Event, error] {
			return c.List(ctx, EventFilter{Types: []string{"a", "b"}, CreatedAfter: at})
		}), `GET /api/events?created_after=2026-01-02T03%3A04%3A05Z&limit=100&type=a%2Cb`, false},
		{func(ctx context.Context, c *Client) error {
			return c.Export(ctx, io.Discard, EventFilter{Source: "shop"}, ExportCSV)
		}, `GET /api/events/export?format=csv&source=shop`, false},
		{result(func(ctx context.Context, c *Client) (apier.Event, error) { return c.Get(ctx, "x") }), `GET /api/events/x`, false},
		{func(ctx context.Context, c *Client) error { return c.Delete(ctx, "x") }, `DELETE /api/events/x`, false},
		{result(func(ctx context.Context, c *Client) (apier.Event, error) { return c.Erase(ctx, "x") }), `POST /api/events/x/erase`, false},
		{result(func(ctx context.Context, c *Client) (apier.Erasure, error) { return c.EraseAll(ctx, selection) }), `POST /api/events/erase {"types":["order.*"],"created_before":"2026-01-02T03:04:05.000Z"}`, true},
		{func(ctx context.Context, c *Client) error {
			_, _, err := c.CountErasable(ctx, apier.Selection{Source: "shop", Filter: json.RawMessage(`{"type":"a"}`)})
			return err
		}, `POST /api/events/erase {"source":"shop","filter":{"type":"a"},"dry_run":true}`, false},
		{result(func(ctx context.Context, c *Client) ([]apier.Erasure, error) { return c.Erasures(ctx) }), `GET /api/erasures`, false},
		{result(func(ctx context.Context, c *Client) (apier.Erasure, error) { return c.Erasure(ctx, "x") }), `GET /api/erasures/x`, false},
		{result(func(ctx context.Context, c *Client) (apier.Operation, error) {
			return c.AcknowledgeAll(ctx, apier.OperationSelection{IDs: []apier.EventID{"x"}})
		}), `POST /api/operations {"kind":"acknowledge","selection":{"ids":["x"]}}`, true},
		{result(func(ctx context.Context, c *Client) (int64, error) {
			return c.CountAcknowledgeable(ctx, apier.OperationSelection{Status: apier.StatusFailed, Search: "a"})
		}), `POST /api/operations {"kind":"acknowledge","selection":{"status":"failed","search":"a"},"dry_run":true}`, false},
		{first(func(ctx context.Context, c *Client) iter.Seq2[apier.Operation, error] { return c.Operations(ctx) }), `GET /api/operations?limit=100`, false},
		{result(func(ctx context.Context, c *Client) (apier.Operation, error) { return c.Operation(ctx, "x") }), `GET /api/operations/x`, false},
		{result(func(ctx context.Context, c *Client) (apier.Operation, error) { return c.StopOperation(ctx, "x") }), `POST /api/operations/x/stop`, false},
		{result(func(ctx context.Context, c *Client) (Identity, error) { return c.Identity(ctx) }), `GET /api/identity`, false},
		{result(func(ctx context.Context, c *Client) (EndpointHealth, error) { return c.EndpointHealth(ctx) }), `GET /api/endpoints/health`, false},

		{first(func(ctx context.Context, c *Client) iter.Seq2[apier.Endpoint, error] { return c.Endpoints(ctx) }), `GET /api/endpoints?limit=100`, false},
		{func(ctx context.Context, c *Client) error {
			_, _, err := c.CreateEndpoint(ctx, NewEndpoint{URL: "https://a.example", Paused: true, Secret: "whsec_s"})
			return err
		}, `POST /api/endpoints {"url":"https://a.example","paused":true,"secret":"whsec_s"}`, true},
		{result(func(ctx context.Context, c *Client) (EndpointInfo, error) { return c.Endpoint(ctx, "x") }), `GET /api/endpoints/x`, false},
		{result(func(ctx context.Context, c *Client) (EndpointInfo, error) {
			return c.UpdateEndpoint(ctx, "x", EndpointUpdate{Description: new(""), Types: []string{}, Filter: json.RawMessage(`null`), TimeoutMS: new(int64(9000))})
		}), `PATCH /api/endpoints/x {"description":"","types":[],"filter":null,"timeout_ms":9000}`, false},
		{result(func(ctx context.Context, c *Client) (EndpointInfo, error) { return c.PauseEndpoint(ctx, "x") }), `PATCH /api/endpoints/x {"paused":true}`, false},
		{result(func(ctx context.Context, c *Client) (EndpointInfo, error) { return c.ResumeEndpoint(ctx, "x") }), `PATCH /api/endpoints/x {"paused":false}`, false},
		{func(ctx context.Context, c *Client) error { return c.DeleteEndpoint(ctx, "x") }, `DELETE /api/endpoints/x`, false},
		{result(func(ctx context.Context, c *Client) (string, error) {
			return c.RotateSecret(ctx, "x", 90*time.Minute)
		}), `POST /api/endpoints/x/rotate-secret {"grace_seconds":5400}`, true},
		{result(func(ctx context.Context, c *Client) (apier.Attempt, error) {
			return c.TestEndpoint(ctx, "x", "order.paid", nil)
		}), `POST /api/endpoints/x/test {"type":"order.paid"}`, true},

		{first(func(ctx context.Context, c *Client) iter.Seq2[apier.Delivery, error] {
			return c.EndpointDeliveries(ctx, "x", DeliveryFilter{ErrorKind: apier.ErrorTLS, Since: at})
		}), `GET /api/endpoints/x/deliveries?error_kind=tls&limit=100&since=2026-01-02T03%3A04%3A05Z`, false},
		{first(func(ctx context.Context, c *Client) iter.Seq2[apier.Delivery, error] {
			return c.EventDeliveries(ctx, "x", DeliveryFilter{Status: apier.DeliveryFailed})
		}), `GET /api/events/x/deliveries?limit=100&status=failed`, false},
		{result(func(ctx context.Context, c *Client) (apier.Delivery, error) { return c.Delivery(ctx, "x") }), `GET /api/deliveries/x`, false},
		{result(func(ctx context.Context, c *Client) ([]apier.Attempt, error) { return c.Attempts(ctx, "x") }), `GET /api/deliveries/x/attempts`, false},
		{result(func(ctx context.Context, c *Client) (apier.Delivery, error) { return c.RetryDelivery(ctx, "x") }), `POST /api/deliveries/x/retry`, true},
		{result(func(ctx context.Context, c *Client) (apier.Recovery, error) {
			return c.Recover(ctx, "x", RecoverOptions{Kind: apier.RecoverReplay, Since: at, SourceEndpoint: "y", RatePerSecond: 2})
		}), `POST /api/endpoints/x/recover {"kind":"replay","since":"2026-01-02T03:04:05Z","source_endpoint":"y","rate_per_second":2}`, true},
		{result(func(ctx context.Context, c *Client) (int64, error) {
			return c.CountRecoverable(ctx, "x", RecoverOptions{Since: at})
		}), `POST /api/endpoints/x/recover {"kind":"retry_failed","since":"2026-01-02T03:04:05Z","dry_run":true}`, false},
		{result(func(ctx context.Context, c *Client) ([]apier.Recovery, error) { return c.Recoveries(ctx, "x") }), `GET /api/endpoints/x/recoveries`, false},
		{result(func(ctx context.Context, c *Client) (apier.Recovery, error) { return c.Recovery(ctx, "x") }), `GET /api/recoveries/x`, false},
		{result(func(ctx context.Context, c *Client) (apier.Recovery, error) { return c.StopRecovery(ctx, "x") }), `POST /api/recoveries/x/stop`, false},

		{result(func(ctx context.Context, c *Client) ([]apier.Event, error) { return c.Pending(ctx, 7) }), `GET /api/inbox?limit=7`, false},
		{result(func(ctx context.Context, c *Client) ([]Leased, error) {
			return c.Lease(ctx, LeaseOptions{For: 1500 * time.Millisecond, Group: "g"})
		}), `GET /api/inbox?group=g&lease_seconds=2`, false},
		{result(func(ctx context.Context, c *Client) (CreatedPage, error) {
			return c.ListCreated(ctx, 0, 10, time.Second)
		}), `GET /api/inbox?after=0&limit=10&wait_seconds=1`, false},
		{result(func(ctx context.Context, c *Client) (CreatedPage, error) {
			return c.ListCreatedFrom(ctx, "c_r_1_5", 10, 0)
		}), `GET /api/inbox?after=c_r_1_5&limit=10`, false},
		{result(func(ctx context.Context, c *Client) (apier.Event, error) { return c.Ack(ctx, "x") }), `POST /api/inbox/x/ack`, false},
		{result(func(ctx context.Context, c *Client) (apier.Event, error) { return c.AckLeased(ctx, leased) }), `POST /api/inbox/x/ack {"lease_id":"l","group":"g"}`, false},
		{func(ctx context.Context, c *Client) error { return c.Nack(ctx, leased, time.Second) }, `POST /api/inbox/x/nack {"lease_id":"l","group":"g","delay_seconds":1}`, false},
		{result(func(ctx context.Context, c *Client) (Lease, error) { return c.Extend(ctx, leased, time.Minute) }), `POST /api/inbox/x/extend {"lease_id":"l","group":"g","lease_seconds":60}`, false},
		{result(func(ctx context.Context, c *Client) ([]AckFailure, error) {
			return c.AckBatch(ctx, []apier.EventID{"x", "y"})
		}), `POST /api/inbox/ack {"ids":["x","y"]}`, false},
		{result(func(ctx context.Context, c *Client) ([]AckFailure, error) {
			return c.AckLeasedBatch(ctx, []Leased{leased})
		}), `POST /api/inbox/ack {"acks":[{"id":"x","lease_id":"l"}],"group":"g"}`, false},
		{result(func(ctx context.Context, c *Client) ([]Group, error) { return c.Groups(ctx) }), `GET /api/inbox/groups`, false},
		{result(func(ctx context.Context, c *Client) (Group, error) {
			return c.PutGroup(ctx, "x", GroupSettings{Types: []string{"a"}, FromStart: true})
		}), `PUT /api/inbox/groups/x {"types":["a"],"from":"start"}`, false},
		{func(ctx context.Context, c *Client) error { return c.DeleteGroup(ctx, "x") }, `DELETE /api/inbox/groups/x`, false},

		{result(func(ctx context.Context, c *Client) (Summary, error) { return c.Summary(ctx) }), `GET /api/metrics/summary`, false},
		{result(func(ctx context.Context, c *Client) (Latency, error) { return c.Latency(ctx, Range1h) }), `GET /api/metrics/latency?range=1h`, false},
		{result(func(ctx context.Context, c *Client) (Throughput, error) { return c.Throughput(ctx, "") }), `GET /api/metrics/throughput`, false},
		{result(func(ctx context.Context, c *Client) (Failures, error) { return c.Failures(ctx) }), `GET /api/metrics/errors`, false},
		{first(func(ctx context.Context, c *Client) iter.Seq2[apier.Connection, error] {
			return c.Connections(ctx, "ann")
		}), `GET /api/connections?limit=100&user=ann`, false},
		{func(ctx context.Context, c *Client) error { return c.Disconnect(ctx, "x", "banned") }, `DELETE /api/connections/x?reason=banned`, false},
	}
}

func result[T any](do func(context.Context, *Client) (T, error)) func(context.Context, *Client) error {
	return func(ctx context.Context, c *Client) error {
		_, err := do(ctx, c)
		return err
	}
}

func first[T any](walk func(context.Context, *Client) iter.Seq2[T, error]) func(context.Context, *Client) error {
	return func(ctx context.Context, c *Client) error {
		for _, err := range walk(ctx, c) {
			return err
		}
		return nil
	}
}

// Each method makes the request that the server knows it by, and what would be done twice by doing it again is not
// tried again where it may have been done.
func TestEachMethodMakesItsRequest(t *testing.T) {
	t.Parallel()
	for _, m := range methods() {
		synctest.Test(t, func(t *testing.T) {
			var sent []string
			c, err := New("http://server", Options{MaxRetries: 2, HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				sent = append(sent, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
				return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody, Request: r}, err
			})}})
			if err != nil {
				t.Fatal(err)
			}
			err = m.do(t.Context(), c)
			want := slices.Repeat([]string{m.sent}, 3)
			if m.once {
				want = want[:1]
			}
			if !slices.Equal(sent, want) || err == nil {
				t.Errorf("%q was sent, want %q; %v", sent, want, err)
			}
		})
	}
}

// Each route of the server has a method, or a reason to have none; docs/go-client.md says the same.
func TestEachRouteHasAMethod(t *testing.T) {
	t.Parallel()
	without := map[string]string{
		"POST /api/token":                 "a key is good for every request; a JWT comes from a TokenSource",
		"POST /api/token/refresh":         "likewise",
		"POST /api/ws-tickets":            "for browsers: the token stands in a header here",
		"POST /api/endpoints/filter-test": "for an editor: apier.ParseFilter decides the same",
		"POST /api/webhook":               "for senders of webhooks",
		"GET /api/webhooks/logs":          "for the dashboard: endpoint:<id> tells of each",
		"POST /api/webhooks/verify":       "for the dashboard",
		"GET /api/metrics/storage":        "for operators, who have /metrics",
		"GET /api/config":                 "for the dashboard",
		"GET /api/health":                 "for load balancers",
		"GET /api/openapi.json":           "for tools",
		"GET /api/docs":                   "for people",
	}
	raw, err := os.ReadFile("../internal/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var server struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(raw, &server); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range methods() {
		route, _, _ := strings.Cut(m.sent, "?")
		words := strings.Fields(route)
		known[words[0]+" "+words[1]] = true
	}
	routes := map[string]bool{}
	for path, operations := range server.Paths {
		for name := range operations {
			if name != "parameters" {
				routes[strings.ToUpper(name)+" "+regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "x")] = true
			}
		}
	}
	for route := range routes {
		if _, left := without[route]; left == known[route] {
			t.Errorf("%s: a method %v, a reason to have none %v", route, known[route], left)
		}
	}
	for route := range maps.Keys(known) {
		if !routes[route] {
			t.Errorf("%s is no route of the server", route)
		}
	}
}

// What answers 200 may be a proxy, and an export may be cut: neither is a whole file.
func TestExportIsWholeOrAnError(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"whole": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			_, _ = io.WriteString(w, "id,type\n")
		},
		"cut after 8 bytes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			_, _ = io.WriteString(w, "id,type\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"not the server": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Sign in</html>") },
	} {
		s := httptest.NewServer(answer)
		t.Cleanup(s.Close)
		var b bytes.Buffer
		err := newTestClient(t, s.URL, Options{}).Export(t.Context(), &b, EventFilter{}, ExportCSV)
		if name == "whole" && (err != nil || b.String() != "id,type\n") || name != "whole" && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("%s: %q, %v", name, &b, err)
		}
	}
}

func TestAttemptsHaveTheAnswerOfTheReceiver(t *testing.T) {
	t.Parallel()
	const attempt = `{"number":1,"status_code":503,"error_kind":"http_5xx","error_message":"503","response_headers":{"Retry-After":"9"},"response_body":"Full.","next_attempt_at":null}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"attempts":[`+attempt+`]}`)
			return
		}
		_, _ = io.WriteString(w, attempt)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{})
	all, err := c.Attempts(t.Context(), "dlv_1")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	tested, err := c.TestEndpoint(t.Context(), "ep_1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []apier.Attempt{all[0], tested} {
		if a.StatusCode != 503 || a.OK() || string(a.ResponseBody) != "Full." || a.ResponseHeaders["Retry-After"] != "9" {
			t.Errorf("%+v", a)
		}
	}
}

func TestAckBatchOfNoneAndOfTwoGroups(t *testing.T) {
	t.Parallel()
	c := refusingClient(t, Options{})
	if failed, err := c.AckBatch(t.Context(), nil); failed != nil || err != nil {
		t.Error(failed, err)
	}
	var e *apier.Error
	if _, err := c.AckLeasedBatch(t.Context(), []Leased{{Group: "a"}, {Group: "b"}}); !errors.As(err, &e) || e.Code != apier.CodeInvalid {
		t.Error(err)
	}
}
