// Package storetest is the contract of package store in executable form: an implementation is right
// when it passes Run, under the race detector.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Subject is a store under test.
type Subject interface {
	store.Store
	// Housekeep removes now what has outlived its retention, by the clock of the options.
	Housekeep(ctx context.Context) error
}

// Opener opens the database in a directory: a new one if it is empty.
type Opener func(t *testing.T, dir string, o store.Options) Subject

// Run runs the suite, its tests in parallel.
func Run(t *testing.T, open Opener) {
	t.Helper()
	for _, group := range []map[string]func(*testing.T, Opener){
		appendTests(), seqTests(), runTests(), idempotencyTests(), settleTests(), listTests(), changesTests(),
		modelTests(), metricsTests(), tenantTests(), keyTests(), writerTests(), deliveryTests(), deliveryModelTests(), inboxTests(), webhookTests(), retentionTests(), clockTests(), operationTests(), endpointHealthTests(),
	} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, open)
			})
		}
	}
}

const (
	acme  apier.TenantID = "acme"
	other apier.TenantID = "other"
)

// fixture is a store with a clock to be set and a record of what was announced.
type fixture struct {
	Subject
	t     *testing.T
	open  Opener
	dir   string
	clock *clock
	tune  func(*store.Options) // nil: the defaults

	mu        sync.Mutex
	announced []apier.Change
}

func newFixture(t *testing.T, open Opener) *fixture {
	t.Helper()
	return newTunedFixture(t, open, nil)
}

func newTunedFixture(t *testing.T, open Opener, tune func(*store.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, open: open, dir: t.TempDir(), clock: newClock(), tune: tune}
	f.Subject = open(t, f.dir, f.options())
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return f
}

func (f *fixture) options() store.Options {
	o := store.Options{Now: f.clock.now, Elapsed: f.clock.elapsed, Announce: f.record}
	if f.tune != nil {
		f.tune(&o)
	}
	return o
}

func (f *fixture) record(commits []apier.Commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range commits {
		f.announced = append(f.announced, c.Changes...)
	}
}

func (f *fixture) changesAnnounced() []apier.Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]apier.Change(nil), f.announced...)
}

// reopen closes the store and opens its database again.
func (f *fixture) reopen() {
	f.t.Helper()
	if err := f.Close(); err != nil {
		f.t.Fatalf("Close: %v", err)
	}
	f.Subject = f.open(f.t, f.dir, f.options())
}

type clock struct {
	mu    sync.Mutex
	at    time.Time
	jumps time.Duration // of at, in all
}

func newClock() *clock { return &clock{at: time.Date(2025, 11, 14, 17, 30, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// elapsed is the monotonic clock beside it: it advances along, and does not jump.
func (c *clock) elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Sub(newClock().at) - c.jumps
}

// jump sets the wall clock alone.
func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.jumps += d
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// failer is what *testing.T and *rapid.T share.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must[T any](t failer) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// wantCode fails unless err is an *apier.Error of the code.
func wantCode(t failer, err error, code apier.Code) {
	t.Helper()
	var e *apier.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error is %v, want code %s", err, code)
	}
}

func newEvent(typ, source string) apier.NewEvent {
	return apier.NewEvent{Type: typ, Source: source, Payload: []byte(`{"a":1}`)}
}

func newEvents(n int) []apier.NewEvent {
	events := make([]apier.NewEvent, n)
	for i := range events {
		events[i] = newEvent("order.created", "shop")
		events[i].Payload = fmt.Appendf(nil, `{"n":%d}`, i)
	}
	return events
}

// add appends events for acme and gives their ids.
func (f *fixture) add(events ...apier.NewEvent) []apier.EventID {
	f.t.Helper()
	receipts := must[store.Receipts](f.t)(f.Append(f.t.Context(), acme, events, nil))
	ids := make([]apier.EventID, len(receipts.Events))
	for i, r := range receipts.Events {
		ids[i] = r.ID
	}
	return ids
}

func (f *fixture) deliver(id apier.EventID) apier.Event {
	f.t.Helper()
	return must[apier.Event](f.t)(f.Settle(f.t.Context(), acme, id, store.Outcome{Status: apier.StatusDelivered}))
}

func (f *fixture) fail(id apier.EventID, message string) apier.Event {
	f.t.Helper()
	return must[apier.Event](f.t)(f.Settle(f.t.Context(), acme, id,
		store.Outcome{Status: apier.StatusFailed, ErrorMessage: message}))
}

func (f *fixture) list(filter store.Filter) store.Page {
	f.t.Helper()
	if filter.Limit == 0 {
		filter.Limit = 1000
	}
	return must[store.Page](f.t)(f.List(f.t.Context(), acme, filter))
}

func (f *fixture) head() apier.Seq {
	f.t.Helper()
	return must[apier.Seq](f.t)(f.Head(f.t.Context(), acme))
}

func idsOf(events []apier.Event) []apier.EventID {
	ids := make([]apier.EventID, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}
