package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// loud is a tenant that does whatever it may.
type loud struct {
	s  *Store
	mu sync.Mutex

	endpoints []apier.EndpointID
	events    []apier.EventID
}

const loudFilter = `{"any":[{"payload.deep.deep.deep.x":1},{"payload.wide":{"contains":"zz"}},{"payload.n":{"gte":5}}]}`

// payload is small, deep, wide, or long.
func payload(r *rapid.T) []byte {
	n := rapid.IntRange(0, 10).Draw(r, "n")
	switch rapid.SampledFrom([]string{"small", "deep", "wide", "long"}).Draw(r, "payload") {
	case "small":
		return fmt.Appendf(nil, `{"n":%d}`, n)
	case "deep":
		return []byte(`{"n":1,"deep":` + strings.Repeat(`{"deep":`, 60) + `1` + strings.Repeat(`}`, 60) + `}`)
	case "wide":
		return fmt.Appendf(nil, `{"n":%d,"wide":"%s"}`, n, strings.Repeat("y", 60_000))
	default:
		return []byte(`{"n":2,"list":[` + strings.Repeat(`{"k":1},`, 3000) + `1]}`)
	}
}

// deed draws what it does next. What it is refused is its own matter.
func (l *loud) deed(t *testing.T, r *rapid.T) func() {
	ctx, n := t.Context(), rapid.IntRange(0, 1000).Draw(r, "which")
	switch rapid.IntRange(0, 9).Draw(r, "deed") {
	case 0:
		filter := rapid.SampledFrom([]string{"", loudFilter}).Draw(r, "filter")
		return func() { l.addEndpoints(t, 20, filter) }
	case 1, 2, 3:
		batch := make([]apier.NewEvent, rapid.IntRange(1, 60).Draw(r, "events"))
		for i := range batch {
			batch[i] = apier.NewEvent{Type: fmt.Sprintf("type.%d", n+i), Source: "loud", Payload: payload(r)}
		}
		return func() {
			receipts, _ := l.s.Append(ctx, "loud", batch, nil)
			for _, e := range receipts.Events {
				l.keep(e.ID)
			}
		}
	case 4:
		return func() {
			_, _ = l.s.PutGroup(ctx, "loud", store.NewGroup{Name: fmt.Sprint("g", n%20), Filter: []byte(loudFilter), FromStart: true})
		}
	case 5, 6:
		return func() { l.pull(t, fmt.Sprint("g", n%20)) }
	case 7:
		return func() {
			if id := pickOne(l, &l.endpoints, n); id != "" {
				_, _ = l.s.UpdateEndpoint(ctx, "loud", id, func(e *apier.Endpoint) error { e.Types = []string{fmt.Sprint("type.", n)}; return nil })
			}
		}
	case 8:
		return func() {
			if id := pickOne(l, &l.endpoints, n); id != "" && n%3 == 0 {
				_ = l.s.DeleteEndpoint(ctx, "loud", id)
			}
		}
	default:
		return func() {
			if id := pickOne(l, &l.events, n); id != "" {
				_ = l.s.Delete(ctx, "loud", id)
			}
		}
	}
}

func (l *loud) addEndpoints(t *testing.T, n int, filter string) {
	for range n {
		e, err := l.s.CreateEndpoint(t.Context(), "loud", apier.Endpoint{URL: "https://loud.example", Filter: []byte(filter), OrderKey: "n"}, []byte("secret"))
		l.mu.Lock()
		if err == nil {
			l.endpoints = append(l.endpoints, e.ID)
		}
		l.mu.Unlock()
	}
}

func (l *loud) keep(id apier.EventID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, id)
}

func pickOne[T ~string](l *loud, of *[]T, n int) T {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := *of
	if len(all) == 0 {
		return ""
	}
	return all[n%len(all)]
}

func (l *loud) pull(t *testing.T, group string) {
	holder := store.Holder{Group: group, Subject: "worker"}
	leases, _ := l.s.Lease(t.Context(), "loud", store.LeaseRequest{Holder: holder, Limit: 100, For: time.Hour})
	refs := make([]store.LeaseRef, len(leases.Leased))
	for i, e := range leases.Leased {
		refs[i] = store.LeaseRef{Event: e.Event.ID, ID: e.Lease.ID}
	}
	_, _ = l.s.Acknowledge(t.Context(), "loud", holder, refs)
}

// load is what the loud tenant does at a time: some senders, each with some deeds.
func (l *loud) load(t *testing.T) *rapid.Generator[[][]func()] {
	t.Helper()
	return rapid.Custom(func(r *rapid.T) [][]func() {
		senders := make([][]func(), 3)
		for i := range senders {
			for range rapid.IntRange(1, 4).Draw(r, "deeds") {
				senders[i] = append(senders[i], l.deed(t, r))
			}
		}
		return senders
	})
}

// Whatever one tenant does, each write of another succeeds, in order, after the commit under way and at most two
// more. No commit is larger than its bounds. Commits and their changes are counted, not clocked.
func TestNeighbour(t *testing.T) {
	t.Parallel()
	var done, largest, quietAt atomic.Int64
	s := open(t, filepath.Join(t.TempDir(), "apier.db"), store.Options{
		MaxEndpoints: 300, WriteQueue: 64, Announce: func(commits []apier.Commit) {
			changes := changesOf(commits)
			if len(changes) == 0 {
				return
			}
			n := done.Add(1)
			if slices.ContainsFunc(changes, func(c apier.Change) bool { return c.Tenant == "quiet" }) {
				quietAt.Store(n)
			}
			largest.Store(max(largest.Load(), int64(len(changes))))
		},
	})
	defer func() { _ = s.Close() }()
	l := &loud{s: s}
	var quiet []apier.EventID
	for seed := range 12 {
		var senders sync.WaitGroup
		for _, deeds := range l.load(t).Example(seed) {
			senders.Go(func() {
				for _, do := range deeds {
					do()
				}
			})
		}
		for range 5 {
			a := &appendOp{tenant: "quiet"}
			if err := a.prepare(counted(1)); err != nil {
				t.Fatal(err)
			}
			o := &op{tenant: a.tenant, weight: a.weight(), apply: a.apply, done: make(chan error, 1)}
			if err := s.queue.push(o); err != nil {
				t.Fatalf("the neighbour is refused: %v", err)
			}
			before := done.Load()
			if err := <-o.done; err != nil {
				t.Fatalf("the neighbour fails: %v", err)
			}
			quiet = append(quiet, a.events[0].ID)
			if n := quietAt.Load() - before; n > 3 {
				t.Errorf("with load %d the neighbour is in the %dth commit", seed, n)
			}
		}
		senders.Wait()
	}
	if most := int64(maxBatchWeight + 2*sliceWeight + 300); largest.Load() > most {
		t.Errorf("a commit of %d changes, want at most %d", largest.Load(), most)
	}
	if stored := allEvents(t, s, "quiet"); !slices.Equal(stored, quiet) {
		t.Errorf("%d events of the neighbour are stored, %d were sent; or their order differs", len(stored), len(quiet))
	}
}

func allEvents(t *testing.T, s *Store, tenant apier.TenantID) (stored []apier.EventID) {
	t.Helper()
	page, err := s.List(t.Context(), tenant, store.Filter{OldestFirst: true, Limit: 1000})
	if err != nil || page.HasMore {
		t.Fatalf("more than a page, or %v", err)
	}
	for i := range page.Events {
		stored = append(stored, page.Events[i].ID)
	}
	return stored
}
