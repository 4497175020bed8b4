package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/problem"
)

func startLive(t *testing.T, c *Client, o LiveOptions) (*Live, *recorder) {
	t.Helper()
	r := record(&o)
	l := c.Live(t.Context(), o)
	t.Cleanup(l.Close)
	return l, r
}

func TestLiveResumesAfterALoss(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	l, told := startLive(t, newTestClient(t, s.URL, Options{Token: "secret"}), LiveOptions{Channels: []string{"events"}})
	first := s.next().greet("s1", 10, false)
	if got := first.request.Header.Get("Authorization"); got != "Bearer secret" || first.request.URL.Query().Has("token") {
		t.Errorf("the token stands in %q of %s", got, first.request.URL)
	}
	first.update("evt_1", 11)
	told.want(t, "open", "change evt_1")
	_ = first.ws.CloseNow()
	told.want(t, "close")
	second := s.next()
	if q := second.request.URL.Query(); q.Get("session") != "s1" || q.Get("after") != "11" || q.Get("channels") != "events" || q.Get("v") != "1" {
		t.Errorf("it came back with %s", q.Encode())
	}
	second.greet("s2", 12, true).update("evt_1", 11)
	second.update("evt_2", 12)
	told.want(t, "open", "change evt_2")
	if st := l.Status(); st.State != Connected || !st.Resumed || l.Stats().Duplicates != 1 {
		t.Errorf("%+v, %+v", st, l.Stats())
	}
	if cursor, ok := l.Cursor(); !ok || cursor != (Cursor{"s2", 12}) {
		t.Errorf("cursor %+v", cursor)
	}
}

func TestLiveSurvivesGarbage(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	l, told := startLive(t, newTestClient(t, s.URL, Options{}), LiveOptions{})
	conn := s.next().greet("s1", 1, false)
	for _, text := range []string{"", "\x00", "[]", `{"type":7}`, `{"type":"event_update","data":{"id":"x","status":"?"}}`} {
		conn.send(text)
	}
	if err := conn.ws.Write(t.Context(), websocket.MessageBinary, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	conn.update("evt_1", 2)
	told.want(t, "open", "change evt_1")
	if stats := l.Stats(); stats.Refused != 6 {
		t.Errorf("%+v", stats)
	}
}

func TestEachCloseCodeFromAServer(t *testing.T) {
	t.Parallel()
	for code, retried := range map[apier.CloseCode]bool{
		1000: false, 1001: true, 1002: false, 1003: false, 1007: false, 1008: false, 1009: false, 1010: false, 1011: true,
		1012: true, 1013: true, 1014: true, 4400: false, 4401: false, 4403: false, 4408: true, 4429: true, 4499: false, 4500: true,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := newFakeServer(t)
			l, told := startLive(t, newTestClient(t, s.URL, Options{}), LiveOptions{})
			s.next().greet("s1", 1, false).end(code, "word")
			told.want(t, "open")
			if retried {
				told.want(t, "close")
				s.next().greet("s1", 1, true)
				told.want(t, "open")
				return
			}
			told.want(t, "error", "close")
			if err := l.Connected(t.Context()); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestARefusedUpgradeMeansWhatItsProblemSays(t *testing.T) {
	t.Parallel()
	for code, want := range map[apier.Code]struct {
		kind  ErrorKind
		state State
	}{
		apier.CodeUnauthorized:       {ErrAuth, Stopped},
		apier.CodeForbidden:          {ErrAuth, Stopped},
		apier.CodeInvalid:            {ErrRefused, Stopped},
		apier.CodeTooManyConnections: {ErrTransport, Reconnecting},
		apier.CodeUnavailable:        {ErrTransport, Reconnecting},
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			s := newFakeServer(t)
			s.refuse = func(w http.ResponseWriter, _ *http.Request) bool {
				problem.Write(w, apier.Errorf(code, "Because."), 7*time.Second)
				return true
			}
			statuses := make(chan Status, 16)
			l := newTestClient(t, s.URL, Options{}).Live(t.Context(), LiveOptions{OnStatus: func(st Status) { statuses <- st }})
			t.Cleanup(l.Close)
			for st := receive(t, statuses, "a status"); ; st = receive(t, statuses, "a status") {
				if st.Err == nil {
					continue
				}
				var e *apier.Error
				if st.State != want.state || st.Err.Kind != want.kind || !errors.As(st.Err, &e) || e.Code != code || e.Message != "Because." {
					t.Errorf("%+v: %v", st, st.Err)
				}
				if want.state == Reconnecting && st.Delay != 7*time.Second {
					t.Errorf("it waits %v", st.Delay)
				}
				return
			}
		})
	}
}

// A server that is half open: it took the connection and says nothing.
func TestAHalfOpenServerIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, network := newFakeServerInMemory(t)
		c := newTestClient(t, s.URL, Options{HTTPClient: network, HeartbeatInterval: 30 * time.Second, HeartbeatTimeout: 5 * time.Second, ConnectTimeout: 7 * time.Second})
		began := time.Now()
		l, told := startLive(t, c, LiveOptions{})
		silent := s.next()                    // never greets
		s.next().greet("s1", 1, false)        // greets, and never answers a ping
		told.want(t, "open", "close")         // so it is dropped
		<-silent.ended                        // both were let go
		last := s.next().greet("s1", 1, true) // the third answers
		told.want(t, "open")
		if took := time.Since(began).Round(time.Second); took != 42*time.Second {
			t.Errorf("given up after %v, not 7 s and then 30 s and 5 s", took)
		}
		for range 3 {
			if frame := receive(t, last.frames, "a ping"); frame["type"] != "ping" {
				t.Fatalf("%v", frame)
			}
			last.send(`{"type":"pong","data":{"seq":1}}`)
		}
		receive(t, last.frames, "a ping") // the last pong was read by now
		if q := l.Quality(); !q.Measured || q.Level == "" || q.LastFrameAt.IsZero() {
			t.Errorf("%+v", q)
		}
		last.send(`{"type":"pong"}`)
	})
}

func TestTokenSourceIsAskedWithItsReasons(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	var n atomic.Int64
	reasons := make(chan TokenReason, 16)
	source := func(_ context.Context, reason TokenReason) (string, error) {
		reasons <- reason
		if n.Add(1) == 1 {
			return "", errors.New("the vault is closed")
		}
		return fmt.Sprintf("t%d", n.Load()), nil
	}
	_, told := startLive(t, newTestClient(t, s.URL, Options{TokenSource: source}), LiveOptions{})
	conn := s.next().greet("s1", 1, false)
	told.want(t, "open")
	conn.send(`{"type":"auth","data":{"status":"expiring","expires_at":"2026-01-01T00:00:00.000Z"}}`)
	frame := receive(t, conn.frames, "the new token")
	if data, _ := frame["data"].(map[string]any); frame["type"] != "auth" || data["token"] != "t3" {
		t.Errorf("%v", frame)
	}
	for _, want := range []TokenReason{TokenConnect, TokenReconnect, TokenExpiring} {
		if got := receive(t, reasons, string(want)); got != want {
			t.Errorf("asked with %q, want %q", got, want)
		}
	}
}

func TestSubscriptionsOutliveAConnection(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	l, told := startLive(t, newTestClient(t, s.URL, Options{}), LiveOptions{Channels: []string{"events"}})
	conn := s.next().greet("s1", 1, false)
	told.want(t, "open")
	if _, err := l.Subscribe("no such channel"); err == nil {
		t.Error("a bad name was taken")
	}
	if sent, err := l.Subscribe("event:evt_1"); !sent || err != nil {
		t.Fatal(sent, err)
	}
	if frame := receive(t, conn.frames, "subscribe"); frame["type"] != "subscribe" {
		t.Errorf("%v", frame)
	}
	_ = conn.ws.CloseNow() // before it was confirmed, so its state was not told either
	conn = s.next()
	if got := conn.request.URL.Query().Get("channels"); got != "events" {
		t.Errorf("channels %q", got)
	}
	conn.greet("s2", 1, true)
	if frame := receive(t, conn.frames, "subscribe again"); frame["type"] != "subscribe" {
		t.Errorf("%v", frame)
	}
	_ = conn.ws.CloseNow()
	told.want(t, "close", "open", "close")
	if sent := l.Unsubscribe("event:evt_1"); sent || len(l.Subscriptions()) != 1 {
		t.Error(sent, l.Subscriptions())
	}
}

func TestSendWithAck(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	l, told := startLive(t, newTestClient(t, s.URL, Options{}), LiveOptions{})
	type end struct {
		d   Outcome
		err error
	}
	ends := make(chan end, 1)
	go func() {
		d, err := l.SendWithAck(t.Context(), Message{Type: apier.FramePing, ID: "a"})
		ends <- end{d, err}
	}()
	first := s.next().greet("s1", 1, false)
	receive(t, first.frames, "the message")
	_ = first.ws.CloseNow() // before the answer
	second := s.next().greet("s1", 1, true)
	receive(t, second.frames, "the message again")
	second.send(`{"type":"pong","id":"a"}`)
	if got := receive(t, ends, "the end"); got.err != nil || got.d != Acked {
		t.Errorf("%+v", got)
	}
	if _, err := l.SendWithAck(t.Context(), Message{Type: apier.FramePing}); err == nil {
		t.Error("without an id")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.SendWithAck(ctx, Message{Type: apier.FramePing, ID: "b"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	told.want(t, "open", "close", "open")
	l.Disconnect()
	if got := l.Send(Message{Type: apier.FramePing}); got != Refused {
		t.Error(got)
	}
}

func TestNothingIsLeftWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := LiveOptions{}
	told := record(&o)
	l := newTestClient(t, s.URL, Options{}).Live(ctx, o)
	conn := s.next().greet("s1", 1, false)
	told.want(t, "open")
	cancel()
	<-l.Done()
	told.want(t, "disconnected", "close")
	receiveClosed(t, conn.ended)
	l.Connect()
	l.Reconnect()
	l.Close()
	if st := l.Status(); st.State != Disconnected {
		t.Errorf("%+v", st)
	}
	if err := l.Connected(t.Context()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A handler uses the Live that OnOpen was given, as what Live returns may not be there yet, and ends it by Stop: it
// cannot wait for itself, as Close would.
func TestAHandlerStops(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	var live *Live // of the handlers alone
	l := newTestClient(t, s.URL, Options{}).Live(t.Context(), LiveOptions{
		OnOpen:   func(l *Live) { live = l },
		OnChange: func(Change) { live.Stop() },
	})
	conn := s.next().greet("s1", 1, false)
	conn.update("evt_1", 2)
	receiveClosed(t, l.Done())
	receiveClosed(t, conn.ended)
	if st := l.Status(); st.State != Disconnected || st.Err != nil {
		t.Errorf("%+v", st)
	}
}

func receiveClosed(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("it did not end")
	}
}

// While the application is slow nothing more is read, the link is not judged, and nothing is lost.
func TestASlowApplicationHoldsReadingUp(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	c := newTestClient(t, s.URL, Options{})
	const events = 4 * feedLimit
	release, seen := make(chan struct{}), make(chan Change, events)
	l := c.Live(t.Context(), LiveOptions{OnChange: func(ch Change) {
		<-release
		seen <- ch
	}})
	t.Cleanup(l.Close)
	conn := s.next().greet("s1", 0, false)
	for i := range events {
		conn.update(fmt.Sprintf("evt_%d", i+1), i+1)
	}
	deadline := time.Now().Add(patience)
	for busy := false; !busy; runtime.Gosched() {
		if l.locked(func() { busy = l.core.busy }); time.Now().After(deadline) {
			t.Fatal("it never held reading up")
		}
	}
	close(release)
	for i := range events {
		if ch := receive(t, seen, "a change"); ch.Event.Seq != apier.Seq(i+1) {
			t.Fatalf("change %d has seq %d", i+1, ch.Event.Seq)
		}
	}
	if st := l.Status(); st.State != Connected || len(s.conns) != 0 {
		t.Errorf("%+v", st)
	}
}

// What lies unread behind a slow application is no reason to judge the link.
func TestABusyApplicationIsNotADeadLink(t *testing.T) {
	t.Parallel()
	w := newFakeWorld(&scriptOptions{})
	c := newCore(w, defaultSettings(), nil)
	w.core = c
	c.connect()
	c.opened(w.last().link)
	c.received(w.last().link, []byte(`{"type":"session","data":{"session":"s","seq":1,"resumed":false}}`))
	w.advanceTo(31_000) // a pong is due
	c.setBusy(true)
	w.advanceTo(3_600_000)
	if st := c.status(); st.State != Connected {
		t.Fatalf("%+v", st)
	}
	c.setBusy(false) // it is asked again at once
	if c.machine.due[duePong] == never {
		t.Fatal("it was not asked")
	}
	w.advanceTo(3_605_000)
	if st := c.status(); st.State != Reconnecting || st.Err.Kind != ErrHeartbeat {
		t.Fatalf("%+v", st)
	}
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "events.example", "ftp://x", "http://", "http://[::1"} {
		if _, err := New(address, Options{}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}

func TestAnErrorNeverShowsTheToken(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, "http://127.0.0.1:1", Options{Token: "very-secret", MaxRetries: -1, MaxReconnectAttempts: 1})
	_, err := c.Summary(t.Context())
	l := c.Live(t.Context(), LiveOptions{})
	t.Cleanup(l.Close)
	for _, e := range []error{err, l.Connected(t.Context())} {
		if e == nil {
			t.Fatal("no error")
		}
		if text := fmt.Sprintf("%v %+v", e, e); strings.Contains(text, "very-secret") {
			t.Error(text)
		}
	}
	var lost *ConnectionError
	if err := l.Connected(t.Context()); !errors.As(err, &lost) || lost.Kind != ErrExhausted {
		t.Error(err)
	}
	// Each kind is found as an error, that of the last attempt too.
	for kind, found := range map[ErrorKind]bool{ErrExhausted: true, ErrTransport: true, ErrAuth: false} {
		if errors.Is(lost, kind) != found {
			t.Errorf("%v in %v: %v", kind, lost, !found)
		}
	}
}

func TestSetTokenIsForTheNextAttempt(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	l, told := startLive(t, newTestClient(t, s.URL, Options{Token: "old"}), LiveOptions{})
	first := s.next().greet("s1", 1, false)
	told.want(t, "open")
	l.SetToken(" new\n")
	_ = first.ws.CloseNow()
	second := s.next().greet("s1", 1, true)
	if got := second.request.Header.Get("Authorization"); got != "Bearer new" {
		t.Errorf("it came back with %q", got)
	}
	second.end(4401, "unauthorized") // nothing newer is known: it stops
	told.want(t, "close", "open", "error", "close")
	l.SetToken("newest")
	if got := s.next().request.Header.Get("Authorization"); got != "Bearer newest" {
		t.Errorf("it came back with %q", got)
	}
}

func TestSnapshotsAreTold(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	told := make(chan string, 4)
	l := newTestClient(t, s.URL, Options{}).Live(t.Context(), LiveOptions{
		Channels: []string{"event:evt_1", "endpoint:ep_1"},
		OnSnapshot: func(channel string, s apier.Snapshot) {
			switch {
			case s.Event != nil:
				told <- fmt.Sprint(channel, " ", s.Seq, " ", s.Event.Status, " ", s.Event.Seq)
			case s.Endpoint != nil:
				told <- fmt.Sprint(channel, " ", s.Seq, " ", s.Endpoint.Status)
			default:
				told <- channel + " is not there"
			}
		},
	})
	t.Cleanup(l.Close)
	conn := s.next().greet("s1", 10, false)
	conn.send(`{"type":"snapshot","data":{"channel":"event:evt_1","seq":7,"state":{"id":"evt_1","status":"pending"}}}`)
	conn.send(`{"type":"snapshot","data":{"channel":"endpoint:ep_1","seq":8,"state":{"id":"ep_1","status":"paused"}}}`)
	conn.send(`{"type":"snapshot","data":{"channel":"event:evt_1","seq":9,"state":null}}`)
	for _, want := range []string{"event:evt_1 7 pending 7", "endpoint:ep_1 8 paused", "event:evt_1 is not there"} {
		if got := receive(t, told, want); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A cursor that is kept must not be beyond what the handlers were given: what lies between would never be told.
func TestTheCursorIsWhatWasHandedOn(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	var l *Live
	began, cursors := make(chan struct{}), make(chan Cursor, 4)
	l = newTestClient(t, s.URL, Options{}).Live(t.Context(), LiveOptions{OnChange: func(Change) {
		<-began // the whole batch was read
		c, _ := l.Cursor()
		cursors <- c
	}})
	t.Cleanup(l.Close)
	conn := s.next().greet("s1", 10, false)
	conn.send(`{"type":"batch","data":[
		{"type":"event_deleted","channel":"events","seq":11,"data":{"id":"evt_1"}},
		{"type":"event_deleted","channel":"events","seq":12,"data":{"id":"evt_2"}}]}`)
	conn.send(`{"type":"ping"}`) // behind the batch: its answer says that the batch was read
	if frame := receive(t, conn.frames, "the pong"); frame["type"] != "pong" {
		t.Fatalf("%v", frame)
	}
	close(began)
	for _, want := range []Cursor{{"s1", 11}, {"s1", 12}} {
		if got := receive(t, cursors, "a cursor"); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	l.Close()
	if got, ok := l.Cursor(); !ok || got != (Cursor{"s1", 12}) { // what a program keeps when it ends
		t.Errorf("%+v, %v after Close", got, ok)
	}
}

// A context may end while the connection begins: then, too, nothing is told once it is done.
func TestLiveOfAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, "http://127.0.0.1:1", Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 500 {
		told := 0
		l := c.Live(ctx, LiveOptions{OnStatus: func(Status) { told++ }})
		<-l.Done()
		told++ // a race with the handler, were it not done
		l.Close()
	}
}

// Without its data a message would be another one.
func TestAMessageThatIsNoJSONIsRefused(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	l, told := startLive(t, newTestClient(t, s.URL, Options{}), LiveOptions{})
	s.next().greet("s1", 1, false)
	told.want(t, "open")
	for _, data := range []string{`{"a":`, `[]`, `7`} {
		if got := l.Send(Message{Type: "x", Data: []byte(data)}); got != Refused {
			t.Errorf("%s was %s", data, got)
		}
		var e *apier.Error
		if _, err := l.SendWithAck(t.Context(), Message{Type: "x", ID: "a", Data: []byte(data)}); !errors.As(err, &e) || e.Code != apier.CodeInvalid {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// What makes no sense is the default: a timeout below 0 would end every connection at once.
func TestOptionsBelowZero(t *testing.T) {
	t.Parallel()
	o := Options{
		InitialReconnectDelay: -1, MaxReconnectDelay: -1, HeartbeatTimeout: -1, ConnectTimeout: -1, OutboxBytes: -1, OutboxAge: -1,
	}
	if got := o.settings(); got != defaultSettings() {
		t.Errorf("%+v", got)
	}
	if got := (&Options{HeartbeatInterval: -1, OutboxMessages: -1, MaxReconnectAttempts: Forever}).settings(); got.heartbeatInterval != 0 || got.outbox.messages >= 0 || got.maxAttempts >= 0 {
		t.Errorf("%+v", got)
	}
}

// What the server takes away is not live any more.
func TestASubscriptionThatTheServerEnds(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	l, told := startLive(t, newTestClient(t, s.URL, Options{}), LiveOptions{Channels: []string{"events"}})
	conn := s.next().greet("s1", 1, false)
	conn.send(`{"type":"unsubscribe","data":{"channel":"events","status":"unsubscribed"}}`)
	conn.send(`{"type":"metrics_update","data":{"total_events":0,"pending_events":0,"delivered_events":0,"failed_events":0}}`)
	told.want(t, "open", "metrics")
	if all := l.Subscriptions(); len(all) != 1 || all[0].Live {
		t.Errorf("%+v", all)
	}
}

// The head of a pong is of events alone: a delivery that came since says nothing of an event that did not.
func TestADeliveryDoesNotHideAMissedEvent(t *testing.T) {
	t.Parallel()
	w := newFakeWorld(&scriptOptions{})
	c := newCore(w, defaultSettings(), []string{"events", "endpoint:ep_1"})
	w.core = c
	c.connect()
	l := w.last().link
	c.opened(l)
	for _, text := range []string{
		`{"type":"session","data":{"session":"s","seq":10,"resumed":false,"channels":["events","endpoint:ep_1"]}}`,
		`{"type":"pong","data":{"seq":11}}`, // of an event that does not come
		`{"type":"delivery_update","channel":"endpoint:ep_1","seq":12,"data":{"id":"dlv_1","event_id":"evt_1"}}`,
		`{"type":"pong","data":{"seq":11}}`,
	} {
		c.received(l, []byte(text))
	}
	if last := w.calls[len(w.calls)-1]; last != "resync behind" || c.position.seq != 12 {
		t.Errorf("%q, at %d", w.calls, c.position.seq)
	}
}

// A hundred channels of one moment are one frame; each outcome can be waited for (C1).
func TestManySubscriptionsOfOneMomentAreOneFrame(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	refusals := make(chan RefusedChannel, 1)
	l, told := startLive(t, newTestClient(t, s.URL, Options{}), LiveOptions{
		Channels: []string{"events"}, OnRefused: func(r RefusedChannel) { refusals <- r },
	})
	conn := s.next().greet("s1", 1, false)
	told.want(t, "open")
	l.act(func() { // of one moment, however busy the machine is
		for i := range 100 {
			l.core.subscribe(fmt.Sprintf("event:%d", i))
		}
	})
	frame := receive(t, conn.frames, "subscribe")
	data, _ := frame["data"].(map[string]any)
	if names, _ := data["channels"].([]any); len(names) != 100 {
		t.Fatalf("the frame is %v", frame)
	}
	ends := make(chan error, 2)
	go func() { ends <- l.Subscribed(t.Context(), "event:0") }()
	conn.send(`{"type":"subscribe","data":{"channel":"event:0","status":"subscribed"},"seq":1}`)
	if err := receive(t, ends, "the confirmation"); err != nil {
		t.Error(err)
	}
	conn.send(`{"type":"error","error":"A connection may have 100 subscriptions.","code":"too_many_subscriptions","channel":"event:99","data":{"request":"subscribe","channels":["event:99"]}}`)
	if r := receive(t, refusals, "the refusal"); r.Channel != "event:99" || !strings.Contains(r.Err.Message, "100 subscriptions") {
		t.Errorf("%+v", r)
	}
	all := l.Subscriptions()
	if last := all[len(all)-1]; last.Channel != "event:99" || last.Err == nil || last.Live {
		t.Errorf("%+v", last)
	}
}
