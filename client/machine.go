package client

import (
	"math"
	"time"

	"github.com/apier/apier"
)

// State is how a live connection stands.
type State string

// The states of a live connection.
const (
	Connecting   State = "connecting"   // the first attempt of an intent
	Connected    State = "connected"    // open, and the server has greeted
	Reconnecting State = "reconnecting" // waiting or dialling after a loss or a failed attempt
	Disconnected State = "disconnected" // not wanted, or given up; Status.Err tells which
	Stopped      State = "error"        // stopped on something that a retry cannot mend
)

// TokenReason is why a token is asked for.
type TokenReason string

// The reasons for asking.
const (
	TokenConnect      TokenReason = "connect"      // the first attempt
	TokenReconnect    TokenReason = "reconnect"    // a later one
	TokenUnauthorized TokenReason = "unauthorized" // the server refused the last one
	TokenExpiring     TokenReason = "expiring"     // the one in force is about to end
	TokenRequest      TokenReason = "request"      // for a request to the REST API
)

// Signal is what a host may know of the world around a connection.
type Signal uint8

// The signals.
const (
	// Wake says that the world may have changed: the network is back, the machine woke up.
	Wake Signal = iota + 1
	// Hidden says that nobody looks: no heartbeat is sent until Wake.
	Hidden
	// Offline says that the network seems to be gone: the connection is asked for a sign of life.
	Offline
	// Suspend says that connections cannot live for a while: it is let go until Wake.
	Suspend
)

// instant is a moment of the wall clock in milliseconds since the epoch.
type instant int64

const (
	never instant = math.MaxInt64
	past  instant = math.MinInt64 / 4
)

func (i instant) time() time.Time { return time.UnixMilli(int64(i)) }

// halt is why no attempt is made although a connection is wanted.
type halt uint8

const (
	haltNone halt = iota
	haltError
	haltExhausted
	haltStopped
)

type linkState uint8

const (
	linkNone linkState = iota
	linkDialling
	linkOpen  // without the greeting it waits for
	linkReady // usable
)

// deadline is something that can fall due.
type deadline uint8

const (
	dueRetry deadline = iota
	dueConnect
	dueStable
	duePing
	duePong
	deadlines
)

// machine is how one connection stands, whole: nothing else decides what happens next. What is wanted is
// kept apart from how things stand; signals act only on the former. Twin of frontend/src/lib/machine.ts.
type machine struct {
	state        State
	wanted       bool
	halted       halt
	link         linkState
	attempt      int
	delay        int64       // chosen for the attempt ahead, milliseconds
	reason       TokenReason // what its token is asked for with
	err          *ConnectionError
	session      bool // resumed holds what the server said
	resumed      bool
	due          [deadlines]instant
	now          instant // when the machine last looked at the clock
	dialledAt    instant
	heardAt      instant
	askedAt      instant
	doubted      bool    // a late deadline was forgiven once
	advisedUntil instant // no attempt before, whatever wakes us
	advice       int64   // by a reconnect frame of this link, milliseconds; noAdvice: none
	tokenRefused bool    // the last attempt was refused with 4401
	wasReady     bool    // a connection was usable before
}

func newMachine() machine {
	m := machine{state: Disconnected, now: past, dialledAt: past, advisedUntil: past, advice: noAdvice, reason: TokenConnect}
	m.clearDue()
	return m
}

func (m *machine) clearDue() {
	for i := range m.due {
		m.due[i] = never
	}
}

// next gives the earliest deadline and when it is; never: there is none.
func (m *machine) next() (deadline, instant) {
	first := dueRetry
	for d, at := range m.due {
		if at < m.due[first] {
			first = deadline(d)
		}
	}
	return first, m.due[first]
}

// event is what happens to a connection.
type event interface{ isEvent() }

type (
	evConnect    struct{}
	evReconnect  struct{}
	evDisconnect struct{}
	evToken      struct{} // there is a new one
	evOpened     struct{}
	evSession    struct{ resumed bool }
	evHeard      struct{}
	evAdvice     struct{ ms int64 }
	evClosed     struct {
		code     apier.CloseCode
		reason   string
		newToken bool
		cause    error
	}
	evNoToken struct{ cause error }
	evSignal  struct{ signal Signal }
	evTick    struct{}
)

func (evConnect) isEvent()    {}
func (evReconnect) isEvent()  {}
func (evDisconnect) isEvent() {}
func (evToken) isEvent()      {}
func (evOpened) isEvent()     {}
func (evSession) isEvent()    {}
func (evHeard) isEvent()      {}
func (evAdvice) isEvent()     {}
func (evClosed) isEvent()     {}
func (evNoToken) isEvent()    {}
func (evSignal) isEvent()     {}
func (evTick) isEvent()       {}

// effectKind is what is to be done.
type effectKind uint8

const (
	doDial effectKind = iota + 1
	doDrop
	doPing
	tellReady
	tellClosed
)

type effect struct {
	kind   effectKind
	reason TokenReason     // of doDial
	code   apier.CloseCode // of doDrop
}

// world is what a step may look at besides the machine.
type world struct {
	now    instant
	random func() float64
	hidden bool
	*settings
}
