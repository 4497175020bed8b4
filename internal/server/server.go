// Package server puts the parts together: it opens the store, connects it to the hub, and serves the
// API, the WebSocket and the dashboard on one address. It is the only package that sees all of them.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/frontend"
	"github.com/apier/apier/internal/api"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/clientaddr"
	"github.com/apier/apier/internal/delivery"
	"github.com/apier/apier/internal/gateway"
	"github.com/apier/apier/internal/hub"
	"github.com/apier/apier/internal/memory"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/sqlite"
)

// Version is the release that this is.
const Version = "0.1.0"

// Server is a whole server, listening. Make it by New and run it by Run, which also ends it.
type Server struct {
	// FirstKey is the API key that was made because there was none; "" if there was.
	FirstKey string

	opt      Options
	log      *slog.Logger
	lock     *dirLock
	store    store.Store
	hub      *hub.Hub
	auth     *auth.Authenticator
	gateway  *gateway.Gateway
	keySet   *auth.KeySet // nil: tokens are our own
	delivery *delivery.Dispatcher
	operator *operator // does what is to be done to many events
	pulse    *pulse
	figures  *figures
	notifier *api.InboxNotifier // wakes who waits for events
	memory   *memory.Budget     // of requests under way
	sockets  sockets
	limits   *httpLimits
	http     *http.Server
	profiler *profiler // nil: off
	listener net.Listener
	notReady atomic.Bool
	sleep    func(time.Duration) // [time.Sleep]
}

// New opens everything and listens. Where it fails, nothing stays open.
func New(ctx context.Context, opt Options) (*Server, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	s := &Server{opt: opt, log: opt.logger(), hub: hub.New(opt.LiveLogBytes, opt.LiveLogTotalBytes), figures: newFigures(), notifier: api.NewInboxNotifier(), sleep: time.Sleep}
	if err := s.open(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) (err error) {
	if s.lock, err = lockDir(s.opt.Data); err != nil {
		return err
	}
	if err := s.checkData(); err != nil {
		return err
	}
	s.sockets = s.opt.shareSockets(openFiles(), s.log)
	s.limits = newHTTPLimits(s.opt, s.sockets.http, s.log)
	s.memory = memory.New(s.opt.MemoryBudget)
	s.figures.registry.MustRegister(s.limits, memoryCollector{s.memory})
	s.pulse = newPulse(s.hub, s.log)
	fanout := &fanout{server: s} // tells the dispatcher once there is one
	opened, err := sqlite.Open(ctx, DatabasePath(s.opt.Data), s.storeOptions(fanout))
	if errors.Is(err, sqlite.ErrLocked) { // by another path, or with the lock file removed
		return errRunsAlready(s.opt.Data)
	}
	if err != nil {
		return err
	}
	secret, err := Secret(s.opt.Data, s.opt.JWTSecret) // made beside a database, never before one
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	s.store = opened // not before: a nil *sqlite.Store in it would count as one to close
	s.pulse.metrics = s.store
	s.figures.registry.MustRegister(storage{s.store, s.log}, newPressure(s.store, s.notifier))
	if n, err := s.store.Reclaim(ctx); err != nil { // the lock tells that whoever claimed is gone
		if apier.AsError(err).Code != apier.CodeUnavailable {
			return err
		}
		s.log.Warn("delivery: nothing can be stored, so attempts that were cut off wait until their leases end", "cause", err)
	} else if n > 0 {
		s.log.Info("delivery: attempts were cut off when the server was killed; they are due again", "attempts", n)
	}
	s.delivery = delivery.New(s.store, s.deliveryOptions())
	fanout.delivery.Store(s.delivery)
	epoch, err := s.store.Epoch(ctx)
	if err != nil {
		return err
	}
	run, err := s.store.BeginRun(ctx)
	if err != nil {
		return err
	}
	heads, err := s.store.Heads(ctx)
	if err != nil {
		return err
	}
	for tenant, head := range heads {
		s.hub.Advance(tenant, head)
	}
	if s.FirstKey, err = firstKey(ctx, s.store, s.opt); err != nil {
		return err
	}
	if s.listener, err = (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", s.opt.Listen); err != nil {
		return fmt.Errorf("listen on %s (--listen): %w", s.opt.Listen, err)
	}
	s.auth = auth.New(s.store, secret, auth.Options{TokenTTL: s.opt.TokenTTL, Issuer: s.issuer()})
	s.gateway = gateway.New(s.hub, s.auth, history{s.store}, s.gatewayOptions(epoch, run))
	fanout.gateway.Store(s.gateway)
	s.figures.registry.MustRegister(s.gateway)
	s.operator = newOperator(s.store, s.log)
	rest := api.New(s.store, s.auth, s.apiOptions(run))
	dist, err := fs.Sub(frontend.Dist, "dist")
	if err != nil {
		return fmt.Errorf("embedded dashboard: %w", err)
	}
	s.http = &http.Server{
		Handler:           s.routes(rest, newDashboard(dist)),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         s.limits.track,
		ConnContext:       s.limits.connContext,
		ErrorLog:          log.New(libraryLog{s.log, slog.LevelDebug}, "", 0),
	}
	if s.opt.ProfilerListen != "" {
		s.profiler, err = listenProfiler(ctx, s.opt.ProfilerListen)
	}
	return err
}

// checkData looks at the files of the data directory before any of them is written.
func (s *Server) checkData() error {
	if err := keepPrivate(s.opt.Data, s.log); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.opt.Data, secretFile)); err == nil || s.opt.JWTSecret != "" {
		if _, err := Secret(s.opt.Data, s.opt.JWTSecret); err != nil {
			return err
		}
	}
	return checkDatabase(s.opt.Data, s.opt.AcceptLoss, s.log)
}

// DatabasePath gives the file of the embedded database in a data directory.
func DatabasePath(data string) string { return filepath.Join(data, "apier.db") }

func (s *Server) deliveryGuard() delivery.Guard {
	guard, _ := delivery.ParseAllowed(s.opt.DeliveryAllow) // validated before
	guard.AllowPrivate = s.opt.AllowPrivateEndpoints
	return guard
}

func (s *Server) deliveryOptions() delivery.Options {
	return delivery.Options{
		Guard: s.deliveryGuard(), MaxInFlight: s.opt.DeliveryMaxInFlight, DisableAfter: s.opt.DisableEndpointAfter,
		StopTimeout: max(s.opt.DrainTimeout, time.Millisecond), Observe: s.figures.attempted, Log: s.log,
	}
}

func (s *Server) storeOptions(f *fanout) store.Options {
	return store.Options{
		Announce:   f.announce,
		WriteQueue: s.opt.WriteQueue, WriteQueuePerTenant: s.opt.WriteQueuePerTenant,
		Log: s.log, Exclusive: true, AcceptLoss: s.opt.AcceptLoss,
		WebhookLog: s.opt.WebhookLog, MaxEndpoints: s.opt.MaxEndpoints, MaxOperations: s.opt.MaxOperations, InboxOpen: s.opt.InboxOpen, InboxMaxDeliveries: s.opt.InboxMaxDeliveries,
		MaxDepth: s.opt.MaxDepth, ReadTimeout: s.opt.ReadTimeout,
		EventRetention: s.opt.RetentionEvents, AttemptBodyRetention: s.opt.RetentionAttemptBodies, WebhookRetention: s.opt.RetentionWebhookLog,
		DiskBudget: s.opt.DiskBudget, DiskBudgetPending: s.opt.DiskBudgetPending,
		TombstoneRetention: orForEver(s.opt.TombstoneRetention), IdempotencyRetention: orForEver(s.opt.IdempotencyRetention),
	}
}

// orForEver gives what the store takes for ever: to it, 0 is a default. To an operator, 0 is no limit.
func orForEver(d time.Duration) time.Duration {
	if d == 0 {
		return 100 * 365 * 24 * time.Hour
	}
	return d
}

func (s *Server) issuer() auth.Issuer {
	if s.opt.JWKSURL == "" {
		return auth.Issuer{}
	}
	s.keySet = auth.NewKeySet(s.opt.JWKSURL, s.opt.JWKSRefresh, s.log)
	return auth.Issuer{Keys: s.keySet, Name: s.opt.JWTIssuer, Audience: s.opt.JWTAudience}
}

func (s *Server) gatewayOptions(epoch, run string) gateway.Options {
	o := s.opt
	proxies, _ := parsePrefixes(o.TrustedProxies) // validated before
	origins := o.origins()
	perSecond := o.MessagesPerSecond
	if perSecond == 0 {
		perSecond = float64(unlimited)
	}
	return gateway.Options{
		Epoch: epoch, Run: run, AllowedOrigins: origins, TrustedProxies: proxies,
		MaxConnections: s.sockets.webSockets, MaxConnectionsPerUser: o.MaxConnectionsPerUser, MaxConnectionsPerIP: o.MaxConnectionsPerIP,
		MaxUnauthenticated: o.MaxUnauthenticated, MaxUnauthenticatedIP: o.MaxUnauthenticatedPerIP, IPv6Bits: o.IPv6Prefix, Compression: o.Compression,
		MaxMessage: orUnlimited(o.MaxMessageBytes), MessagesPerSec: perSecond, MessageBurst: orUnlimited(o.MessageBurst),
		MaxSubscriptions: orUnlimited(o.MaxSubscriptions), MaxQueue: orUnlimited(o.MaxQueueBytes),
		PingAfter: o.PingAfter, SilenceTimeout: o.SilenceTimeout, WriteTimeout: o.WriteTimeout, ReconnectWindow: o.ReconnectWindow,
		Log: s.log,
	}
}

func (s *Server) apiOptions(run string) api.Options {
	o := s.opt
	proxies, _ := parsePrefixes(o.TrustedProxies) // validated before
	origins := o.origins()
	secrets, _ := o.webhookSecrets() // likewise
	return api.Options{
		Run:            run,
		WebhookSecrets: secrets, WebhooksPerSec: o.WebhookRequestsPerSecond, MaxWaiting: orUnlimited(o.InboxMaxWaiting),
		MaxWaitingPerTenant: o.InboxMaxWaitingPerTenant, Notifier: s.notifier,
		ClientAddr:  func(r *http.Request) string { return clientaddr.Of(r, proxies) },
		LimitKey:    func(addr string) string { return clientaddr.LimitKey(addr, o.IPv6Prefix) },
		MaxSearches: o.MaxSearches, SearchTimeout: o.SearchTimeout,
		MaxPayload: orUnlimited(o.MaxPayloadBytes), MaxDepth: o.MaxDepth, MaxBatchBytes: orUnlimited(o.MaxBatchBytes),
		AllowedOrigins: origins, RequestsPerSec: o.RequestsPerSecond, TokensPerSec: o.TokensPerSecond, Connections: s.gateway, Log: s.log,
		Operate: s.operator.wake, Tester: s.delivery, CheckHost: s.deliveryGuard().CheckHost,
		Memory: s.memory, Config: o.config(),
	}
}

// config is what GET /api/config shows.
func (o Options) config() map[string]any {
	shown := o.publicSettings()
	maps.Copy(shown, map[string]any{
		"version": Version, "store": "sqlite", "websocket_path": "/ws", "protocol_versions": []string{"plain", "v1"},
		"max_batch_events": apier.MaxBatch, "max_depth": orDepth(o.MaxDepth),
	})
	return shown
}

// unlimited stands for "no limit" where a number is needed.
const unlimited = 1 << 30

func orUnlimited(n int) int {
	if n == 0 {
		return unlimited
	}
	return n
}

func orDepth(n int) int {
	if n == 0 {
		return apier.MaxDepth
	}
	return n
}

// history shows the store to the gateway.
type history struct {
	store store.Store
}

func (h history) Holds(ctx context.Context, tenant apier.TenantID, run string, seq apier.Seq) (bool, error) {
	return h.store.Holds(ctx, tenant, run, seq)
}

func (h history) Changes(ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int, deliveries bool) (gateway.ChangePage, error) {
	page, err := h.store.Changes(ctx, tenant, after, limit, deliveries)
	return gateway.ChangePage(page), err
}

func (h history) Snapshot(ctx context.Context, tenant apier.TenantID, channel apier.Channel) (apier.Snapshot, error) {
	var s apier.Snapshot
	var err error
	if id := channel.EventID(); id != "" {
		var e apier.Event
		if e, err = h.store.Event(ctx, tenant, id); err == nil {
			s.Event, s.Seq = &e, e.Seq
		}
	} else if id := channel.EndpointID(); id != "" {
		var e apier.Endpoint
		if e, err = h.store.Endpoint(ctx, tenant, id); err == nil {
			s.Endpoint, s.Seq = &e, e.Seq
		}
	}
	if err != nil && apier.AsError(err).Code == apier.CodeNotFound {
		err = nil
	}
	return s, err
}

func (h history) Metrics(ctx context.Context, tenant apier.TenantID) (apier.Metrics, error) {
	return store.Snapshot(ctx, h.store, tenant, time.Now())
}

// URL is where browsers find the dashboard.
func (s *Server) URL() string {
	if s.opt.PublicURL != "" {
		return strings.TrimSuffix(s.opt.PublicURL, "/")
	}
	return s.LocalURL()
}

// LocalURL is where programs on this machine find the server.
func (s *Server) LocalURL() string {
	addr := s.listener.Addr().(*net.TCPAddr) //nolint:forcetypeassert // it listens on tcp
	host := addr.IP.String()
	if addr.IP.IsUnspecified() || addr.IP.IsLoopback() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// Run serves until ctx ends, then shuts down gracefully: readiness fails, clients are asked to come back
// and go, requests in flight end, what was accepted is on disk. Nothing is left behind.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var parts sync.WaitGroup
	parts.Go(func() { _ = s.gateway.Run(inner) }) // ends without an error
	parts.Go(func() { s.pulse.run(inner) })
	parts.Go(func() { s.auth.Run(inner) })
	parts.Go(func() { s.operator.run(inner) })
	parts.Go(func() { tuneCollector(inner) })
	if s.keySet != nil {
		parts.Go(func() { s.keySet.Run(inner) })
	}
	if s.profiler != nil {
		parts.Go(func() { s.profiler.run(inner) })
	}
	sending, stopSending := context.WithCancel(inner)
	defer stopSending()
	parts.Go(func() { _ = s.delivery.Run(sending) }) // ends without an error, and drains while the requests do
	served := make(chan error, 1)
	parts.Go(func() { served <- s.http.Serve(s.limits.listener(s.gateway.Door(s.listener, s.http.Handler))) })
	s.log.Info("serving", "url", s.URL(), "data", s.opt.Data, "version", Version)

	var failure error
	select {
	case failure = <-served:
	case <-ctx.Done():
		s.leaveBalancers()
		stopSending()
		failure = s.shutdown(inner)
	}
	stop()
	stopSending()
	s.within("the parts of the server", parts.Wait)
	if errors.Is(failure, http.ErrServerClosed) {
		failure = nil
	}
	return failure
}

// leaveBalancers lets those who ask /readyz learn that this server is about to go, while it still does everything.
func (s *Server) leaveBalancers() {
	s.notReady.Store(true)
	if s.opt.ShutdownDelay > 0 {
		s.log.Info("shutting down after --shutdown-delay; /readyz fails from now on", "delay", s.opt.ShutdownDelay)
		s.sleep(s.opt.ShutdownDelay)
	}
}

func (s *Server) shutdown(ctx context.Context) error {
	s.notifier.Close()
	s.log.Info("shutting down", "connections", s.gateway.Connections())
	ctx, cancel := context.WithTimeout(ctx, max(s.opt.DrainTimeout, time.Millisecond))
	defer cancel()
	s.gateway.Drain(ctx)
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Warn("requests were still running at the end of --drain-timeout and were cut", "cause", err)
		_ = s.http.Close()
	}
	return nil
}

// lastGrace is how long each last step of a shutdown may take. What hangs then would hang for ever.
const lastGrace = 10 * time.Second

// within waits for a last step of the shutdown, and goes on without it where it does not end: the process is about to
// end anyway, and what was accepted is on disk.
func (s *Server) within(what string, step func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		step()
	}()
	select {
	case <-ended:
	case <-time.After(lastGrace):
		s.log.Warn("shutting down: "+what+" did not end and was left behind", "waited", lastGrace)
	}
}

// close releases what open took, last first.
func (s *Server) close() {
	if s.listener != nil {
		_ = s.listener.Close() // closed already after a shutdown
	}
	if s.profiler != nil {
		_ = s.profiler.listener.Close() // likewise
	}
	if s.store != nil {
		s.within("the database", func() {
			if err := s.store.Close(); err != nil {
				s.log.Error("closing the database failed", "cause", err)
			}
		})
	}
	s.lock.release()
}
