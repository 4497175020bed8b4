package client

import (
	"time"

	"github.com/apier/apier"
)

// surroundings are everything that a core takes from outside, so that tests own the network and the clock.
// They are called with the core's lock held and must not block.
type surroundings interface {
	now() instant
	random() float64
	// arm asks for one tick at that moment, in place of the one asked for before; never: none.
	arm(at instant)
	// dial begins an attempt; what comes of it is told to opened, received, closed and noToken.
	dial(l *link, reason TokenReason)
	// renewToken asks for another token ahead of expiry; it comes through tokenRenewed, empty where there is none.
	renewToken(l *link)
	// soon asks for one call of sync, once what happens now is done.
	soon()
	// hasTokenSource reports whether a token can be had that is newer than the one known.
	hasTokenSource() bool
	notify(n notice)
}

// wire is the connection that may come of an attempt.
type wire interface {
	send(text []byte) bool
	// close lets go at once, without waiting for a peer that may be dead.
	close(code apier.CloseCode)
}

// link is one attempt and what may come of it. Once it is not the core's, what it tells counts for nothing,
// so that the late events of one connection never reach the next.
type link struct {
	wire
	query   string   // of the address it is dialled with, but for the token
	first   [][]byte // what goes out before all else: what does not fit into the address
	renewal renewal
}

// notice is something to tell the application; one field is set.
type notice struct {
	opened, closed bool
	status         *Status
	frame          *Frame
	resync         ResyncReason
	refused        *RefusedChannel
	cursor         Cursor // after this notice
}

// RefusedChannel is a channel that the server does not give, and why.
type RefusedChannel struct {
	Channel string
	Err     *apier.Error
}

// ResyncReason is why changes may have been missed.
type ResyncReason string

// The reasons.
const (
	ResyncStart      ResyncReason = "start"       // of an iteration without a cursor: what was before is not told
	ResyncSkipped    ResyncReason = "resync"      // the server skipped some
	ResyncNotResumed ResyncReason = "not_resumed" // the server could not go on where the last connection stopped
	ResyncBehind     ResyncReason = "behind"      // the head of the log is ahead of what came, one heartbeat later
)

// Status is all there is to know about how a connection stands.
type Status struct {
	State       State
	Attempt     int              // of this series so far or under way; 0 outside a series
	Delay       time.Duration    // chosen for the attempt ahead
	NextRetryAt time.Time        // zero: none is waiting
	Err         *ConnectionError // of the last loss or attempt; nil while connected, and where nothing went wrong
	HasSession  bool             // Resumed holds what the server said
	Resumed     bool             // the last connect went on where the one before had stopped
}

// core joins the parts of a live connection: it feeds the machine, carries out its effects, and says what
// frames mean. It has no goroutine and no lock of its own.
type core struct {
	env        surroundings
	settings   settings
	token      string // of the application, where there is no token source
	machine    machine
	link       *link
	position   position
	channels   channels
	outbox     outbox
	meter      meter
	stats      Stats
	resyncedTo apier.Seq
	syncing    bool // sync was asked for
	hidden     bool // by a signal
	busy       bool // the application does not keep up: what it has not read is no reason to judge the link
	armedFor   instant
	shown      Status
}

func newCore(env surroundings, s settings, base []string) *core {
	c := &core{
		env: env, settings: s, machine: newMachine(), channels: newChannels(base), outbox: outbox{limits: s.outbox},
		resyncedTo: -1, armedFor: never,
	}
	c.shown = c.status()
	return c
}

func (c *core) status() Status {
	m := &c.machine
	s := Status{
		State: m.state, Attempt: m.attempt, Delay: time.Duration(m.delay) * time.Millisecond, Err: m.err,
		HasSession: m.session, Resumed: m.session && m.resumed,
	}
	if at := m.due[dueRetry]; at != never {
		s.NextRetryAt = at.time()
	}
	return s
}

// run lets one event happen.
func (c *core) run(e event) {
	next, effects := step(c.machine, e, world{
		now: c.env.now(), random: c.env.random, hidden: c.hidden || c.busy, settings: &c.settings,
	})
	c.machine = next
	for _, todo := range effects {
		c.carryOut(todo)
	}
	if s := c.status(); s != c.shown {
		c.shown = s
		c.env.notify(notice{status: &s})
	}
	c.arm()
	for _, todo := range effects {
		c.tell(todo)
	}
}

func (c *core) arm() {
	_, at := c.machine.next()
	at = min(at, c.outbox.expire(c.env.now()))
	if c.machine.link == linkReady {
		at = min(at, c.channels.due(), c.link.renewal.askAt())
	}
	if at != c.armedFor {
		c.armedFor = at
		c.env.arm(at)
	}
}

// tick does what is due.
func (c *core) tick() {
	c.armedFor = never
	c.run(evTick{})
	if c.machine.link == linkReady {
		now := c.env.now()
		if c.channels.due() <= now {
			c.sync()
		}
		if c.link.renewal.askAt() <= now {
			c.askRenewal()
		}
	}
	c.arm()
}

// syncSoon has the difference between what is wanted and what is confirmed sent, together with what else is wanted
// in the same moment.
func (c *core) syncSoon() {
	if c.syncing || c.machine.link != linkReady {
		return
	}
	c.syncing = true
	c.env.soon()
}

// sync sends that difference.
func (c *core) sync() {
	c.syncing = false
	if c.machine.link != linkReady {
		return
	}
	c.tellRefused(c.channels.sync(c.env.now(), c.link.send))
	c.arm()
}

func (c *core) tellRefused(names []string) {
	for _, name := range names {
		c.notify(notice{refused: &RefusedChannel{Channel: name, Err: c.channels.refused[name]}})
	}
}

func (c *core) carryOut(e effect) {
	switch e.kind {
	case doDial:
		c.link = &link{}
		c.link.query, c.link.first = c.attempt()
		c.env.dial(c.link, e.reason)
	case doDrop:
		c.link.close(e.code)
		c.link = nil
		if e.code == closeHeartbeatTimeout {
			c.meter.missed()
		}
		c.meter.connectionLost()
		c.channels.connectionLost()
		c.resyncedTo = -1
		c.outbox.connectionLost()
	case doPing:
		now := c.env.now()
		c.meter.ask(now)
		c.link.send(encodeMessage(Message{Type: apier.FramePing, Timestamp: apier.Timestamp(now)}))
	}
}

func (c *core) tell(e effect) {
	switch e.kind {
	case tellReady:
		c.notify(notice{opened: true})
		c.flush()
	case tellClosed:
		c.notify(notice{closed: true})
	}
}

func (c *core) notify(n notice) {
	n.cursor, _ = c.position.cursor()
	c.env.notify(n)
}

// ---- what the application does ----

func (c *core) connect()   { c.run(evConnect{}) }
func (c *core) reconnect() { c.run(evReconnect{}) }

func (c *core) disconnect() {
	c.position.forget()
	c.outbox.clear()
	c.run(evDisconnect{})
}

func (c *core) signal(s Signal) {
	switch s {
	case Hidden:
		c.hidden = true
	case Wake:
		c.hidden = false
	}
	c.run(evSignal{s})
}

func (c *core) setBusy(busy bool) {
	c.busy = busy
	if busy {
		c.run(evSignal{Hidden})
	} else if c.machine.link == linkReady {
		c.run(evSignal{Wake})
	}
}

func (c *core) setToken(token string) {
	if token == c.token {
		return
	}
	c.token = token
	if token == "" {
		return
	}
	c.run(evToken{})
	if c.link != nil && c.link.renewal.wanted {
		c.tokenRenewed(c.link, token)
	}
}

func (c *core) send(m Message, settle func(Outcome)) SendResult {
	text := encodeMessage(m)
	if settle == nil && c.sendText(text) {
		return Sent
	}
	if !c.machine.wanted || !c.outbox.add(&outgoing{id: m.ID, text: text, settle: settle}, c.env.now()) {
		return Refused
	}
	c.flush()
	c.arm()
	if len(c.outbox.queue) == 0 {
		return Sent
	}
	return Queued
}

func (c *core) subscribe(channel string) (goesOut bool) {
	c.channels.add(channel)
	c.syncSoon()
	return c.machine.link == linkReady
}

func (c *core) unsubscribe(channel string) (goesOut bool) {
	c.channels.remove(channel)
	c.syncSoon()
	return c.machine.link == linkReady
}

// ---- what a link tells ----

func (c *core) opened(l *link) {
	if l != c.link {
		return
	}
	for _, text := range l.first {
		l.send(text)
	}
	c.run(evOpened{})
}

func (c *core) closed(l *link, code apier.CloseCode, reason string, cause error) {
	if l == c.link {
		c.run(evClosed{code: code, reason: reason, cause: cause, newToken: c.env.hasTokenSource() || c.token != l.renewal.inForce})
	}
}

func (c *core) noToken(l *link, cause error) {
	if l == c.link {
		c.run(evNoToken{cause})
	}
}

func (c *core) received(l *link, raw []byte) {
	if l != c.link {
		return
	}
	c.meter.heardAt = c.env.now()
	c.run(evHeard{})
	for _, f := range readMessage(raw, &c.stats) {
		if l != c.link {
			return
		}
		c.frame(&f)
	}
}

// ---- sending ----

func (c *core) sendText(text []byte) bool {
	return c.machine.link == linkReady && c.link.send(text)
}

func (c *core) flush() { c.outbox.flush(c.sendText) }
