package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/problem"
)

func TestRetryWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		once    bool
		a       answer
		attempt int
		again   bool
		exactly time.Duration // -1: by the backoff
	}{
		"told when":                   {a: answer{status: 429, retryAfter: 3 * time.Second}, again: true, exactly: 3 * time.Second},
		"told at once":                {a: answer{status: 503}, again: true, exactly: 0},
		"told too long":               {a: answer{status: 503, retryAfter: time.Hour}},
		"not told":                    {a: answer{status: 503, retryAfter: -1}, again: true, exactly: -1},
		"refused, though only once":   {once: true, a: answer{status: 429, retryAfter: time.Second}, again: true, exactly: time.Second},
		"perhaps done, and only once": {once: true, a: answer{status: 502, retryAfter: -1}},
		"lost, and only once":         {once: true, a: answer{}},
		"lost":                        {a: answer{}, again: true, exactly: -1},
		"the gateway":                 {a: answer{status: 504, retryAfter: -1}, again: true, exactly: -1},
		"the caller's fault":          {a: answer{status: 422, retryAfter: time.Second}},
		"not found":                   {a: answer{status: 404, retryAfter: -1}},
		"often enough":                {a: answer{status: 503, retryAfter: time.Second}, attempt: 4},
	} {
		wait, again := retryWait(c.once, c.a, c.attempt, 4)
		if again != c.again || again && c.exactly >= 0 && wait != c.exactly || again && c.exactly < 0 && (wait < firstRetryWait/2 || wait > firstRetryWait) {
			t.Errorf("%s: %v, %v", name, wait, again)
		}
	}
	for attempt := range 80 {
		if wait := requestBackoff(attempt, 0.999); wait <= 0 || wait > maxRetryWait {
			t.Errorf("attempt %d waits %v", attempt, wait)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": -1, "soon": -1, "-1": -1, "0": 0, " 7 ": 7 * time.Second, "99999999999": 24 * time.Hour,
		"Thu, 01 Jan 2026 00:00:30 GMT": 30 * time.Second, "Wed, 31 Dec 2025 00:00:00 GMT": 0,
		"Fri, 01 Jan 2027 00:00:00 GMT": 24 * time.Hour,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	// Whose clock is wrong waits as long as everybody: a date counts from that of the answer.
	said := http.Header{"Retry-After": {"Thu, 01 Jan 2026 00:00:30 GMT"}, "Date": {"Thu, 01 Jan 2026 00:00:10 GMT"}}
	for _, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
		if got := retryAfter(said, now.Add(skew)); got != 20*time.Second {
			t.Errorf("with a clock that is %v off: %v", skew, got)
		}
	}
}

// An answer that is lost does not make a second event: each try carries the same key.
func TestPublishTriesAgainWithOneKey(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	keys := make(chan string, 8)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		keys <- r.Header.Get("Idempotency-Key")
		switch tries.Add(1) {
		case 1:
			panic(http.ErrAbortHandler) // stored, perhaps; the answer is lost
		case 2:
			problem.Write(w, apier.Errorf(apier.CodeUnavailable, "Full."), 0)
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":"evt_1","status":"pending","timestamp":"2026-01-01T00:00:00.000Z","seq":7}`)
		}
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{})
	receipt, err := c.Publish(t.Context(), apier.NewEvent{Type: "order.created", Source: "shop", Payload: json.RawMessage(`{"a":"<b>"}`)})
	if err != nil || receipt.ID != "evt_1" || receipt.Seq != 7 {
		t.Fatal(receipt, err)
	}
	first := <-keys
	for range 2 {
		if key := <-keys; key != first || key == "" {
			t.Errorf("%q, then %q", first, key)
		}
	}
	if _, err := c.Publish(t.Context(), apier.NewEvent{Payload: json.RawMessage(`{}`)}); err != nil || <-keys == first {
		t.Error("two calls share a key", err)
	}
	var fault *apier.Error
	if _, err := c.Publish(t.Context(), apier.NewEvent{Payload: json.RawMessage(`{`)}); !errors.As(err, &fault) || fault.Code != apier.CodeInvalid {
		t.Error(err)
	}
}

func TestProblemsAreErrorsWithACode(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/metrics/summary" {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "<html>")
			return
		}
		problem.Write(w, &apier.Error{Code: apier.CodeInvalid, Message: "No.", Fields: []apier.FieldError{{Field: "type", Reason: "is required"}}}, 0)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{})
	var e *apier.Error
	if _, err := c.Get(t.Context(), "evt_/../x"); !errors.As(err, &e) || e.Code != apier.CodeInvalid || len(e.Fields) != 1 || e.Message != "No." {
		t.Error(err)
	}
	if _, err := c.Summary(t.Context()); !errors.As(err, &e) || e.Code != apier.CodeInvalid || !strings.Contains(e.Message, "GET "+s.URL+"/api/metrics/summary") {
		t.Error(err)
	}
	for status, code := range map[int]apier.Code{
		401: apier.CodeUnauthorized, 403: apier.CodeForbidden, 404: apier.CodeNotFound, 409: apier.CodeConflict, 413: apier.CodeTooLarge,
		429: apier.CodeRateLimited, 500: apier.CodeInternal, 502: apier.CodeUnavailable, 503: apier.CodeUnavailable,
	} {
		if got := problemOf(http.MethodGet, &url.URL{}, status, nil).Code; got != code {
			t.Errorf("%d: %s", status, got)
		}
	}
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 8)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		if r.Header.Get("Authorization") != "Bearer unauthorized" || r.Method == http.MethodDelete {
			problem.Write(w, apier.Errorf(apier.CodeUnauthorized, "Expired."), 0)
			return
		}
		_, _ = io.WriteString(w, `{"total":3}`)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{TokenSource: func(_ context.Context, r TokenReason) (string, error) { return string(r), nil }})
	if summary, err := c.Summary(t.Context()); err != nil || summary.Total != 3 || <-seen != "Bearer request" || <-seen != "Bearer unauthorized" {
		t.Error(summary, err)
	}
	var e *apier.Error
	if err := c.Delete(t.Context(), "evt_1"); !errors.As(err, &e) || e.Code != apier.CodeUnauthorized || len(seen) != 2 {
		t.Error(err, len(seen))
	}
}

func TestListWalksOverPages(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("starting_after"))
		if after == 4 {
			problem.Write(w, apier.Errorf(apier.CodeNotFound, "Gone."), 0)
			return
		}
		body := map[string]any{"has_more": true, "seq": 9, "events": []map[string]any{{"id": strconv.Itoa(after + 1)}, {"id": strconv.Itoa(after + 2)}}}
		_ = json.NewEncoder(w).Encode(body)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{})
	var ids string
	var last error
	for e, err := range c.List(t.Context(), EventFilter{Status: apier.StatusPending}) {
		ids, last = ids+string(e.ID), err
	}
	if ids != "1234" || last == nil {
		t.Errorf("%q, %v", ids, last)
	}
	for e, err := range c.List(t.Context(), EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.ID == "3" {
			break
		}
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New("http://server", Options{HTTPClient: &http.Client{Transport: roundTrip(full)}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		var e *apier.Error
		if _, err := c.Summary(ctx); !errors.As(err, &e) || e.Code != apier.CodeUnavailable || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// full is the answer of a server that has no room for a minute.
func full(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"60"}},
		Body: io.NopCloser(strings.NewReader(`{"code":"unavailable","detail":"Full."}`)), Request: r,
	}, nil
}

// A redirect that turns POST or DELETE into GET would read a list, and call it done.
func TestARedirectThatChangesTheMethodIsNoSuccess(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, moved := strings.CutPrefix(r.URL.Path, "/old"); moved {
			http.Redirect(w, r, path, http.StatusMovedPermanently)
			return
		}
		_, _ = io.WriteString(w, `{"events":[],"has_more":false,"seq":7}`)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL+"/old", Options{})
	_, stored := c.Publish(t.Context(), apier.NewEvent{Type: "order.created", Source: "shop", Payload: json.RawMessage(`{}`)})
	for name, err := range map[string]error{"publish": stored, "delete": c.Delete(t.Context(), "evt_1")} {
		if err == nil || !strings.Contains(err.Error(), s.URL+"/api/events") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.ListPage(t.Context(), EventFilter{}, "", 0); err != nil { // nothing is lost by following
		t.Error(err)
	}
}

// What answers 2xx need not be the server: a page of a proxy, or nothing at all, is no success.
func TestAnAnswerOfSomethingElseIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"a page": "<html>Sign in</html>", "nothing": "", "cut": `{"id":"evt_1"`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		t.Cleanup(s.Close)
		c := newTestClient(t, s.URL, Options{})
		if r, err := c.Publish(t.Context(), apier.NewEvent{}); err == nil || !strings.Contains(err.Error(), "POST "+s.URL+"/api/events") {
			t.Errorf("publish, %s: %+v, %v", name, r, err)
		}
		if err := c.Delete(t.Context(), "evt_1"); (err == nil) != (body == "") {
			t.Errorf("delete, %s: %v", name, err)
		}
	}
}

func TestAnAnswerThatIsTooLargeSaysSo(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, zeros{}, maxAnswer+1)
	}))
	t.Cleanup(s.Close)
	var e *apier.Error
	if _, err := newTestClient(t, s.URL, Options{}).Get(t.Context(), "evt_1"); !errors.As(err, &e) || e.Code != apier.CodeTooLarge {
		t.Error(err)
	}
}

// A server may take payloads so big that a page of them is no answer: a walk asks for fewer, and goes on so.
func TestListAsksForFewerWhereAPageIsTooLarge(t *testing.T) {
	t.Parallel()
	var asked []string
	c := newTestClient(t, "http://server", Options{HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		asked = append(asked, q.Get("limit")+" "+q.Get("starting_after"))
		body := io.LimitReader(zeros{}, maxAnswer+1)
		switch {
		case q.Get("limit") == "100":
		case q.Get("starting_after") == "":
			body = strings.NewReader(`{"events":[{"id":"evt_2"}],"has_more":true,"seq":9}`)
		default:
			body = strings.NewReader(`{"events":[{"id":"evt_1"}],"has_more":false,"seq":9}`)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body), Request: r}, nil
	})}})
	var ids []apier.EventID
	for e, err := range c.List(t.Context(), EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	if !slices.Equal(ids, []apier.EventID{"evt_2", "evt_1"}) || !slices.Equal(asked, []string{"100 ", "50 ", "50 evt_2"}) {
		t.Errorf("%q, asked for %q", ids, asked)
	}
}

// zeros is a body of digits without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// The server waits for events before it answers: that is no part of the time which one try has.
func TestALeaseThatWaitsIsNotCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(30 * time.Second):
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`[]`)), Request: r}, nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		c, err := New("http://server", Options{HTTPClient: &http.Client{Transport: slow}, RequestTimeout: time.Second, MaxRetries: -1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Lease(t.Context(), LeaseOptions{Wait: 30 * time.Second}); err != nil {
			t.Error(err)
		}
		if _, err := c.Lease(t.Context(), LeaseOptions{}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "RequestTimeout") {
			t.Error(err)
		}
	})
}

// roundTrip is a network that a test owns.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Without its id, a request would be one for something else: DELETE of ".." is one for all that is above.
func TestAnIDThatIsNoneIsNotSent(t *testing.T) {
	t.Parallel()
	c := refusingClient(t, Options{})
	ctx := t.Context()
	for _, id := range []string{"", ".", ".."} {
		event, endpoint := apier.EventID(id), apier.EndpointID(id)
		_, got := c.Get(ctx, event)
		_, acked := c.Ack(ctx, event)
		_, shown := c.Endpoint(ctx, endpoint)
		_, retried := c.RetryDelivery(ctx, apier.DeliveryID(id))
		_, recovered := c.Recover(ctx, endpoint, RecoverOptions{})
		for name, err := range map[string]error{
			"get": got, "ack": acked, "delete": c.Delete(ctx, event), "nack": c.Nack(ctx, Leased{Event: apier.Event{ID: event}}, 0),
			"endpoint": shown, "delete endpoint": c.DeleteEndpoint(ctx, endpoint), "retry": retried, "recover": recovered,
		} {
			var e *apier.Error
			if !errors.As(err, &e) || e.Code != apier.CodeInvalid || !strings.Contains(e.Message, strconv.Quote(id)) {
				t.Errorf("%s of %q: %v", name, id, err)
			}
		}
	}
}

// refusingClient is one whose requests must not be sent.
func refusingClient(t *testing.T, o Options) *Client {
	t.Helper()
	o.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s was sent", r.Method, r.URL)
		return nil, http.ErrAbortHandler
	})}
	o.MaxRetries = -1
	return newTestClient(t, "http://server", o)
}

// A key read from a file ends with a line break, which no header may hold: it was tried for ever, as if the network
// were to blame.
func TestATokenIsTakenWithoutTheSpaceAroundIt(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"token":  {Token: " key\n"},
		"source": {TokenSource: func(context.Context, TokenReason) (string, error) { return "key\r\n", nil }},
	} {
		s := newFakeServer(t)
		s.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "Bearer key" {
				t.Errorf("%s: %q", name, r.Header.Get("Authorization"))
			}
			_, _ = io.WriteString(w, `{"total":3}`)
			return r.URL.Path != "/ws"
		}
		c := newTestClient(t, s.URL, o)
		if summary, err := c.Summary(t.Context()); err != nil || summary.Total != 3 {
			t.Error(name, summary, err)
		}
	}
	var e *apier.Error
	if _, err := New("http://server", Options{Token: "a\nb"}); !errors.As(err, &e) || e.Code != apier.CodeUnauthorized || strings.Contains(err.Error(), "a\nb") {
		t.Error(err)
	}
	c := refusingClient(t, Options{TokenSource: func(context.Context, TokenReason) (string, error) { return "a\nb", nil }})
	if _, err := c.Summary(t.Context()); !errors.As(err, &e) || e.Code != apier.CodeUnauthorized {
		t.Error(err)
	}
}

// A source that gives no token is asked once, and its reason is kept: nobody has refused anything.
func TestATokenSourceThatFails(t *testing.T) {
	t.Parallel()
	closed := errors.New("the vault is closed")
	var reasons []TokenReason
	c := refusingClient(t, Options{TokenSource: func(_ context.Context, r TokenReason) (string, error) {
		reasons = append(reasons, r)
		return "", closed
	}})
	var e *apier.Error
	if _, err := c.Summary(t.Context()); !errors.Is(err, closed) || !errors.As(err, &e) || e.Code != apier.CodeUnauthorized {
		t.Error(err)
	}
	if len(reasons) != 1 {
		t.Errorf("it was asked for %v", reasons)
	}
}

// Who has put a transport of its own in the place of the default one, to trace or to test, is not in our way.
func TestNewWithAnotherDefaultTransport(t *testing.T) { // not parallel: it changes what all share
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	http.DefaultTransport = roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"total":3}`)), Request: r}, nil
	})
	c, err := New("http://server", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if summary, err := c.Summary(t.Context()); err != nil || summary.Total != 3 {
		t.Error(summary, err)
	}
}

// A context that ends while a request waits for its next try is what the caller asks about; what the server said is
// told besides.
func TestCancelingWhileWaitingForTheNextTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New("http://server", Options{HTTPClient: &http.Client{Transport: roundTrip(full)}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var e *apier.Error
		if _, err := c.Summary(ctx); !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Message != "Full." {
			t.Error(err)
		}
	})
}

// A context that ends in the middle of a try: the request is named, once, and what the try before failed of is told besides.
func TestCancelingInTheMiddleOfATry(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]int{"the first": 0, "the second": 1} {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			c, err := New("http://server", Options{HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if tries++; tries > full {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return &http.Response{
					StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"0"}},
					Body: io.NopCloser(strings.NewReader(`{"code":"unavailable","detail":"Full."}`)), Request: r,
				}, nil
			})}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err = c.Summary(ctx)
			var e *apier.Error
			if !errors.Is(err, context.Canceled) || errors.As(err, &e) != (full == 1) {
				t.Errorf("%s: %v", name, err)
			}
			if text := err.Error(); strings.Count(text, "context canceled") != 1 || strings.Contains(text, "waiting") || !strings.Contains(text, "GET http://server/api/metrics/summary") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// A source that does not answer is no reason to wait for longer than a try may take.
func TestATokenSourceThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := refusingClient(t, Options{RequestTimeout: 7 * time.Second, TokenSource: func(ctx context.Context, _ TokenReason) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		if _, err := c.Summary(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 7*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// The first try erased it, and its answer was lost: that there is nothing any more is what was wanted.
func TestDeleteAfterALostAnswer(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1)%2 == 1 {
			panic(http.ErrAbortHandler)
		}
		problem.Write(w, apier.Errorf(apier.CodeNotFound, "There is no such thing."), 0)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{})
	if err := c.Delete(t.Context(), "evt_1"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteEndpoint(t.Context(), "ep_1"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteGroup(t.Context(), "billing"); err != nil {
		t.Error(err)
	}
	if err := c.Disconnect(t.Context(), "conn_1", ""); err != nil {
		t.Error(err)
	}
	tries.Add(1)
	var e *apier.Error
	if err := c.Delete(t.Context(), "evt_1"); !errors.As(err, &e) || e.Code != apier.CodeNotFound {
		t.Error(err)
	}
}

// Who reads only the error has to know what was asked of whom.
func TestALostRequestIsNamed(t *testing.T) {
	t.Parallel()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"id":`)
	}))
	t.Cleanup(cut.Close)
	for _, address := range []string{cut.URL, "http://127.0.0.1:1"} {
		c := newTestClient(t, address, Options{MaxRetries: -1, Token: "very-secret"})
		_, err := c.Delivery(t.Context(), "dlv_1")
		if err == nil || !strings.Contains(err.Error(), "GET "+address+"/api/deliveries/dlv_1") || strings.Contains(err.Error(), "very-secret") {
			t.Error(err)
		}
	}
}

// A payload is kept byte for byte, as who signs it needs it.
func TestAPayloadIsSentAsItIs(t *testing.T) {
	t.Parallel()
	payload := `{ "b" : 1.0, "a":"<&>` + "\u2028" + `", "b":2 }`
	bodies := make(chan string, 2)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{})
	event := apier.NewEvent{Type: "order.created", Source: "a<b", Payload: json.RawMessage(payload)}
	if _, err := c.Publish(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	one := `{"type":"order.created","source":"a<b","payload":` + payload + `}`
	if got := <-bodies; got != one {
		t.Errorf("%s, want %s", got, one)
	}
	if _, err := c.PublishBatch(t.Context(), []apier.NewEvent{event, {}}); err != nil {
		t.Fatal(err)
	}
	if got, want := <-bodies, "["+one+`,{"type":"","source":"","payload":null}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var e *apier.Error
	if _, err := c.PublishBatch(t.Context(), []apier.NewEvent{event, {Payload: json.RawMessage(`{`)}}); !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Field != "[1].payload" {
		t.Error(err)
	}
}

// Without a key, a try again would store twice.
func TestPublishWithAKeyThatIsNone(t *testing.T) {
	t.Parallel()
	c := refusingClient(t, Options{})
	for _, key := range []string{"", "a\nb", strings.Repeat("k", 256)} {
		_, one := c.PublishWithKey(t.Context(), key, apier.NewEvent{})
		_, many := c.PublishBatchWithKey(t.Context(), key, nil)
		for _, err := range []error{one, many} {
			var e *apier.Error
			if !errors.As(err, &e) || e.Code != apier.CodeInvalid {
				t.Errorf("%q: %v", key, err)
			}
		}
	}
}

// The first try gave it back, its answer was lost, and somebody else has it by now: that is what was wanted.
func TestNackAfterALostAnswer(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		problem.Write(w, apier.Errorf(apier.CodeConflict, "The lease ended."), 0)
	}))
	t.Cleanup(s.Close)
	c := newTestClient(t, s.URL, Options{})
	l := Leased{Event: apier.Event{ID: "evt_1"}, Lease: Lease{ID: "lea_1"}}
	if err := c.Nack(t.Context(), l, 0); err != nil {
		t.Error(err)
	}
	var e *apier.Error
	if err := c.Nack(t.Context(), l, 0); !errors.As(err, &e) || e.Code != apier.CodeConflict { // of the first try: it was lost
		t.Error(err)
	}
}

// A leased event may go to another process, and be acknowledged there.
func TestALeasedEventIsTheSameInJSON(t *testing.T) {
	t.Parallel()
	l := Leased{
		Event: apier.Event{ID: "evt_1", Type: "order.paid", Payload: json.RawMessage(`{"a":1}`), Status: apier.StatusPending, CreatedAt: 5, DeliveryLatencyMS: -1},
		Lease: Lease{ID: "lea_1", Until: 9, Deliveries: 2}, Group: "billing",
	}
	raw, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var again Leased
	if err := json.Unmarshal(raw, &again); err != nil || !reflect.DeepEqual(again, l) {
		t.Errorf("%s: %+v, %v", raw, again, err)
	}
}

// The source is told once that its token was refused; what follows is about the new one.
func TestARefusedTokenIsToldOnce(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch tries.Add(1) {
		case 1:
			problem.Write(w, apier.Errorf(apier.CodeUnauthorized, "Expired."), 0)
		case 2:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, `{"total":3}`)
		}
	}))
	t.Cleanup(s.Close)
	var reasons []TokenReason
	c := newTestClient(t, s.URL, Options{TokenSource: func(_ context.Context, r TokenReason) (string, error) {
		reasons = append(reasons, r)
		return "t", nil
	}})
	if _, err := c.Summary(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []TokenReason{TokenRequest, TokenUnauthorized, TokenRequest}; !slices.Equal(reasons, want) {
		t.Errorf("it was asked for %v, want %v", reasons, want)
	}
}

// What answers 101 hands the connection over: nothing is read from it, however long the caller would wait.
func TestAnAnswerThatSwitchesProtocols(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = conn.Read(make([]byte, 1)) // until the client closes it
	}))
	defer s.Close()
	c, err := New(s.URL, Options{MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Delivery(t.Context(), "dlv_1"); err == nil || !strings.Contains(err.Error(), "101 Switching Protocols") {
		t.Errorf("got %v", err)
	}
}

// A wait that the HTTP client's own timeout does not allow is refused at once, with the name of the setting (C9).
func TestAWaitBeyondTheTimeoutOfTheHTTPClient(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 8)
	hold := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-hold
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hold) })
	c := newTestClient(t, server.URL, Options{HTTPClient: &http.Client{Timeout: 3 * time.Second}})
	_, err := c.Lease(t.Context(), LeaseOptions{Wait: 8 * time.Second})
	if apier.AsError(err).Code != apier.CodeInvalid || !strings.Contains(err.Error(), "HTTPClient.Timeout") || !strings.Contains(err.Error(), "3s") {
		t.Errorf("got %v", err)
	}
	if _, err := c.ListCreated(t.Context(), 0, 1, 3*time.Second); err == nil || !strings.Contains(err.Error(), "HTTPClient.Timeout") {
		t.Errorf("got %v", err)
	}
	if len(asked) > 0 {
		t.Error("a request was sent")
	}
	short := newTestClient(t, server.URL, Options{HTTPClient: &http.Client{Timeout: time.Millisecond}, MaxRetries: -1})
	if _, err := short.Pending(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "HTTPClient.Timeout is 1ms") {
		t.Errorf("a request that it ends says %v", err)
	}
}
