package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func writerTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"a full queue refuses at once":                testQueueFull,
		"who leaves while queued has written nothing": testLeaveQueue,
		"who leaves once begun gets the result":       testLeaveBegun,
		"close finishes what was accepted":            testClose,
		"after close all is unavailable":              testAfterClose,
		"one refused operation harms no other":        testRefusalAlone,
		"ping":                                        testPing,
		"a read ends with its context":                testReadCancelled,
	}
}

// held is a store whose writer stands still in Announce until release is closed.
type held struct {
	*fixture
	announcing chan struct{} // receives once the writer stands
	release    chan struct{}
	wg         sync.WaitGroup
}

// newHeld gives a store whose writer stands still after a first event was stored.
func newHeld(t *testing.T, open Opener, queue int) *held {
	t.Helper()
	h := &held{announcing: make(chan struct{}), release: make(chan struct{})}
	h.fixture = &fixture{t: t, open: open, dir: t.TempDir(), clock: newClock()}
	var once sync.Once
	h.Subject = open(t, h.dir, store.Options{
		Now: h.clock.now, WriteQueue: queue,
		Announce: func(commits []apier.Commit) {
			h.record(commits)
			once.Do(func() {
				close(h.announcing)
				<-h.release
			})
		},
	})
	t.Cleanup(func() { check(t, h.Close()) })
	h.appendInBackground(t.Context(), new(error))
	<-h.announcing
	return h
}

func (h *held) appendInBackground(ctx context.Context, result *error) {
	h.wg.Go(func() { _, *result = h.Append(ctx, acme, newEvents(1), nil) })
}

func testQueueFull(t *testing.T, open Opener) {
	h := newHeld(t, open, 4)
	const senders = 40
	refusals := make(chan error, senders)
	for range senders {
		go func() {
			_, err := h.Append(t.Context(), acme, newEvents(1), nil)
			refusals <- err
		}()
	}
	for range senders - 4 { // these do not wait for the writer, which stands still
		wantCode(t, <-refusals, apier.CodeUnavailable)
	}
	close(h.release)
	for range 4 {
		check(t, <-refusals)
	}
	h.wg.Wait()
	if n := len(h.list(store.Filter{}).Events); n != 5 {
		t.Errorf("%d events stored, want 5", n)
	}
}

func testLeaveQueue(t *testing.T, open Opener) {
	h := newHeld(t, open, 4)
	ctx, cancel := context.WithCancel(t.Context())
	var result error
	h.appendInBackground(ctx, &result)
	cancel()
	_, err := h.Append(ctx, acme, newEvents(1), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	var second sync.WaitGroup
	second.Go(func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() { _, err := h.Append(ctx, acme, newEvents(1), nil); done <- err }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("left while queued: %v", err)
		}
	})
	second.Wait() // the writer stands still all the while
	close(h.release)
	h.wg.Wait()
	if !errors.Is(result, context.Canceled) {
		t.Errorf("left while queued: %v", result)
	}
	h.add(newEvents(1)...)
	if n := len(h.list(store.Filter{}).Events); n != 2 {
		t.Errorf("%d events stored, want 2: what was left must not be written", n)
	}
}

func testLeaveBegun(t *testing.T, open Opener) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := open(t, t.TempDir(), store.Options{Announce: func([]apier.Commit) { cancel() }})
	defer func() { check(t, s.Close()) }()
	receipts, err := s.Append(ctx, acme, newEvents(1), nil)
	check(t, err)
	must[apier.Event](t)(s.Event(t.Context(), acme, receipts.Events[0].ID))
}

func testClose(t *testing.T, open Opener) {
	h := newHeld(t, open, 8)
	results := make(chan error, 20)
	for range 20 {
		go func() {
			_, err := h.Append(t.Context(), acme, newEvents(1), nil)
			results <- err
		}()
	}
	for range 12 { // 8 are queued now
		wantCode(t, <-results, apier.CodeUnavailable)
	}
	closed := make(chan error)
	go func() { closed <- h.Close() }()
	close(h.release)
	check(t, <-closed)
	for range 8 {
		check(t, <-results)
	}
	h.wg.Wait()
	h.Subject = h.open(t, h.dir, h.options())
	if n := len(h.list(store.Filter{}).Events); n != 9 {
		t.Errorf("%d events stored, want 9", n)
	}
}

func testAfterClose(t *testing.T, open Opener) {
	f := newFixture(t, open)
	id := f.add(newEvents(1)...)[0]
	check(t, f.Close())
	check(t, f.Close())
	_, err := f.Append(t.Context(), acme, newEvents(1), nil)
	wantCode(t, err, apier.CodeUnavailable)
	_, err = f.Event(t.Context(), acme, id)
	wantCode(t, err, apier.CodeUnavailable)
	_, err = f.Keys(t.Context(), acme)
	wantCode(t, err, apier.CodeUnavailable)
	wantCode(t, f.Ping(t.Context()), apier.CodeUnavailable)
}

func testRefusalAlone(t *testing.T, open Opener) {
	h := newHeld(t, open, 64)
	good, bad := make(chan error, 20), make(chan error, 20)
	for range 20 {
		go func() { _, err := h.Append(t.Context(), acme, newEvents(1), nil); good <- err }()
		go func() { bad <- h.Delete(t.Context(), acme, "evt_none") }()
	}
	close(h.release)
	for range 20 {
		check(t, <-good)
		wantCode(t, <-bad, apier.CodeNotFound)
	}
	h.wg.Wait()
	if n := len(h.changesAnnounced()); n != 21 {
		t.Errorf("%d changes announced, want 21", n)
	}
}

func testPing(t *testing.T, open Opener) {
	f := newFixture(t, open)
	check(t, f.Ping(t.Context()))
	if f.head() != 0 {
		t.Error("a ping took a seq")
	}
}

func testReadCancelled(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.add(newEvents(1)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.List(ctx, acme, store.Filter{Limit: 10})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v", err)
	}
	f.list(store.Filter{}) // and the connection can be used again
}
