package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/sqlite"
)

const acme apier.TenantID = "acme"

// world is a store, the dispatchers that work on it, and receivers that keep watch. Its time is that of a synctest bubble.
type world struct {
	t     *testing.T
	store backend
	luck  *rand.Rand // guarded by mu

	mu          sync.Mutex
	faults      []string
	dispatchers []*life
	receivers   map[apier.EndpointID]*receiver
	parts       sync.WaitGroup
}

// life is one dispatcher from its start to its end; dead, its store answers it no more, as after kill -9.
type life struct {
	backend
	*Dispatcher
	stop     context.CancelFunc
	dead     atomic.Bool
	away     atomic.Int64   // the store does not answer until then, Unix ms
	late     atomic.Int64   // by so much it gives the next claims late, as a process that stood still would see them, ns
	takes    atomic.Int64   // how long each claim takes, ns
	claims   atomic.Int64   // that reached the store
	inFlight map[string]int // by endpoint; guarded by world.mu
}

// receiver is an endpoint as its owner sees it.
type receiver struct {
	endpoint apier.Endpoint
	respond  func() response
	busy     map[apier.DeliveryID]bool // attempts under way
	keys     map[string]bool           // order keys under way
	last     map[string]int            // by order key: the latest event that was begun
	took     map[apier.DeliveryID]bool // it answered 2xx
	began    []time.Time
}

// response is what a receiver does next.
type response struct {
	after  time.Duration
	kind   apier.ErrorKind
	header http.Header
	fault  error
}

func openSQLite(t *testing.T, due func(apier.TenantID, apier.EndpointID, apier.Timestamp)) backend {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "apier.db"), store.Options{Announce: func(commits []apier.Commit) {
		for _, c := range commits {
			for _, d := range c.Due {
				due(c.Tenant, d.Endpoint, d.At)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openMemory(_ *testing.T, due func(apier.TenantID, apier.EndpointID, apier.Timestamp)) backend {
	return &memory{due: due}
}

type opener func(*testing.T, func(apier.TenantID, apier.EndpointID, apier.Timestamp)) backend

func newWorld(t *testing.T, open opener, seed uint64) *world {
	t.Helper()
	w := &world{t: t, luck: rand.New(rand.NewPCG(seed, 0)), receivers: map[apier.EndpointID]*receiver{}}
	w.store = open(t, w.due)
	return w
}

func (w *world) due(tenant apier.TenantID, endpoint apier.EndpointID, at apier.Timestamp) {
	w.mu.Lock()
	lives := slices.Clone(w.dispatchers)
	w.mu.Unlock()
	for _, l := range lives {
		if !l.dead.Load() {
			l.Wake(tenant, endpoint, at)
		}
	}
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faultLocked(format, args...)
}

func (w *world) faultLocked(format string, args ...any) {
	if len(w.faults) < 5 {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
}

func (w *world) endpoint(e apier.Endpoint, respond func() response) apier.Endpoint {
	w.t.Helper()
	e.URL = "https://shop.example/hooks"
	e, err := w.store.CreateEndpoint(context.Background(), acme, e.WithDefaults(), []byte("secret"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.receivers[e.ID] = &receiver{
		endpoint: e, respond: respond, busy: map[apier.DeliveryID]bool{}, keys: map[string]bool{}, last: map[string]int{}, took: map[apier.DeliveryID]bool{},
	}
	return e
}

// events appends n more, numbered from first on, of three order keys.
func (w *world) events(first, n int) {
	w.t.Helper()
	events := make([]apier.NewEvent, n)
	for i := range events {
		events[i] = apier.NewEvent{Type: "a.b", Source: "test", Payload: fmt.Appendf(nil, `{"n":%d,"k":"%d"}`, first+i, (first+i)%3)}
	}
	if _, err := w.store.Append(context.Background(), acme, events, nil); err != nil {
		w.t.Fatal(err)
	}
}

// start adds a dispatcher.
func (w *world) start(opt Options) *life { return w.startLogged(opt, slog.New(slog.DiscardHandler)) }

func (w *world) startLogged(opt Options, log *slog.Logger) *life {
	opt.Log = log
	ctx, stop := context.WithCancel(context.Background())
	l := &life{backend: w.store, stop: stop, inFlight: map[string]int{}}
	l.Dispatcher = New(l, opt)
	l.send = func(ctx context.Context, m message) (apier.Attempt, http.Header, error) { return w.receive(ctx, l, m) }
	w.mu.Lock()
	w.dispatchers = append(w.dispatchers, l)
	w.mu.Unlock()
	w.parts.Go(func() {
		_ = l.Run(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		for endpoint, n := range l.inFlight {
			if n != 0 {
				w.faultLocked("%d attempts at %s outlive their dispatcher", n, endpoint)
			}
		}
	})
	return l
}

// end stops a dispatcher, or kills it.
func (w *world) end(l *life, kill bool) {
	w.mu.Lock()
	w.dispatchers = slices.DeleteFunc(w.dispatchers, func(other *life) bool { return other == l })
	w.mu.Unlock()
	l.dead.Store(kill)
	l.stop()
	if kill {
		l.abort()
	}
}

// receive is an attempt seen from the other side.
func (w *world) receive(ctx context.Context, l *life, m message) (apier.Attempt, http.Header, error) {
	a := apier.Attempt{StartedAt: now()}
	if ctx.Err() != nil {
		a.ErrorKind = apier.ErrorConnect
		return a, nil, nil
	}
	var event struct {
		N int
		K string
	}
	if err := json.Unmarshal(m.payload, &event); err != nil {
		w.fault("payload %s: %v", m.payload, err)
	}
	r := w.receivers[m.endpoint.ID]
	answer := w.arrive(l, r, m, event.N, event.K)
	timeout := time.Duration(m.endpoint.TimeoutMS) * time.Millisecond
	if answer.after >= timeout {
		answer = response{after: timeout, kind: apier.ErrorTimeout}
	}
	select {
	case <-time.After(answer.after):
	case <-ctx.Done():
		answer = response{kind: apier.ErrorConnect}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(r.busy, m.delivery)
	delete(r.keys, event.K)
	l.inFlight[string(r.endpoint.ID)]--
	a.ErrorKind = answer.kind
	if answer.fault == nil && a.OK() {
		r.took[m.delivery] = true
	}
	return a, answer.header, answer.fault
}

func (w *world) arrive(l *life, r *receiver, m message, n int, key string) response {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.busy[m.delivery] {
		w.faultLocked("%s is attempted by two at a time", m.delivery)
	}
	r.busy[m.delivery] = true
	if m.endpoint.OrderKey != "" {
		if r.keys[key] {
			w.faultLocked("two of order key %s are under way", key)
		}
		if n < r.last[key] && !w.retried(r) {
			w.faultLocked("%d comes after %d of its order key", n, r.last[key])
		}
		r.keys[key], r.last[key] = true, n
	}
	id := string(r.endpoint.ID)
	if l.inFlight[id]++; l.inFlight[id] > m.endpoint.MaxInFlight {
		w.faultLocked("%d are under way at %s, allowed are %d", l.inFlight[id], id, m.endpoint.MaxInFlight)
	}
	if m.attempt < 1 {
		w.faultLocked("attempt %d of %s", m.attempt, m.delivery)
	}
	r.began = append(r.began, time.Now())
	return r.respond()
}

// retried reports whether deliveries were begun anew by hand, after which order holds among the open ones only.
func (w *world) retried(r *receiver) bool { return r.endpoint.Description == "retried" }

func (l *life) answers() error {
	if l.dead.Load() || time.Now().UnixMilli() < l.away.Load() {
		return apier.Errorf(apier.CodeUnavailable, "The store does not answer.")
	}
	return nil
}

func (l *life) Lanes(ctx context.Context) ([]store.Lane, error) {
	if err := l.answers(); err != nil {
		return nil, err
	}
	return l.backend.Lanes(ctx)
}

func (l *life) Claim(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, limit int, margin time.Duration) (store.Claims, error) {
	if err := l.answers(); err != nil {
		return store.Claims{}, err
	}
	l.claims.Add(1)
	claims, err := l.backend.Claim(ctx, tenant, id, limit, margin)
	time.Sleep(time.Duration(l.takes.Load() + l.late.Swap(0)))
	return claims, err
}

func (l *life) Finish(ctx context.Context, tenant apier.TenantID, c store.Claimed, a apier.Attempt, v store.Verdict) (apier.Delivery, error) {
	if err := l.answers(); err != nil {
		return apier.Delivery{}, err
	}
	return l.backend.Finish(ctx, tenant, c, a, v)
}

func (l *life) Release(ctx context.Context, tenant apier.TenantID, c store.Claimed, at apier.Timestamp) error {
	if err := l.answers(); err != nil {
		return err
	}
	return l.backend.Release(ctx, tenant, c, at)
}

// settle lets time pass until every delivery has ended, and answers all of them.
func (w *world) settle(limit time.Duration) []apier.Delivery {
	pause := time.Minute
	for waited := time.Duration(0); ; waited, pause = waited+pause, min(2*pause, time.Hour) {
		var all []apier.Delivery
		open := 0
		for id := range w.receivers {
			for _, d := range w.deliveries(id) {
				if all = append(all, d); d.Status == apier.DeliveryPending {
					open++
				}
			}
		}
		if open == 0 {
			return all
		}
		if waited >= limit {
			w.fault("%d of %d deliveries are stuck", open, len(all))
			return all
		}
		time.Sleep(pause) // of the bubble
	}
}

func (w *world) deliveries(id apier.EndpointID) (all []apier.Delivery) {
	filter := store.DeliveryFilter{Endpoint: id}
	for filter.Limit = 1000; ; {
		page, err := w.store.ListDeliveries(context.Background(), acme, filter)
		if err != nil {
			w.fault("list deliveries: %v", err)
		}
		if all = append(all, page.Deliveries...); !page.HasMore {
			return all
		}
		filter.StartingAfter = all[len(all)-1].ID
	}
}

// close ends all dispatchers and the store.
func (w *world) close() {
	w.mu.Lock()
	lives := slices.Clone(w.dispatchers)
	w.mu.Unlock()
	for _, l := range lives {
		w.end(l, false)
	}
	w.parts.Wait()
	if err := w.store.Close(); err != nil {
		w.fault("close: %v", err)
	}
}
