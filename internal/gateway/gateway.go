// Package gateway is the WebSocket side of the server: GET /ws in both dialects of protocol/README.md.
//
// It promises that a connection gets every change it is subscribed to, in seq order and each seq at
// most once; that a slow, silent or hostile client costs the others nothing; and that nothing of a
// connection outlives it. An idle connection holds no buffer and, on Linux, no goroutine: one
// waits for the input of all. Output is written by a few broadcasters, straight into sockets that
// accept it; only a socket that is full gets a writer of its own, for as long as it lasts.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
)

// History is what the gateway needs of the store.
type History interface {
	// Changes gives the latest state of what changed after a seq, oldest first; with deliveries, of endpoints too.
	Changes(ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int, deliveries bool) (ChangePage, error)
	// Snapshot gives the state of an event's or endpoint's channel, nothing where there is no such thing, and Seq 0 then.
	Snapshot(ctx context.Context, tenant apier.TenantID, channel apier.Channel) (apier.Snapshot, error)
	// Metrics gives the counters as they are now.
	Metrics(ctx context.Context, tenant apier.TenantID) (apier.Metrics, error)
	// Holds reports whether a seq that a tenant was told in a run of the server is part of this history.
	Holds(ctx context.Context, tenant apier.TenantID, run string, seq apier.Seq) (bool, error)
}

// ChangePage is one page of History; its fields mean what those of store.ChangePage mean.
type ChangePage struct {
	Changes []apier.Change
	More    bool
	Lost    bool
	Seq     apier.Seq
}

// Authenticator is what the gateway needs of package auth.
type Authenticator interface {
	Credential(ctx context.Context, credential string) (auth.Identity, error)
	Ticket(ctx context.Context, ticket string) (auth.Identity, error)
	CheckKey(ctx context.Context, id auth.Identity) error
}

// Options of a Gateway; the zero value has the defaults of protocol/README.md, section 7, in brackets.
// For the limits on connections, 0 means none.
type Options struct {
	Epoch          string         // identity of the store's history
	Run            string         // of this start, as History knows it
	AllowedOrigins auth.Origins   // besides the server's own host; "*" is any
	TrustedProxies []netip.Prefix // whose X-Forwarded-For names the client

	MaxConnections        int
	MaxConnectionsPerUser int
	MaxConnectionsPerIP   int
	MaxUnauthenticated    int // of those, that have not said yet who they are
	MaxUnauthenticatedIP  int // of those, of one address
	IPv6Bits              int // of an IPv6 address that count as one address [64]

	Compression      bool          // permessage-deflate for those who offer it
	MaxMessage       int           // from a client, bytes, inflated [32 KiB]
	MessagesPerSec   float64       // from a client [20]
	MessageBurst     int           // [40]
	FloodTime        time.Duration // over the rate for so long ends the connection [10 s]
	MaxSubscriptions int           // of a connection [100]
	MaxQueue         int           // unsent bytes of a connection [1 MiB]

	PingAfter         time.Duration // silence after which the server pings, ±20 % [25 s]
	SilenceTimeout    time.Duration // silence that ends a connection [60 s]
	WriteTimeout      time.Duration // without progress of a full socket [30 s]
	CloseTimeout      time.Duration // for the close handshake [2 s]
	AuthTimeout       time.Duration // for the credential as first message [5 s]
	ExpiryWarning     time.Duration // ahead of a token's end [60 s]
	ReconnectWindow   time.Duration // over which clients of a restart spread, at least [5 s]
	SweepEvery        time.Duration // how often the times above are checked [1 s]
	ReconnectsPerSec  int           // that the window is planned for [2000]
	CatchUpPage       int           // changes read from the store at once [128]
	RefusalRetryAfter time.Duration // advised to whoever is over a limit [5 s]

	Now    func() time.Time     // the wall clock, for what is shown and for the end of tokens [time.Now]
	Steady func() time.Duration // a clock that never steps, for every duration [Now, by its monotonic reading]
	Log    *slog.Logger         // [slog.Default]

	portable bool // as if there were no epoll
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	defInt := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	defInt(&o.MaxMessage, 32<<10)
	defInt(&o.MessageBurst, 40)
	defInt(&o.MaxSubscriptions, 100)
	defInt(&o.MaxQueue, 1<<20)
	defInt(&o.ReconnectsPerSec, 2000)
	defInt(&o.CatchUpPage, 2*pageAlign)
	if o.MessagesPerSec <= 0 {
		o.MessagesPerSec = 20
	}
	def(&o.FloodTime, 10*time.Second)
	def(&o.PingAfter, 25*time.Second)
	def(&o.SilenceTimeout, 60*time.Second)
	def(&o.WriteTimeout, 30*time.Second)
	def(&o.CloseTimeout, 2*time.Second)
	def(&o.AuthTimeout, 5*time.Second)
	def(&o.ExpiryWarning, 60*time.Second)
	def(&o.ReconnectWindow, 5*time.Second)
	def(&o.SweepEvery, time.Second)
	def(&o.RefusalRetryAfter, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Steady == nil {
		start := o.Now()
		o.Steady = func() time.Duration { return o.Now().Sub(start) }
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Gateway accepts and serves connections. Make it by New, run it by Run.
type Gateway struct {
	hub     *hub.Hub
	auth    Authenticator
	history History
	opt     Options
	began   time.Time

	limits   *limits
	stats    *stats
	reading  chan struct{} // a place for each connection that may read the store now
	buffers  sync.Pool
	cache    batchCache
	pages    pageCache
	names    names
	deflater *deflater // nil: no compression
	shards   []*broadcaster
	poller   *poller       // nil: a goroutine reads each connection
	next     atomic.Uint32 // shard of the next connection

	mu       sync.Mutex
	draining bool
	conns    map[*conn]struct{}
	running  sync.WaitGroup // connections and refusals; Add only under mu while not draining
	greeters sync.WaitGroup // of doors; likewise
	ctx      context.Context
	cancel   context.CancelFunc
	open     context.Context // ends when nobody is let in any more
	close    context.CancelFunc
}

// New makes a gateway. Run must be running for connections to receive anything.
func New(h *hub.Hub, a Authenticator, history History, opt Options) *Gateway {
	opt = opt.withDefaults()
	g := &Gateway{
		hub: h, auth: a, history: history, opt: opt, began: time.Now(),
		limits: newLimits(opt), stats: newStats(), conns: map[*conn]struct{}{}, reading: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	if !opt.portable {
		var err error
		if g.poller, err = newPoller(); err != nil {
			opt.Log.Warn("websocket: no epoll; each connection takes a goroutine", "cause", err)
		}
	}
	if opt.Compression {
		g.deflater = &deflater{}
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.open, g.close = context.WithCancel(g.ctx)
	g.buffers.New = func() any { b := make([]byte, readBuffer); return &b }
	for range runtime.GOMAXPROCS(0) {
		g.shards = append(g.shards, newBroadcaster(h, g.stats, g.began))
	}
	return g
}

// Run fans out and watches the clock until ctx ends, then ends every connection that is still there
// and returns once all of them are gone. Call Drain first for a graceful end.
func (g *Gateway) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for _, b := range g.shards {
		workers.Go(func() { b.run(ctx) })
	}
	var polling sync.WaitGroup
	if g.poller != nil {
		polling.Go(g.poller.run)
	}
	workers.Go(func() { g.sweep(ctx) })
	workers.Go(func() { g.recheckKeys(ctx) })
	<-ctx.Done()
	g.refuseNew()
	g.cancel()
	for _, c := range g.snapshot() {
		c.abort()
	}
	workers.Wait()
	g.running.Wait()
	g.greeters.Wait()
	if g.poller != nil {
		g.poller.close()
		polling.Wait()
	}
	return nil
}

// Drain refuses new connections, asks every client to come back after a delay of its own, closes with
// 1012 and waits until all are gone or ctx ends.
func (g *Gateway) Drain(ctx context.Context) {
	g.refuseNew()
	conns := g.snapshot()
	window := g.reconnectWindow(len(conns))
	for _, c := range conns {
		c.drain(mathrand.N(window))
	}
	gone := make(chan struct{})
	go func() { // ends with the connections, which Run ends at the latest
		g.running.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
}

// Connections counts the connections that are open.
func (g *Gateway) Connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

func (g *Gateway) reconnectWindow(population int) time.Duration {
	needed := time.Duration(population) * time.Second / time.Duration(g.opt.ReconnectsPerSec)
	return max(g.opt.ReconnectWindow, needed)
}

func (g *Gateway) refuseNew() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining = true
	g.close()
}

func (g *Gateway) snapshot() []*conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.snapshotLocked()
}

func (g *Gateway) snapshotLocked() []*conn {
	conns := make([]*conn, 0, len(g.conns))
	for c := range g.conns {
		conns = append(conns, c)
	}
	return conns
}

// enter counts a connection or refusal as running; false once the gateway is draining.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return false
	}
	g.running.Add(1)
	return true
}

func (g *Gateway) now() apier.Timestamp { return apier.TimestampOf(g.opt.Now()) }

// steady returns the milliseconds of a clock that never steps. Only differences between two of them mean something.
func (g *Gateway) steady() int64 { return g.opt.Steady().Milliseconds() }

func randomID() string {
	raw := make([]byte, 10)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	return strings.ToLower(base32.StdEncoding.EncodeToString(raw))
}
