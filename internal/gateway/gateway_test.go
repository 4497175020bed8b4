package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

func TestPlainSaysNothingBeforeThePong(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c := b.dial(t, "token=good")
	c.say(`{"type": "ping", "timestamp": "2025-11-14T17:30:00Z"}`)
	pong := c.expect(apier.FramePong)
	if pong.Timestamp == "" || pong.Data != nil {
		t.Errorf("a plain pong has a timestamp and no data: %+v", pong)
	}
}

func TestV1GreetsWithASession(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	b.store.create("evt_before")
	for _, c := range []*client{b.dial(t, "v=1&token=good"), b.dial(t, "token=good", "Sec-WebSocket-Protocol: apier.v1")} {
		var s apier.Session
		if err := json.Unmarshal(c.expect(apier.FrameSession).Data, &s); err != nil {
			t.Fatal(err)
		}
		if s.Resumed || s.Epoch != epoch || s.Session == "" || s.HeartbeatMS != 25_000 || strings.Join(s.Channels, ",") != "events,metrics" {
			t.Errorf("got %+v", s)
		}
		c.say(`{"type":"ping","timestamp":"x"}`)
		if got := string(c.expect(apier.FramePong).Data); got != `{"echo":"x","seq":0}` && got != `{"echo":"x","seq":1}` {
			t.Errorf("got %s", got)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for name, tc := range map[string]struct {
		query, header string
		protocol      string
	}{
		"query":       {query: "token=good"},
		"header":      {header: "Authorization: Bearer good"},
		"subprotocol": {header: "Sec-WebSocket-Protocol: apier.v1, bearer.good", protocol: "apier.v1"},
		"first wins":  {query: "token=bad", header: "Authorization: Bearer good"},
	} {
		c, res := b.tryDial(t, tc.query, append([]string{"X-Test: 1"}, tc.header)[boolIndex(tc.header == ""):][:1]...)
		if c == nil {
			t.Errorf("%s: refused with %d", name, res.StatusCode)
			continue
		}
		if got := res.Header.Get("Sec-WebSocket-Protocol"); got != tc.protocol {
			t.Errorf("%s: selected %q, want %q", name, got, tc.protocol)
		}
		c.say(`{"type":"ping"}`)
		if tc.protocol != "" {
			c.expect(apier.FrameSession)
		}
		c.expect(apier.FramePong)
	}
}

func boolIndex(b bool) int {
	if b {
		return 0
	}
	return 1
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MaxConnectionsPerUser: 1, AllowedOrigins: []string{"https://shop.example"}})
	b.dial(t, "token=good").sync()
	for name, tc := range map[string]struct {
		query  string
		status int
		code   apier.CloseCode
	}{
		"no token":     {"", 401, apier.CloseUnauthorized},
		"bad token":    {"token=bad", 401, apier.CloseUnauthorized},
		"no scope":     {"token=writer", 403, apier.CloseForbidden},
		"too many":     {"token=good", 429, apier.CloseTooManyRequests},
		"after a word": {"token=other&v=1&after=x", 422, 4400},
		"v 2":          {"token=other&v=2", 422, 4400},
		"two tokens":   {"token=other&token=good", 422, 4400},
		"two versions": {"token=other&v=1&v=2", 422, 4400},
		"auth":         {"auth=massage", 422, 4400},
	} {
		c, res := b.tryDial(t, tc.query)
		if c != nil || res.StatusCode != tc.status || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %s, want %d", name, res.StatusCode, res.Header.Get("Content-Type"), tc.status)
		} else if body, _ := io.ReadAll(res.Body); !json.Valid(body) || strings.Contains(string(body), "bad") {
			t.Errorf("%s: the problem is %s", name, body)
		}
		if tc.status == 429 && res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
		reason := b.dial(t, tc.query, "Origin: https://shop.example", "Sec-WebSocket-Protocol: apier.v1").expectClose(tc.code)
		if tc.status == 429 && reason != "too_many_connections retry_after_ms=5000" {
			t.Errorf("%s: reason %q", name, reason)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{AllowedOrigins: []string{"https://shop.example"}})
	for origin, status := range map[string]int{
		"http://" + b.addr: 101, "https://shop.example": 101, "https://evil.example": 403,
		"https://shop.example.evil.example": 403, "null": 403,
	} {
		if _, res := b.tryDial(t, "token=good", "Origin: "+origin); res.StatusCode != status {
			t.Errorf("%s: got %d, want %d", origin, res.StatusCode, status)
		}
	}
}

func TestNotAnUpgrade(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for method, want := range map[string]int{http.MethodGet: http.StatusUpgradeRequired, http.MethodPost: http.StatusMethodNotAllowed} {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.addr+"/ws?token=good", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || want == http.StatusUpgradeRequired && res.Header.Get("Upgrade") != "websocket" {
			t.Errorf("%s: got %d %v", method, res.StatusCode, res.Header)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opt    Options
		second string
		status int
	}{
		"in all":      {Options{MaxConnections: 1}, "token=other", 503},
		"per user":    {Options{MaxConnectionsPerUser: 1}, "token=good", 429},
		"per address": {Options{MaxConnectionsPerIP: 1}, "token=other", 429},
	} {
		b := newBench(t, tc.opt)
		first := b.dial(t, "token=good")
		first.sync()
		if c, res := b.tryDial(t, tc.second); c != nil || res.StatusCode != tc.status {
			t.Errorf("%s: got %d, want %d", name, res.StatusCode, tc.status)
		}
		first.sync() // undisturbed
		first.write(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))
		first.expectClose(1000)
		waitFor(t, func() bool { return b.g.Connections() == 0 })
		b.dial(t, tc.second).sync()
	}
}

// waitFor polls a condition that another goroutine brings about and nobody announces.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the condition does not come true")
		}
	}
}

func TestAnEventReachesWhoeverSubscribed(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	plain, v1 := b.dial(t, "token=good"), b.dial(t, "token=good&v=1&channels=events,events:order.*,event:evt_1")
	foreign, none := b.dial(t, "token=foreign"), b.dial(t, "token=good&channels=")
	v1.expect(apier.FrameSession)
	for _, c := range []*client{plain, v1, foreign, none} {
		c.sync()
	}
	seq := b.store.create("evt_1")
	if a := plain.expect(apier.FrameEventCreated); a.Seq != 0 || a.Channel != "" {
		t.Errorf("a plain frame carries v1 fields: %+v", a)
	}
	if a := v1.expect(apier.FrameEventCreated); a.Seq != seq || a.Channel != "event:evt_1" {
		t.Errorf("got %+v", a)
	}
	for _, c := range []*client{plain, v1, foreign, none} { // once, and nobody else
		c.say(`{"type":"ping"}`)
		c.expect(apier.FramePong)
	}
}

func TestSubscribeAndUnsubscribe(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MaxSubscriptions: 2})
	c := b.dial(t, "token=good&v=1&channels=")
	c.expect(apier.FrameSession)
	c.say(`{"type":"subscribe","id":"a","data":{"channels":["events:order.*","metrics"]}}`)
	if a := c.expect(apier.FrameSubscribe); a.ID != "a" || string(a.Data) != `{"channel":"events:order.*","status":"subscribed"}` {
		t.Errorf("got %+v %s", a, a.Data)
	}
	c.expect(apier.FrameSubscribe)
	c.say(`{"type":"subscribe","id":"b","data":{"channel":"events"}}`)
	if a := c.expect(apier.FrameError); a.ID != "b" || a.Code != string(apier.CodeTooManySubscriptions) {
		t.Errorf("got %+v", a)
	}
	b.store.commit("t1", apier.Created, "evt_x", "invoice.created", `{}`)
	b.store.create("evt_1")
	if a := c.expect(apier.FrameEventCreated); a.Channel != "events:order.*" {
		t.Errorf("got %+v", a)
	}
	c.say(`{"type":"unsubscribe","data":{"channel":"events:order.*"}}`)
	c.expect(apier.FrameUnsubscribe)
	b.store.create("evt_2")
	c.say(`{"type":"ping"}`)
	c.expect(apier.FramePong)
}

func TestATokensChannelsBoundItsSubscriptions(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c := b.dial(t, "token=orders&v=1")
	var s apier.Session
	if err := json.Unmarshal(c.expect(apier.FrameSession).Data, &s); err != nil || strings.Join(s.Channels, ",") != "events:order.*" {
		t.Errorf("by default it gets what it may have: %+v %v", s, err)
	}
	c.say(`{"type":"subscribe","data":{"channel":"events"}}`)
	if a := c.expect(apier.FrameError); a.Code != string(apier.CodeForbidden) {
		t.Errorf("got %+v", a)
	}
	named := b.dial(t, "token=orders&channels=events,metrics")
	for range 2 {
		if a := named.expect(apier.FrameError); a.Code != string(apier.CodeForbidden) {
			t.Errorf("got %+v", a)
		}
	}
}

func TestBadMessagesAreAnsweredAndHarmNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c, bystander := b.dial(t, "token=good"), b.dial(t, "token=other")
	bystander.sync()
	for text, code := range map[string]apier.Code{
		`{"type":`:             apier.CodeMalformed,
		`{"type":"selfie"}`:    apier.CodeUnknownType,
		`{"type":"subscribe"}`: apier.CodeInvalid,
	} {
		c.say(text)
		if a := c.expect(apier.FrameError); a.Code != string(code) {
			t.Errorf("%s: got %+v", text, a)
		}
	}
	c.sync()
	bystander.say(`{"type":"ping"}`)
	bystander.expect(apier.FramePong)
}

func TestAMessageOfOneMiB(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c, bystander := b.dial(t, "token=good"), b.dial(t, "token=other")
	go func() { // the server stops reading it: the write may fail
		_ = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewTextFrame(make([]byte, 1<<20))))
	}()
	c.expectCloseOnly(apier.CloseTooBig)
	bystander.sync()
}

// expectCloseOnly is expectClose for a client that is still writing and answers nothing.
func (c *client) expectCloseOnly(want apier.CloseCode) {
	c.t.Helper()
	f, err := c.frame()
	if err != nil {
		c.t.Fatal(err)
	}
	if code, reason := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode != ws.OpClose || apier.CloseCode(code) != want {
		c.t.Fatalf("got %d %q, want %d", code, reason, want)
	}
}

func TestAThousandMessagesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c, bystander := b.dial(t, "token=good"), b.dial(t, "token=other")
	frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"ping","id":"p"}`))))
	go func() {
		_, _ = c.conn.Write([]byte(strings.Repeat(string(frame), 1000)))
	}()
	pongs, limited := 0, 0
	for range 1000 {
		switch a := c.hear(); {
		case a.Type == "pong":
			pongs++
		case a.Code == string(apier.CodeRateLimited) && a.ID == "p":
			limited++
		default:
			t.Fatalf("got %+v", a)
		}
	}
	if pongs < 40 || limited < 500 {
		t.Errorf("%d pongs and %d refusals", pongs, limited)
	}
	bystander.sync()
}

func TestAClientThatNeverReadsCostsNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{WriteTimeout: 4 * time.Second}) // longer than a busy machine holds a reader up
	mute := b.dial(t, "token=good")
	mute.sync() // and never reads again
	mute.narrow()
	reader := b.dial(t, "token=other&v=1")
	reader.expect(apier.FrameSession)
	payload := `{"x":"` + strings.Repeat("y", 3000) + `"}`
	const count = 2500 // some 8 MB, more than the sockets' buffers hold
	go func() {
		for i := range count {
			b.store.commit("t1", apier.Created, fmt.Sprintf("evt_%d", i), "a.b", payload)
		}
	}()
	for seen := apier.Seq(0); seen < count; {
		for _, a := range reader.envelopes() {
			if a.Seq <= seen {
				t.Fatalf("seq %d after %d", a.Seq, seen)
			}
			seen = a.Seq
		}
	}
	waitFor(t, func() bool { return b.g.Connections() == 1 }) // the other was ended
}

func TestASlowClientEndsWithTheStoresState(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"", "&v=1"} {
		b := newBench(t, Options{MaxQueue: 20_000, CatchUpPage: 7})
		c := b.dial(t, "token=good&channels=events"+dialect)
		if dialect != "" {
			c.expect(apier.FrameSession)
		}
		c.sync()
		payload := `{"x":"` + strings.Repeat("y", 3000) + `"}`
		for i := range 5000 { // nothing is read meanwhile, and the log holds a handful
			b.store.commit("t1", apier.Created, fmt.Sprintf("evt_%d", i%50), "a.b", payload)
			if i%10 == 9 {
				b.store.commit("t1", apier.Deleted, fmt.Sprintf("evt_%d", i%50), "a.b", "")
			}
		}
		b.store.create("evt_end")
		alive := map[string]int{}
		for done := false; !done; {
			for _, a := range c.envelopes() {
				var data struct {
					ID       string `json:"id"`
					Attempts int    `json:"delivery_attempts"`
				}
				if err := json.Unmarshal(a.Data, &data); err != nil {
					t.Fatal(err)
				}
				if a.Type == "event_deleted" {
					delete(alive, data.ID)
				} else {
					alive[data.ID] = data.Attempts
				}
				done = done || data.ID == "evt_end"
			}
		}
		c.sync()
		for id, change := range b.store.latest {
			if want := change.Event.DeliveryAttempts; change.Kind != apier.Deleted && alive[string(id)] != want {
				t.Errorf("%s stands at %d, the store at %d", id, alive[string(id)], want)
			}
			delete(alive, string(id))
		}
		if len(alive) != 0 {
			t.Errorf("the client has what the store has not: %v", alive)
		}
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{CatchUpPage: 2})
	for i := range 5 {
		b.store.create(fmt.Sprintf("evt_%d", i))
	}
	b.store.commit("t1", apier.Updated, "evt_0", "order.created", `{}`)
	b.store.commit("t1", apier.Deleted, "evt_1", "order.created", "")
	session := sessionPrefix(earlierRun, b.auth.ids["good"]) + "x"
	c := b.dial(t, "token=good&v=1&after=3&session="+session)
	var s apier.Session
	if err := json.Unmarshal(c.expect(apier.FrameSession).Data, &s); err != nil || !s.Resumed {
		t.Fatalf("got %+v %v", s, err)
	}
	var got []string
	for len(got) < 4 {
		for _, a := range c.envelopes() {
			got = append(got, fmt.Sprintf("%s %d", a.Type, a.Seq))
		}
	}
	if want := "event_created 4 event_created 5 event_update 6 event_deleted 7"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	b.store.create("evt_new")
	if a := c.expect(apier.FrameEventCreated); a.Seq != 8 {
		t.Errorf("got %+v", a)
	}
}

func TestAResumeThatCannotBe(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for i := range 5 {
		b.store.create(fmt.Sprintf("evt_%d", i))
	}
	b.dial(t, "token=good").sync()
	b.store.floor = 3
	mine := func(run string) string { return sessionPrefix(run, b.auth.ids["good"]) + "x" }
	for name, query := range map[string]string{
		"forgotten":      "after=2&session=" + mine(run),
		"an unknown run": "after=4&session=" + mine("000000000000"),
		"a lost history": "after=5&session=" + mine(earlierRun),
		"no session":     "after=4",
		"no run":         "after=4&session=s_",
		"another user":   "after=4&session=" + sessionPrefix(run, b.auth.ids["other"]) + "x",
		"the future":     "after=400&session=" + mine(run),
	} {
		c := b.dial(t, "token=good&v=1&channels=events,metrics&"+query)
		var s apier.Session
		if err := json.Unmarshal(c.expect(apier.FrameSession).Data, &s); err != nil || s.Resumed {
			t.Errorf("%s: got %+v %v", name, s, err)
		}
		if a := c.expect(apier.FrameResync); !strings.Contains(string(a.Data), `"channel":"events"`) {
			t.Errorf("%s: got %s", name, a.Data)
		}
		c.say(`{"type":"ping"}`)
		c.expect(apier.FramePong)
	}
}

func TestMetricsAreConflated(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c := b.dial(t, "token=good")
	c.sync()
	b.g.hub.PublishMetrics("t1", apier.Metrics{Total: 1}, 0)
	b.g.hub.PublishMetrics("t1", apier.Metrics{Total: 2}, 0)
	for {
		var m apier.Metrics
		if err := json.Unmarshal(c.expect(apier.FrameMetricsUpdate).Data, &m); err != nil {
			t.Fatal(err)
		}
		if m.Total == 2 {
			return
		}
	}
}

func TestExpiryIsAnnouncedAndEnforced(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64
	b := newBench(t, Options{
		SweepEvery: time.Millisecond, ExpiryWarning: 2 * time.Hour, SilenceTimeout: 24 * time.Hour, PingAfter: 24 * time.Hour,
		Now: func() time.Time { return time.Now().Add(time.Duration(passed.Load())) },
	})
	c := b.dial(t, "token=expiring&v=1")
	c.expect(apier.FrameSession)
	passed.Store(int64(50 * time.Minute)) // of the hour that it lives
	if a := c.expect(apier.FrameAuth); !strings.Contains(string(a.Data), apier.AuthExpiring) {
		t.Errorf("got %s", a.Data)
	}
	b.auth.mu.Lock()
	id := b.auth.ids["expiring"]
	id.ExpiresAt = time.Now().Add(-time.Second)
	b.auth.ids["expired"] = id
	b.auth.mu.Unlock()
	c.say(`{"type":"auth","id":"a","data":{"token":"foreign"}}`)
	if a := c.expect(apier.FrameError); a.Code != string(apier.CodeForbidden) {
		t.Errorf("got %+v", a)
	}
	c.say(`{"type":"auth","id":"a","data":{"token":"bad"}}`)
	if a := c.expect(apier.FrameError); a.Code != string(apier.CodeUnauthorized) || a.ID != "a" {
		t.Errorf("got %+v", a)
	}
	c.say(`{"type":"auth","id":"a","data":{"token":"expired"}}`)
	if reason := c.expectClose(apier.CloseUnauthorized); reason != "token_expired" {
		t.Errorf("got %q", reason)
	}
}

func TestARevokedKeyEndsItsConnections(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{SweepEvery: time.Millisecond})
	if reason := b.dial(t, "token=rekeyed").expectClose(apier.CloseUnauthorized); reason != "key_revoked" {
		t.Errorf("got %q", reason)
	}
}

// The key of the token before does not end a connection that has another by now.
func TestAKeyIsRevokedWhileItsTokenIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{SweepEvery: time.Millisecond})
	b.auth.set("fresh", "t1", "k", "events")
	asked, answer := make(chan struct{}), make(chan struct{})
	var looks atomic.Int32
	again := make(chan struct{})
	b.auth.holdKey(func() {
		switch looks.Add(1) {
		case 1:
			close(asked)
			<-answer
		case 2: // of whomever: the first is over
			close(again)
		}
	})
	c := b.dial(t, "token=rekeyed&channels=events")
	<-asked
	b.dial(t, "token=good")
	c.say(`{"type":"auth","data":{"token":"fresh"}}`)
	c.expect(apier.FrameAuth)
	close(answer)
	<-again
	c.sync()
}

func TestSilence(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64 // minutes
	b := newBench(t, Options{
		SweepEvery: time.Millisecond, PingAfter: time.Minute, SilenceTimeout: time.Hour,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load()) * time.Minute) },
	})
	c := b.dial(t, "token=good")
	c.sync()
	ahead.Store(2)
	if f, err := c.frame(); err != nil || f.Header.OpCode != ws.OpPing {
		t.Fatalf("got %v %v, want a ping", f.Header.OpCode, err)
	}
	ahead.Store(90)
	if reason := c.expectClose(apier.CloseTimeout); reason != "silent" {
		t.Errorf("got %q", reason)
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	plain, v1 := b.dial(t, "token=good"), b.dial(t, "token=good&v=1")
	plain.sync()
	v1.expect(apier.FrameSession)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		b.g.Drain(context.Background())
	}()
	var advice struct {
		AfterMS int64 `json:"after_ms"`
	}
	if err := json.Unmarshal(v1.expect(apier.FrameReconnect).Data, &advice); err != nil || advice.AfterMS < 0 || advice.AfterMS >= 5000 {
		t.Errorf("got %+v %v", advice, err)
	}
	for _, c := range []*client{v1, plain} {
		if reason := c.expectClose(apier.CloseServiceRestart); !strings.HasPrefix(reason, "restart retry_after_ms=") {
			t.Errorf("got %q", reason)
		}
	}
	<-drained
	if _, res := b.tryDial(t, "token=good"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("got %d", res.StatusCode)
	}
}

// A connection that is being made while everything ends has nobody to watch its time: it ends at once, whatever its
// client does.
func TestAConnectionThatComesAtTheEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	asked, answer := make(chan struct{}), make(chan struct{})
	b.auth.hold("good", asked, answer)
	go func() {
		<-asked
		b.stop()
		<-b.g.ctx.Done()
		close(answer)
	}()
	c := b.dial(t, "token=good&v=1")
	<-b.done // though the client neither answers a close nor goes
	_ = c.conn.Close()
}

// What is still to be written does not swallow the answer to a close: a client that leaves in the middle of what it
// missed, or of what it is slow to read, sees a clean end.
func TestACloseBehindWhatIsStillToBeWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{CatchUpPage: 2})
	for i := range 40 {
		b.store.commit("t1", apier.Created, fmt.Sprintf("evt_%d", i), "order.created", `{"x":"`+strings.Repeat("x", 50_000)+`"}`)
	}
	session := sessionPrefix(run, b.auth.ids["good"]) + "x"
	for _, query := range []string{"", "&channels=&after=1&session=" + session, "&after=1&session=" + session} {
		for n := range 10 {
			c := b.dial(t, "token=good&v=1"+query)
			c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "bye")))
			if tcp, ok := c.conn.(*net.TCPConn); ok && n%2 == 1 { // it may close its side, too, and read on
				_ = tcp.CloseWrite()
			}
			for {
				f, err := c.frame()
				if err != nil {
					t.Fatalf("%q: ended with %v and no close frame", query, err)
				}
				if f.Header.OpCode == ws.OpClose {
					if code, _ := ws.ParseCloseFrameData(f.Payload); code != 1000 {
						t.Errorf("%q: answered with %d", query, code)
					}
					break
				}
			}
			if _, err := c.frame(); !errors.Is(err, io.EOF) {
				t.Errorf("%q: the server does not hang up: %v", query, err)
			}
		}
	}
	waitFor(t, func() bool { return b.g.Connections() == 0 })
}

// One that leaves without reading what is still to be written is not waited for without end.
func TestACloseThatNobodyReads(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{CatchUpPage: 2, CloseTimeout: 200 * time.Millisecond, SweepEvery: 20 * time.Millisecond})
	for i := range 400 {
		b.store.commit("t1", apier.Created, fmt.Sprintf("evt_%d", i), "order.created", `{"x":"`+strings.Repeat("x", 50_000)+`"}`)
	}
	c := b.dial(t, "token=good&v=1&after=1&session="+sessionPrefix(run, b.auth.ids["good"])+"x")
	c.narrow()
	c.expect(apier.FrameSession)
	c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "bye")))
	waitFor(t, func() bool { return b.g.Connections() == 0 })
}

func TestTheCloseHandshake(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for name, tc := range map[string]struct {
		body []byte
		want apier.CloseCode
	}{
		"normal":        {ws.NewCloseFrameBody(1000, "bye"), 1000},
		"going away":    {ws.NewCloseFrameBody(1001, ""), 1001},
		"registered":    {ws.NewCloseFrameBody(1012, ""), 1012},
		"application":   {ws.NewCloseFrameBody(4000, ""), 4000},
		"no code":       {nil, 0},
		"one byte":      {[]byte{3}, apier.CloseProtocolError},
		"not for wires": {ws.NewCloseFrameBody(1005, ""), apier.CloseProtocolError},
		"undefined":     {ws.NewCloseFrameBody(2999, ""), apier.CloseProtocolError},
		"bad reason":    {append(ws.NewCloseFrameBody(1000, ""), 0xff), apier.CloseProtocolError},
	} {
		c := b.dial(t, "token=good")
		c.write(ws.NewCloseFrame(tc.body))
		f, err := c.frame()
		if err != nil || f.Header.OpCode != ws.OpClose {
			t.Errorf("%s: got %v %v", name, f.Header.OpCode, err)
			continue
		}
		if code, _ := ws.ParseCloseFrameData(f.Payload); len(f.Payload) > 0 && apier.CloseCode(code) != tc.want || len(f.Payload) == 0 && tc.want != 0 {
			t.Errorf("%s: answered with %d, want %d", name, code, tc.want)
		}
		if _, err := c.frame(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the server does not hang up: %v", name, err)
		}
		waitFor(t, func() bool { return b.g.Connections() == 0 })
	}
}
