// Package delivery sends events to endpoints: it claims what is due, makes one signed HTTP request for each, judges
// the outcome and records it.
//
// It promises that each delivery is attempted at least once while its endpoint is active, and by one holder of its
// lease at a time; that an endpoint which is slow, dead or hostile costs the others nothing; and that no request
// reaches the inside of the network unless the operator allows it. State lives in the store alone: killed at any
// moment, it goes on from there.
package delivery

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Store is what the package needs of the store.
type Store interface {
	Lanes(ctx context.Context) ([]store.Lane, error)
	Claim(ctx context.Context, tenant apier.TenantID, endpoint apier.EndpointID, limit int, margin time.Duration) (store.Claims, error)
	Finish(ctx context.Context, tenant apier.TenantID, claimed store.Claimed, attempt apier.Attempt, verdict store.Verdict) (apier.Delivery, error)
	Release(ctx context.Context, tenant apier.TenantID, claimed store.Claimed, at apier.Timestamp) error

	Endpoint(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) (apier.Endpoint, error)
	Secrets(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) ([][]byte, error)

	RunningRecoveries(ctx context.Context) ([]store.RecoveryRef, error)
	AdvanceRecovery(ctx context.Context, tenant apier.TenantID, id string, n int) (apier.Recovery, error)
}

// Options of a Dispatcher. The zero value has the defaults in brackets.
type Options struct {
	Guard        Guard
	MaxInFlight  int           // attempts under way in all, beyond one for each endpoint [512]
	DisableAfter time.Duration // of failure without a success, then an endpoint is disabled [5 days]
	StopTimeout  time.Duration // for attempts under way at the end; then they are given back [10 s]
	SweepEvery   time.Duration // how often the store is asked for what a wake-up may have missed [30 s]

	Observe func(Outcome)    // told of each attempt; must not block [nothing]
	Now     func() time.Time // [time.Now]
	Log     *slog.Logger     // [slog.Default]
}

// Outcome is what Observe is told of an attempt.
type Outcome struct {
	Kind     apier.ErrorKind // "": success
	Duration time.Duration
	Waited   time.Duration // from when it was due to its start
}

func (o Options) withDefaults() Options {
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 512
	}
	for d, v := range map[*time.Duration]time.Duration{
		&o.DisableAfter: 5 * 24 * time.Hour, &o.StopTimeout: 10 * time.Second, &o.SweepEvery: 30 * time.Second,
	} {
		if *d <= 0 {
			*d = v
		}
	}
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Dispatcher makes the attempts. Make it by New, run it by Run.
type Dispatcher struct {
	store Store
	opt   Options
	send  func(context.Context, message) (apier.Attempt, http.Header, error)
	close func()
	gate  *gate // places for the attempts beyond the first of each lane
	tests *gate // and for tests, which stay possible when all those hang

	mu         sync.Mutex
	runs       bool // between the beginning of Run and its stop
	lanes      map[laneKey]*lane
	recoveries map[string]struct{} // those that run
	running    sync.WaitGroup      // lanes, attempts and recoveries; Add only under mu while it runs

	ctx    context.Context // ends when no attempt is to begin any more
	cancel context.CancelFunc
	abort  context.CancelFunc // ends the attempts under way
	live   context.Context
}

type laneKey struct {
	tenant   apier.TenantID
	endpoint apier.EndpointID
}

// New makes a dispatcher. Wake and Recover may be called at once; nothing happens before Run, which begins by asking
// the store.
func New(s Store, opt Options) *Dispatcher {
	opt = opt.withDefaults()
	sender := newSender(opt.Guard, opt.MaxInFlight, opt.Now)
	d := &Dispatcher{
		store: s, opt: opt, send: sender.send, close: sender.close, gate: newGate(opt.MaxInFlight), tests: newGate(max(opt.MaxInFlight/testsShare, 1)),
		lanes: map[laneKey]*lane{}, recoveries: map[string]struct{}{},
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.live, d.abort = context.WithCancel(context.Background())
	return d
}

// Run sends until ctx ends, then lets attempts under way end for StopTimeout, gives back the others and returns
// once all is quiet.
func (d *Dispatcher) Run(ctx context.Context) error {
	sweep := time.NewTicker(d.opt.SweepEvery)
	defer sweep.Stop()
	d.setRuns(true)
	for {
		d.sweep(ctx)
		select {
		case <-sweep.C:
			continue
		case <-ctx.Done():
		}
		d.stop()
		return nil
	}
}

func (d *Dispatcher) setRuns(runs bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs = runs
}

func (d *Dispatcher) stop() {
	d.setRuns(false)
	d.cancel()
	late := time.AfterFunc(d.opt.StopTimeout, d.abort)
	defer late.Stop()
	quiet := make(chan struct{})
	go func() {
		d.running.Wait()
		close(quiet)
	}()
	given := time.NewTimer(d.opt.StopTimeout + abortedAfter + 2*recordAfter)
	defer given.Stop()
	select {
	case <-quiet:
	case <-given.C:
		d.opt.Log.Warn("delivery: some work does not end and is left behind; what it had claimed is due again at the next start")
	}
	d.abort()
	d.close()
}

// sweep asks the store for all there is to do. It is the clock behind the wake-ups: what those missed, a lease that
// ran out, is found here.
func (d *Dispatcher) sweep(ctx context.Context) {
	lanes, err := d.store.Lanes(ctx)
	if err != nil {
		d.report(ctx, "deliveries cannot be read", err)
		return
	}
	for _, lane := range lanes {
		d.Wake(lane.Tenant, lane.Endpoint, lane.DueAt) //nolint:contextcheck // a lane ends with Run, not with the sweep that woke it
	}
	d.forgetLanes()
	recoveries, err := d.store.RunningRecoveries(ctx)
	if err != nil {
		d.report(ctx, "recoveries cannot be read", err)
		return
	}
	for _, r := range recoveries {
		d.Recover(r.Tenant, r.Recovery)
	}
}

// forgetLanes drops the lanes at rest that have nothing to remember.
func (d *Dispatcher) forgetLanes() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, l := range d.lanes {
		if !l.busy && l.rested(d.opt.Now()) {
			delete(d.lanes, key)
		}
	}
}

func (d *Dispatcher) report(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		d.opt.Log.Error("delivery: "+what+"; trying again", "every", d.opt.SweepEvery, "cause", err)
	}
}

// Wake tells that an endpoint has a delivery to make from a time on. It never blocks.
func (d *Dispatcher) Wake(tenant apier.TenantID, endpoint apier.EndpointID, at apier.Timestamp) {
	key := laneKey{tenant, endpoint}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.runs {
		return
	}
	l := d.lanes[key]
	if l == nil {
		l = newLane(d, key)
		d.lanes[key] = l
	}
	l.wakeLocked(at)
}

// testsShare is how many attempts may be under way for each test that may.
const testsShare = 8

// Test makes one attempt with a sample, without storing anything. The endpoint's status does not matter.
func (d *Dispatcher) Test(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, sample apier.NewEvent) (apier.Attempt, error) {
	endpoint, err := d.store.Endpoint(ctx, tenant, id)
	if err != nil {
		return apier.Attempt{}, err
	}
	secrets, err := d.store.Secrets(ctx, tenant, id)
	if err != nil {
		return apier.Attempt{}, err
	}
	if d.tests.take(tenant, 0, 1) == 0 {
		return apier.Attempt{}, apier.Errorf(apier.CodeUnavailable,
			"As many tests are under way as may be (an eighth of --delivery-max-in-flight, shared between tenants). Try again when one of them has ended.")
	}
	defer d.tests.give(tenant, 1)
	attempt, _, fault := d.sendInTime(ctx, message{
		endpoint: endpoint, secrets: secrets, id: "test_" + randomText(), attempt: 1,
		typ: sample.Type, source: sample.Source, payload: sample.Payload,
	}, []any{"tenant", tenant, "endpoint", id})
	if fault != nil {
		d.opt.Log.Error("delivery: a fault of this server kept a test from being sent; look at its limits", "tenant", tenant, "endpoint", id, "cause", fault)
	}
	attempt.Number = 1
	return attempt, nil
}

func randomText() string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	text := make([]byte, 20)
	for i := range text {
		text[i] = digits[rand.IntN(len(digits))]
	}
	return string(text)
}

func (d *Dispatcher) now() apier.Timestamp { return apier.TimestampOf(d.opt.Now()) }

// Committed wakes what a commit has work for. It does not block.
func (d *Dispatcher) Committed(commits []apier.Commit) {
	for i := range commits {
		c := &commits[i]
		for _, due := range c.Due {
			d.Wake(c.Tenant, due.Endpoint, due.At)
		}
		for j := range c.Changes {
			if r := c.Changes[j].Recovery; r != nil {
				d.Recover(c.Tenant, *r)
			}
		}
	}
}
