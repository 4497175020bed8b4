package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

// TestNothingIsLost does random things to a server and to clients that follow it: events are created, acknowledged and
// deleted; clients subscribe, unsubscribe, leave, stop reading, cut the connection within a frame; the server restarts.
// At rest each client's state is the store's. More of it: make soak.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newFollowed(t, r)
		defer w.close()
		r.Repeat(map[string]func(*rapid.T){
			"create": w.create, "burst": w.burst, "acknowledge": w.acknowledge, "delete": w.erase,
			"connect": w.connect, "leave": w.leave, "cut": w.cut, "pause": w.pause, "go on": w.goOn,
			"subscribe": w.subscribe, "unsubscribe": w.unsubscribe, "restart": w.restart,
		})
		w.rest()
	})
}

// followed is a server and those who follow it.
type followed struct {
	t       *testing.T
	r       *rapid.T
	opt     Options
	server  *Server
	stop    context.CancelFunc
	done    chan error
	clients []*follower
	known   []apier.EventID
}

func newFollowed(t *testing.T, r *rapid.T) *followed {
	w := &followed{t: t, r: r, opt: Options{
		Data: t.TempDir(), Listen: "127.0.0.1:0", LogLevel: "error", JWTSecret: "a secret of the model, 32 bytes or more",
		LiveLogBytes: 8 << 10, // so that who lags falls off the log
		DrainTimeout: 50 * time.Millisecond, ReconnectWindow: time.Millisecond, MessagesPerSecond: 0, TokenTTL: time.Hour,
	}}
	w.start()
	for i, channels := range [][]string{{"events"}, {"events"}, {"events:order.*"}, {"events:user.created", "metrics"}, {"events:order.*", "events:user.created"}} {
		f := &follower{w: w, name: fmt.Sprint("client", i), channels: map[string]bool{}, state: map[apier.EventID]seen{}, gate: make(chan struct{})}
		close(f.gate)
		for _, c := range channels {
			f.channels[c] = true
		}
		w.clients = append(w.clients, f)
		f.connect()
	}
	return w
}

func (w *followed) start() {
	w.r.Helper()
	s, err := New(w.t.Context(), w.opt)
	if err != nil {
		w.r.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.server, w.stop, w.done = s, stop, make(chan error, 1)
	go func() { w.done <- s.Run(ctx) }()
}

func (w *followed) end() {
	w.stop()
	if err := <-w.done; err != nil {
		w.r.Errorf("the server ended with %v", err)
	}
}

func (w *followed) close() {
	for _, f := range w.clients {
		f.drop()
	}
	w.end()
}

func (w *followed) append(r *rapid.T, n, size int) {
	events := make([]apier.NewEvent, n)
	for i := range events {
		events[i] = apier.NewEvent{
			Type: rapid.SampledFrom([]string{"order.created", "order.paid", "user.created", "user.left"}).Draw(r, "type"), Source: "model",
			Payload: json.RawMessage(`{"x":"` + strings.Repeat("x", size) + `"}`),
		}
	}
	receipts, err := w.server.store.Append(context.Background(), auth.DefaultTenant, events, nil)
	if err != nil {
		r.Fatal(err)
	}
	for _, receipt := range receipts.Events {
		w.known = append(w.known, receipt.ID)
	}
}

func (w *followed) create(r *rapid.T) { w.append(r, rapid.IntRange(1, 3).Draw(r, "n"), 10) }
func (w *followed) burst(r *rapid.T)  { w.append(r, 20, 1500) }

func (w *followed) any(r *rapid.T) apier.EventID {
	if len(w.known) == 0 {
		r.Skip("no event")
	}
	return w.known[rapid.IntRange(0, len(w.known)-1).Draw(r, "event")]
}

func (w *followed) acknowledge(r *rapid.T) {
	_, err := w.server.store.Settle(context.Background(), auth.DefaultTenant, w.any(r), store.Outcome{Status: apier.StatusDelivered})
	if err != nil && apier.AsError(err).Code != apier.CodeNotFound {
		r.Fatal(err)
	}
}

func (w *followed) erase(r *rapid.T) {
	err := w.server.store.Delete(context.Background(), auth.DefaultTenant, w.any(r))
	if err != nil && apier.AsError(err).Code != apier.CodeNotFound {
		r.Fatal(err)
	}
}

func (w *followed) client(r *rapid.T) *follower {
	return w.clients[rapid.IntRange(0, len(w.clients)-1).Draw(r, "client")]
}

func (w *followed) connect(r *rapid.T)     { w.client(r).connect() }
func (w *followed) leave(r *rapid.T)       { w.client(r).drop() }
func (w *followed) pause(r *rapid.T)       { w.client(r).pause() }
func (w *followed) goOn(r *rapid.T)        { w.client(r).goOn() }
func (w *followed) subscribe(r *rapid.T)   { w.client(r).subscribe(w.channel(r)) }
func (w *followed) unsubscribe(r *rapid.T) { w.client(r).unsubscribe(w.channel(r)) }

func (w *followed) channel(r *rapid.T) string {
	return rapid.SampledFrom([]string{"events", "events:order.*", "events:order.paid", "events:user.created"}).Draw(r, "channel")
}

// cut leaves in the middle of a frame of the client's own.
func (w *followed) cut(r *rapid.T) {
	f := w.client(r)
	f.write([]byte{0x81, 0xfe, 0x01}) // of a length that never comes
	f.drop()
}

func (w *followed) restart(*rapid.T) {
	w.end()
	for _, f := range w.clients {
		f.drop()
	}
	w.start()
}

// rest lets every client read, and waits until each knows what the store does.
func (w *followed) rest() {
	for _, f := range w.clients {
		f.goOn()
		f.connect()
		f.await()
	}
}

// seen is what a client knows of an event.
type seen struct {
	Status apier.Status
	Seq    apier.Seq
}

// follower is a v1 client that keeps the state it is shown.
type follower struct {
	w    *followed
	name string

	mu       sync.Mutex
	channels map[string]bool
	state    map[apier.EventID]seen
	types    sync.Map  // apier.EventID → string: what was ever seen of it
	fresh    int       // channels that were asked for, and the state was not read whole since the server gave them
	asked    int       // of those, the ones that the address of the connection has
	snapshot apier.Seq // at which it was last read whole: the stream may still tell of what was before
	session  string
	after    apier.Seq
	conn     net.Conn
	gate     chan struct{} // closed: it reads
	readers  sync.WaitGroup
	trouble  error
}

func (f *follower) connect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		return
	}
	f.w.r.Helper()
	token, _, err := f.w.server.auth.IssueFor(auth.Identity{Tenant: auth.DefaultTenant, Subject: f.name, Scopes: []string{auth.ScopeRead}}, time.Hour)
	if err != nil {
		f.w.r.Fatal(err)
	}
	q := url.Values{"v": {"1"}, "token": {token}, "channels": {strings.Join(slices.Sorted(maps.Keys(f.channels)), ",")}}
	if f.session != "" {
		q.Set("session", f.session)
		q.Set("after", strconv.FormatInt(int64(f.after), 10))
	}
	conn, buffered, _, err := ws.Dial(context.Background(), "ws://"+f.w.server.listener.Addr().String()+"/ws?"+q.Encode())
	if err != nil {
		f.w.r.Fatalf("%s cannot connect: %v", f.name, err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(8 << 10) // so that a client that stops reading is felt soon
	}
	in := buffered
	if in == nil {
		in = bufio.NewReader(conn)
	}
	f.conn, f.asked = conn, f.fresh
	f.readers.Add(1)
	go f.read(conn, in)
}

func (f *follower) drop() {
	f.mu.Lock()
	conn := f.conn
	f.conn = nil
	f.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	f.goOn()
	f.readers.Wait()
}

func (f *follower) pause() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.gate:
		f.gate = make(chan struct{})
	default:
	}
}

func (f *follower) goOn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.gate:
	default:
		close(f.gate)
	}
}

func (f *follower) write(raw []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		_, _ = f.conn.Write(raw) // it may be gone: then the reader says so
	}
}

func (f *follower) say(text string) {
	f.write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text)))))
}

func (f *follower) subscribe(channel string) {
	f.mu.Lock()
	f.channels[channel] = true
	f.fresh++
	f.mu.Unlock()
	f.say(`{"type":"subscribe","data":{"channel":"` + channel + `"}}`)
}

func (f *follower) unsubscribe(channel string) {
	f.mu.Lock()
	delete(f.channels, channel)
	f.mu.Unlock()
	f.say(`{"type":"unsubscribe","data":{"channel":"` + channel + `"}}`)
}

// read applies frames until the connection ends.
func (f *follower) read(conn net.Conn, in io.Reader) {
	defer f.readers.Done()
	for {
		f.mu.Lock()
		gate := f.gate
		f.mu.Unlock()
		<-gate
		h, err := ws.ReadHeader(in)
		var payload []byte
		if err == nil {
			payload = make([]byte, h.Length)
			_, err = io.ReadFull(in, payload)
		}
		if err != nil || h.OpCode == ws.OpClose {
			conn.Close()
			f.mu.Lock()
			if f.conn == conn {
				f.conn = nil
			}
			f.mu.Unlock()
			return
		}
		if h.OpCode == ws.OpText {
			f.apply(payload)
		}
	}
}

type modelFrame struct {
	Type string          `json:"type"`
	Code string          `json:"code"`
	Seq  apier.Seq       `json:"seq"`
	Data json.RawMessage `json:"data"`
}

func (f *follower) apply(raw []byte) {
	var frame modelFrame
	if err := json.Unmarshal(raw, &frame); err != nil {
		f.fail(err)
		return
	}
	switch frame.Type {
	case "batch":
		var parts []json.RawMessage
		f.fail(json.Unmarshal(frame.Data, &parts))
		for _, part := range parts {
			f.apply(part)
		}
	case "session":
		var d struct {
			Session string
			Seq     apier.Seq
			Resumed bool
		}
		f.fail(json.Unmarshal(frame.Data, &d))
		f.mu.Lock()
		f.session = d.Session
		first, given := !d.Resumed || f.fresh > 0, f.asked // a resume tells of what changed, not of what was there before
		f.asked = 0
		f.mu.Unlock()
		if first {
			f.fetch(given)
		}
	case "resync":
		f.fetch(0)
	case "subscribe":
		f.fetch(1) // what was there before the subscription
	case "event_created", "event_update", "event_deleted":
		f.change(frame)
	case "error":
		f.fail(errors.New(string(raw)))
	}
}

func (f *follower) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.trouble == nil {
		f.trouble = err
	}
}

func (f *follower) change(frame modelFrame) {
	var e struct {
		ID     apier.EventID
		Type   string
		Status apier.Status
	}
	f.fail(json.Unmarshal(frame.Data, &e))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.types.Store(e.ID, e.Type)
	if 0 < frame.Seq && frame.Seq <= f.snapshot {
		return // told already; a creation would bring back what a cut then never deletes
	}
	if known, ok := f.state[e.ID]; frame.Seq == 0 || ok && frame.Seq < known.Seq && frame.Seq > f.after {
		f.trouble = fmt.Errorf("%s: %s at seq %d behind %d", f.name, frame.Type, frame.Seq, known.Seq)
	}
	if frame.Type == "event_deleted" {
		delete(f.state, e.ID)
	} else if frame.Seq > f.state[e.ID].Seq {
		f.state[e.ID] = seen{e.Status, frame.Seq}
	}
	f.after = max(f.after, frame.Seq)
}

// fetch reads the snapshot again, as a client does over HTTP, and joins it to the stream by its seq. So many channels are
// given by now: of others that were asked for, it may still miss what comes between it and their subscription.
func (f *follower) fetch(given int) {
	events, at, err := f.list()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.fresh = max(f.fresh, 1) // the server restarts: the next session fetches again, whatever the stream tells until then
		return
	}
	state := map[apier.EventID]seen{}
	for _, e := range events {
		state[e.ID] = seen{e.Status, e.Seq}
	}
	for id, s := range f.state {
		if s.Seq > at && s.Seq > state[id].Seq {
			state[id] = s
		}
	}
	f.state = state
	f.fresh -= given
	f.snapshot = max(f.snapshot, at)
	f.after = max(f.after, at)
}

// list reads every page, and gives the seq at which the first was read.
func (f *follower) list() (events []apier.Event, at apier.Seq, err error) {
	filter := store.Filter{Limit: 1000}
	for {
		page, err := f.w.server.store.List(context.Background(), auth.DefaultTenant, filter)
		if err != nil {
			return nil, 0, err
		}
		if at == 0 {
			at = page.Seq
		}
		for _, e := range page.Events {
			f.types.Store(e.ID, e.Type)
			filter.StartingAfter = e.ID
		}
		if events = append(events, page.Events...); !page.HasMore {
			return events, at, nil
		}
	}
}

// await waits until the client's state is the store's, as far as its channels reach.
func (f *follower) await() {
	f.w.r.Helper()
	all := f.stored()
	var got, want map[apier.EventID]seen
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		f.connect() // a slow one may have been ended meanwhile
		f.mu.Lock()
		trouble := f.trouble
		got, want = f.covered(f.state), f.covered(all)
		f.mu.Unlock()
		if trouble != nil {
			f.w.r.Fatalf("%s: %v", f.name, trouble)
		}
		if maps.Equal(got, want) {
			return
		}
	}
	for id := range want {
		if got[id] != want[id] {
			f.w.r.Errorf("%s: %s is %+v, the store has %+v", f.name, id, got[id], want[id])
		}
	}
	f.w.r.Fatalf("%s with %v ends with %d events, the store has %d", f.name, slices.Sorted(maps.Keys(f.channels)), len(got), len(want))
}

func (f *follower) covered(state map[apier.EventID]seen) map[apier.EventID]seen {
	kept := map[apier.EventID]seen{}
	for id, s := range state {
		typ, _ := f.types.Load(id)
		for name := range f.channels {
			c, err := apier.ParseChannel(name)
			if text, ok := typ.(string); ok && err == nil && c.Match(&apier.Change{Kind: apier.Created, Event: apier.Event{ID: id, Type: text}}) {
				kept[id] = s
			}
		}
	}
	return kept
}

func (f *follower) stored() map[apier.EventID]seen {
	events, _, err := f.list()
	if err != nil {
		f.w.r.Fatal(err)
	}
	all := map[apier.EventID]seen{}
	for _, e := range events {
		all[e.ID] = seen{e.Status, e.Seq}
	}
	return all
}
