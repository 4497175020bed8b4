package client

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apier/apier"
)

// LiveOptions are what one live connection wants and whom it tells. The handlers are called one at a time,
// in order, on a goroutine of the connection; while one runs, nothing more is read, and the server keeps
// what it has to say. What a handler is given is its own. A handler may use the Live, which OnOpen is given, but must not
// call Close, which waits for it: it calls Stop.
type LiveOptions struct {
	// Channels to subscribe to. nil: the server's choice, events and metrics; empty: none.
	Channels []string
	// From is where another connection, perhaps of another process, stopped. Zero: begin now.
	From Cursor

	// OnOpen is told that the connection is usable. It may keep the Live for the handlers after it: what Live returns may
	// not be theirs yet.
	OnOpen   func(*Live)
	OnClose  func()       // the one that OnOpen told of is gone
	OnStatus func(Status) // each change of how things stand. Default: Options.OnStatus
	OnChange func(Change) // an event, or a delivery, endpoint, recovery or webhook, changed: Kind tells
	// OnSnapshot is told the state of event:<id> or endpoint:<id>, before its changes, once a connection that was not
	// resumed has subscribed to it. Neither Event nor Endpoint is set: there is none.
	OnSnapshot func(channel string, s apier.Snapshot)
	OnMetrics  func(apier.Metrics) // the counters, at most once a second
	// OnRefused is told each channel that the server does not give, such as one the token does not permit, or one over the
	// limit of subscriptions, which Err names. What is refused for a while only is asked for again, and not told.
	OnRefused func(RefusedChannel)
	OnResync  func(ResyncReason, Cursor) // changes may have been missed: fetch your snapshot again
	OnFrame   func(Frame)                // each frame that is not about the connection itself, before the handler of its kind; answers and errors come only here
}

// Live is one live connection that looks after itself: it dials, watches, reconnects and resumes. Its
// methods are safe for concurrent use and do not block, but for SendWithAck, Connected and Close.
type Live struct {
	client *Client
	opts   LiveOptions

	mu     sync.Mutex
	core   *core
	timer  *time.Timer
	ended  bool
	handed Cursor        // of what the handlers were given last
	states chan struct{} // closed, and replaced, at each change of status

	ctx    context.Context // it bounds the life of the connection
	cancel context.CancelFunc
	feed   *feed
	wg     sync.WaitGroup
	done   chan struct{}
}

// Live begins a live connection, which lasts until ctx ends or Close is called. It returns at once; Connected waits,
// and an error of the connection is in Status, never returned here.
func (c *Client) Live(ctx context.Context, o LiveOptions) *Live {
	l := c.newLive(ctx, o, c.options.settings())
	l.wg.Go(l.tell)
	l.begin()
	return l
}

func (c *Client) newLive(ctx context.Context, o LiveOptions, s settings) *Live {
	if o.OnStatus == nil {
		o.OnStatus = c.options.OnStatus
	}
	l := &Live{client: c, opts: o, handed: o.From, feed: newFeed(), done: make(chan struct{}), states: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(ctx)
	s.baseSize = len(l.socketURL().String()) + 1
	l.core = newCore(liveWorld{l}, s, slices.Clone(o.Channels))
	l.core.token = c.options.Token
	l.core.position.session, l.core.position.seq = o.From.Session, o.From.Seq
	return l
}

// begin connects, and watches for the end. Whatever goes on from the beginning was counted before.
func (l *Live) begin() {
	go func() {
		<-l.ctx.Done()
		l.Stop()
		l.wg.Wait()
		close(l.done)
	}()
	l.Connect()
}

// Connect wants a connection. It does nothing while one is wanted and under way.
func (l *Live) Connect() { l.act(l.core.connect) }

// Reconnect drops what there is and dials, with a fresh count of attempts.
func (l *Live) Reconnect() { l.act(l.core.reconnect) }

// Disconnect wants no connection: nothing but Connect and Reconnect brings one back. It gives up what waits
// to be sent, and ends the session.
func (l *Live) Disconnect() { l.act(l.core.disconnect) }

// Signal tells what is known of the world around: that the machine woke up, that the network is gone.
func (l *Live) Signal(s Signal) { l.act(func() { l.core.signal(s) }) }

// Wake is Signal(Wake).
func (l *Live) Wake() { l.Signal(Wake) }

// SetToken sets the token for the next attempt, where there is no TokenSource. An open connection stays; one
// that had stopped is tried again. The requests of the Client go on with Options.Token.
func (l *Live) SetToken(token string) { l.act(func() { l.core.setToken(strings.TrimSpace(token)) }) }

// Status gives how things stand.
func (l *Live) Status() (s Status) {
	l.locked(func() { s = l.core.status() })
	return s
}

// Quality gives the figures of the connection.
func (l *Live) Quality() (q Quality) {
	l.locked(func() { q = l.core.meter.quality() })
	return q
}

// Stats count what came in and was not handed on, since the beginning.
func (l *Live) Stats() (s Stats) {
	l.locked(func() { s = l.core.stats })
	return s
}

// Cursor gives the place in the change log of what the handlers were given last, so a handler that is done may keep
// it for LiveOptions.From. It stays when the connection has ended; false: there was none yet.
func (l *Live) Cursor() (c Cursor, ok bool) {
	l.locked(func() { c = l.handed })
	return c, c.Session != ""
}

// Send sends a message. Without a usable connection it waits for one, within the bounds of the outbox; where
// none is wanted it is refused.
func (l *Live) Send(m Message) (result SendResult) {
	result = Refused
	if !m.valid() {
		return result
	}
	l.act(func() { result = l.core.send(m, nil) })
	return result
}

// SendWithAck sends a message and waits for what becomes of it: its answer is the frame with the same ID,
// which has to be given. What has no answer when the connection is lost goes out again: at least once. The
// error is that of ctx, and then the message may still go out.
func (l *Live) SendWithAck(ctx context.Context, m Message) (Outcome, error) {
	if m.ID == "" || len(m.ID) > apier.MaxFrameID {
		return Dropped, apier.Errorf(apier.CodeInvalid, "A message to be acknowledged needs an ID of 1 to %d bytes.", apier.MaxFrameID)
	}
	if !m.valid() {
		return Dropped, apier.Errorf(apier.CodeInvalid, "The data of a message must be a JSON object.")
	}
	end := make(chan Outcome, 1)
	refused := true
	l.act(func() { refused = l.core.send(m, func(d Outcome) { end <- d }) == Refused })
	if refused {
		return Dropped, nil
	}
	select {
	case d := <-end:
		return d, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Connected waits until the connection is usable. The error is why it will not be: that of ctx, or a
// *ConnectionError once it has stopped trying.
func (l *Live) Connected(ctx context.Context) error {
	for {
		l.mu.Lock()
		s, changed := l.core.status(), l.states
		l.mu.Unlock()
		switch s.State {
		case Connected:
			return nil
		case Stopped, Disconnected:
			if s.Err != nil {
				return s.Err
			}
			return l.unwanted()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// unwanted says why there is no connection although nothing went wrong.
func (l *Live) unwanted() *ConnectionError {
	ended := context.Cause(l.ctx)
	if ended == nil {
		return &ConnectionError{Kind: ErrTransport, Message: "No connection is wanted: call Connect."}
	}
	return &ConnectionError{Kind: ErrTransport, Message: "The connection was ended for good: " + ended.Error() + ".", cause: ended}
}

// Stop ends the connection for good and does not wait, so a handler may call it; what was read already is still told.
// Done tells when nothing is left.
func (l *Live) Stop() {
	l.locked(func() {
		if l.ended {
			return
		}
		l.core.disconnect()
		l.ended = true
		if l.timer != nil {
			l.timer.Stop()
		}
		l.feed.close()
	})
	l.cancel()
}

// Close is Stop, and waits until nothing of the connection is left, handlers included. It is safe to call twice, and by
// several goroutines, but not by a handler, which would wait for itself, for ever: it calls Stop.
func (l *Live) Close() {
	l.Stop()
	<-l.done
}

// Done is closed when nothing of the connection is left.
func (l *Live) Done() <-chan struct{} { return l.done }

// act is locked, and does nothing once the connection has ended.
func (l *Live) act(do func()) {
	l.locked(func() {
		if !l.ended {
			do()
		}
	})
}

func (l *Live) locked(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

// tell hands on what there is to tell, one after the other.
func (l *Live) tell() {
	for {
		notices, ok := l.feed.take(context.Background())
		for _, n := range notices {
			l.handle(n)
		}
		if !ok {
			return
		}
	}
}

func (l *Live) handle(n notice) {
	if n.cursor.Session != "" {
		l.locked(func() { l.handed = n.cursor })
	}
	switch {
	case n.opened && l.opts.OnOpen != nil:
		l.opts.OnOpen(l)
	case n.closed && l.opts.OnClose != nil:
		l.opts.OnClose()
	case n.status != nil && l.opts.OnStatus != nil:
		l.opts.OnStatus(*n.status)
	case n.refused != nil && l.opts.OnRefused != nil:
		l.opts.OnRefused(*n.refused)
	case n.resync != "" && l.opts.OnResync != nil:
		l.opts.OnResync(n.resync, n.cursor)
	case n.frame != nil:
		l.handleFrame(*n.frame)
	}
}

func (l *Live) handleFrame(f Frame) {
	if l.opts.OnFrame != nil {
		l.opts.OnFrame(f)
	}
	switch data := f.decoded.(type) {
	case Change:
		if l.opts.OnChange != nil {
			l.opts.OnChange(data)
		}
	case snapshotData:
		if l.opts.OnSnapshot != nil {
			l.opts.OnSnapshot(data.channel, data.state)
		}
	case metricsData:
		if l.opts.OnMetrics != nil {
			l.opts.OnMetrics(data.metrics())
		}
	}
}

// liveWorld is what a core of a Live takes from outside.
type liveWorld struct{ live *Live }

func (w liveWorld) now() instant         { return instant(time.Now().UnixMilli()) }
func (w liveWorld) random() float64      { return rand.Float64() }
func (w liveWorld) hasTokenSource() bool { return w.live.client.options.TokenSource != nil }

func (w liveWorld) arm(at instant) {
	l := w.live
	if l.timer != nil {
		l.timer.Stop()
	}
	if at != never && !l.ended {
		l.timer = time.AfterFunc(time.Duration(max(0, at-w.now()))*time.Millisecond, func() {
			l.act(l.core.tick)
		})
	}
}

func (w liveWorld) notify(n notice) {
	if n.status != nil || n.refused != nil || n.frame != nil && n.frame.Type == apier.FrameSubscribe {
		close(w.live.states)
		w.live.states = make(chan struct{})
	}
	w.live.feed.push(n)
}
