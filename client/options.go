package client

import (
	"context"
	"net/http"
	"time"
)

// TokenSource gives a credential: an API key or a JWT. It is asked before each attempt to connect, ahead of
// the expiry of the token in force, and for each request; it may keep what it gave before, except where reason
// is TokenUnauthorized: then the server has just refused that one, and TokenExpiring, when the same one again would
// end the connection at its expiry. It may be called by several goroutines at once, and should return when ctx ends:
// Close waits for it. Its error ends a request, where errors.Is finds it; a connection tries again.
type TokenSource func(ctx context.Context, reason TokenReason) (string, error)

// Options of a client. The zero value of each field is its default; so is what is below 0, where nothing else is said.
type Options struct {
	// Token is an API key or a JWT, for all that is done; space around it is taken away. Default: none.
	Token string
	// TokenSource is asked in place of Token. Default: none.
	TokenSource TokenSource
	// HTTPClient sends requests and dials; it stays the caller's. Its Timeout, if any, bounds each try of a request,
	// LeaseOptions.Wait included, and each dial, but no live connection that is open. Default: a client of its own,
	// with the proxies of the environment.
	HTTPClient *http.Client
	// RequestTimeout bounds one try of a request to the REST API, its token included, besides what the server is asked to
	// wait for (Lease, ListCreated, TestEndpoint). It does not bound an Export. Default: 30 s.
	RequestTimeout time.Duration
	// MaxRetries is how often a request is tried again; without a word of the server's that takes some four seconds
	// in all. Below 0: never. Default: 4.
	MaxRetries int

	// MaxReconnectAttempts is how many attempts to reconnect may fail in a row. Forever: no limit. Default:
	// 10 of a Live, Forever of Events.
	MaxReconnectAttempts int
	// NoReconnect makes the first loss the end.
	NoReconnect bool
	// InitialReconnectDelay is the wait before the first attempt to reconnect; it doubles with each. Default: 1 s.
	InitialReconnectDelay time.Duration
	// MaxReconnectDelay bounds that wait, before the jitter. What the server advises wins. Default: 30 s.
	MaxReconnectDelay time.Duration
	// Jitter spreads it. Default: JitterGuide, up to a second more.
	Jitter Jitter
	// HeartbeatInterval is how often a connection is asked for a sign of life. Below 0: never. Default: 30 s.
	HeartbeatInterval time.Duration
	// HeartbeatTimeout is how long it may take to give one. Default: 5 s.
	HeartbeatTimeout time.Duration
	// ConnectTimeout bounds one attempt, from the token to the server's greeting. Default: 10 s.
	ConnectTimeout time.Duration
	// OnStatus is told each change of how a connection stands: of Events, which tells nothing else of a server that is
	// away, by the goroutine of the loop, between two items; of a Live without an OnStatus of its own, as that would
	// be. Default: nobody is.
	OnStatus func(Status)
	// OutboxMessages, OutboxBytes and OutboxAge bound what waits for a connection. OutboxMessages below 0:
	// nothing waits. Default: 32 messages, 64 KiB, 60 s.
	OutboxMessages int
	OutboxBytes    int
	OutboxAge      time.Duration
}

// Forever is the MaxReconnectAttempts of a connection that never gives up.
const Forever = -1

const (
	defaultRequestTimeout = 30 * time.Second
	defaultMaxRetries     = 4
)

func (o *Options) settings() settings {
	s := defaultSettings()
	s.reconnect = !o.NoReconnect
	s.jitter = o.Jitter
	setIf(&s.maxAttempts, o.MaxReconnectAttempts)
	setMilliseconds(&s.initialDelay, o.InitialReconnectDelay)
	setMilliseconds(&s.maxDelay, o.MaxReconnectDelay)
	setMilliseconds(&s.heartbeatInterval, o.HeartbeatInterval)
	if o.HeartbeatInterval < 0 {
		s.heartbeatInterval = 0
	}
	setMilliseconds(&s.heartbeatTimeout, o.HeartbeatTimeout)
	setMilliseconds(&s.connectTimeout, o.ConnectTimeout)
	setIf(&s.outbox.messages, o.OutboxMessages)
	setIf(&s.outbox.bytes, max(0, o.OutboxBytes))
	setMilliseconds(&s.outbox.age, o.OutboxAge)
	return s
}

func setIf(to *int, value int) {
	if value != 0 {
		*to = value
	}
}

// setMilliseconds takes a duration above 0, a millisecond at least.
func setMilliseconds(to *int64, d time.Duration) {
	if d > 0 {
		*to = max(1, d.Milliseconds())
	}
}
