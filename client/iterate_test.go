package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/apier/apier"
)

func TestEventsGoesOnOverALossAndSaysWhereItCannot(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	next, stop := iter.Pull2(newTestClient(t, s.URL, Options{}).Events(t.Context()))
	defer stop()
	go func() {
		conn := s.next().greet("s1", 10, false)
		conn.update("evt_1", 11)
		conn.end(1012, "restart retry_after_ms=1")
		conn = s.next().greet("s2", 12, true)
		conn.update("evt_1", 11)
		conn.update("evt_2", 12)
		_ = conn.ws.CloseNow()
		conn = s.next().greet("t1", 3, false)
		conn.send(`{"type":"resync","data":{"channel":"events","seq":3}}`)
		conn.update("evt_3", 4)
		conn.end(4403, "forbidden")
	}()
	for _, want := range []Item{
		{Resync: ResyncStart, Cursor: Cursor{"s1", 10}},
		{Change: Change{Event: apier.Event{ID: "evt_1"}}, Cursor: Cursor{"s1", 11}},
		{Change: Change{Event: apier.Event{ID: "evt_2"}}, Cursor: Cursor{"s2", 12}},
		{Resync: ResyncNotResumed, Cursor: Cursor{"t1", 3}},
		{Change: Change{Event: apier.Event{ID: "evt_3"}}, Cursor: Cursor{"t1", 4}},
	} {
		item, err, ok := next()
		if !ok || err != nil || item.Resync != want.Resync || item.Cursor != want.Cursor || item.Event.ID != want.Event.ID {
			t.Fatalf("%+v, %v, want %+v", item, err, want)
		}
	}
	var refused *ConnectionError
	var fault *apier.Error
	if _, err, ok := next(); !ok || !errors.As(err, &refused) || refused.Kind != ErrAuth || !errors.As(err, &fault) || fault.Code != apier.CodeForbidden {
		t.Error(err)
	}
	if _, _, ok := next(); ok {
		t.Error("it goes on after an error")
	}
}

func TestEventsFromACursor(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	next, stop := iter.Pull2(newTestClient(t, s.URL, Options{}).EventsFrom(t.Context(), Cursor{"s0", 5}, "events:order.*"))
	defer stop()
	go func() {
		conn := s.next()
		if q := conn.request.URL.Query(); q.Get("session") != "s0" || q.Get("after") != "5" || q.Get("channels") != "events:order.*" {
			t.Errorf("it asked for %s", q.Encode())
		}
		conn.greet("s1", 6, true).update("evt_1", 6)
	}()
	if item, err, _ := next(); err != nil || item.Resync != "" || item.Cursor != (Cursor{"s1", 6}) {
		t.Errorf("%+v, %v", item, err)
	}
}

func TestEventsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		s.next().greet("s1", 1, false)
		cancel()
	}()
	var last error
	for _, err := range newTestClient(t, s.URL, Options{}).Events(ctx) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Error(last)
	}
	for _, err := range newTestClient(t, s.URL, Options{}).Events(t.Context(), "no such channel") {
		var fault *apier.Error
		if !errors.As(err, &fault) || fault.Code != apier.CodeInvalidChannel {
			t.Error(err)
		}
	}
}

// A channel that the server does not give is answered with an error frame on a connection that stays.
func TestEventsEndsWhereAChannelIsRefused(t *testing.T) {
	t.Parallel()
	for code, kind := range map[apier.Code]ErrorKind{apier.CodeForbidden: ErrAuth, apier.CodeTooManySubscriptions: ErrRefused, apier.CodeInvalidChannel: ErrRefused} {
		s := newFakeServer(t)
		next, stop := iter.Pull2(newTestClient(t, s.URL, Options{}).Events(t.Context(), "events", "event:evt_1"))
		go func() {
			conn := s.next().greet("s1", 10, false)
			conn.send(`{"type":"error","code":"rate_limited","error":"Slower."}`) // says nothing of a channel
			conn.send(`{"type":"error","code":"` + string(code) + `","error":"Not event:evt_1."}`)
		}()
		if item, err, _ := next(); err != nil || item.Resync != ResyncStart {
			t.Errorf("%+v, %v", item, err)
		}
		var refused *ConnectionError
		var fault *apier.Error
		if _, err, ok := next(); !ok || !errors.As(err, &refused) || refused.Kind != kind || !errors.As(err, &fault) || fault.Code != code || fault.Message != "Not event:evt_1." {
			t.Error(err)
		}
		stop()
	}
}

// What is asked for is what is followed, however long the list is.
func TestEventsOfManyChannels(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	channels := make([]string, 100)
	for i := range channels {
		channels[i] = fmt.Sprintf("event:evt_06h0g42fanre76r24q6ghck%03d", i)
	}
	asked := make(chan string, 1)
	go func() {
		conn := s.next()
		if size := len(conn.request.URL.String()); size > maxAddress {
			t.Errorf("the address has %d bytes", size)
		}
		data, _ := (<-conn.frames)["data"].(map[string]any)
		named, _ := data["channels"].([]any)
		asked <- strings.Trim(fmt.Sprint(named), "[]")
		conn.end(4403, "forbidden")
	}()
	for _, err := range newTestClient(t, s.URL, Options{}).Events(t.Context(), channels...) {
		var refused *ConnectionError
		if !errors.As(err, &refused) {
			t.Error(err)
		}
	}
	if got := receive(t, asked, "an attempt"); got != strings.Join(channels, " ") {
		t.Errorf("it asked for %q", got)
	}
}

func TestEventsOfAChannelThatBringsNoChanges(t *testing.T) {
	t.Parallel()
	for _, err := range refusingClient(t, Options{}).Events(t.Context(), "events", "metrics") {
		var fault *apier.Error
		if !errors.As(err, &fault) || fault.Code != apier.CodeInvalidChannel {
			t.Error(err)
		}
		break
	}
}

// Who follows an endpoint alone is told each step of it once, over a loss too: its steps are places in the log.
func TestEventsOfAnEndpoint(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	next, stop := iter.Pull2(newTestClient(t, s.URL, Options{}).Events(t.Context(), "endpoint:ep_1"))
	defer stop()
	delivery := func(conn *fakeConn, seq int, status apier.DeliveryStatus) {
		conn.send(fmt.Sprintf(`{"type":"delivery_update","channel":"endpoint:ep_1","seq":%d,"data":{"id":"dlv_1","event_id":"evt_1","endpoint_id":"ep_1","status":%q}}`, seq, status))
	}
	go func() {
		conn := s.next().greetOn("s1", 10, false, "endpoint:ep_1")
		delivery(conn, 11, apier.DeliveryPending)
		_ = conn.ws.CloseNow()
		conn = s.next()
		if after := conn.request.URL.Query().Get("after"); after != "11" {
			t.Errorf("it came back after %s", after)
		}
		conn.greetOn("s2", 13, true, "endpoint:ep_1")
		delivery(conn, 11, apier.DeliveryPending)
		delivery(conn, 12, apier.DeliveryDelivered)
		conn.send(`{"type":"endpoint_update","channel":"endpoint:ep_1","seq":13,"data":{"id":"ep_1","status":"active","delivered":1}}`)
	}()
	var got []string
	for range 4 {
		item, err, _ := next()
		if err != nil {
			t.Fatal(err)
		}
		switch item.Kind {
		case apier.DeliveryChanged:
			got = append(got, fmt.Sprint(item.Cursor.Seq, " ", item.Event.ID, " ", item.Delivery.Status))
		case apier.EndpointChanged:
			got = append(got, fmt.Sprint(item.Cursor.Seq, " ", item.Endpoint.ID, " ", item.Endpoint.Delivered))
		default:
			got = append(got, string(item.Resync))
		}
	}
	if want := []string{"start", "11 evt_1 pending", "12 evt_1 delivered", "13 ep_1 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A batch that was read already is not told to a loop whose context has ended.
func TestEventsEndsInTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		s.next().greet("s1", 10, false).send(`{"type":"batch","data":[
		{"type":"event_deleted","channel":"events","seq":11,"data":{"id":"evt_1"}},
		{"type":"event_deleted","channel":"events","seq":12,"data":{"id":"evt_2"}},
		{"type":"event_deleted","channel":"events","seq":13,"data":{"id":"evt_3"}}]}`)
	}()
	var told []apier.EventID
	var last error
	for item, err := range newTestClient(t, s.URL, Options{}).Events(ctx) {
		if item.IsEvent() {
			told = append(told, item.Event.ID)
			cancel()
		}
		last = err
	}
	if len(told) != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("%q, %v", told, last)
	}
}

// A loop over a server that is away says nothing; who wants to know why is told how the connection stands.
func TestEventsTellHowTheConnectionStands(t *testing.T) {
	t.Parallel()
	var told []Status // by the goroutine of the loop, so without a lock
	c := newTestClient(t, "http://127.0.0.1:1", Options{MaxReconnectAttempts: 2, OnStatus: func(s Status) { told = append(told, s) }})
	for _, err := range c.Events(t.Context()) {
		var last *ConnectionError
		if !errors.As(err, &last) || last.Kind != ErrExhausted {
			t.Error(err)
		}
	}
	if len(told) < 3 || told[0].State != Connecting || told[1].State != Reconnecting || told[1].Err == nil || told[len(told)-1].State != Disconnected {
		t.Errorf("%+v", told)
	}
	own, all := make(chan Status, 16), make(chan Status, 16)
	c = newTestClient(t, "http://127.0.0.1:1", Options{OnStatus: func(s Status) { all <- s }})
	l := c.Live(t.Context(), LiveOptions{OnStatus: func(s Status) { own <- s }})
	receive(t, own, "a status")
	l.Close()
	if len(all) != 0 {
		t.Error("both were told")
	}
	l = c.Live(t.Context(), LiveOptions{})
	receive(t, all, "a status")
	l.Close()
}
