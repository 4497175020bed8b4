package sqlite

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func BenchmarkAppend1(b *testing.B)   { benchmarkAppend(b, 64, 1) }
func BenchmarkAppend100(b *testing.B) { benchmarkAppend(b, 4, 100) }

// benchmarkAppend has b.N events appended, in requests of some size, by some producers at a time.
func benchmarkAppend(b *testing.B, producers, size int) {
	s := openTemp(b)
	payload := fmt.Appendf(nil, `{"order":"%032d","note":"%0200d"}`, 1, 2)
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range producers {
		wg.Go(func() {
			events := make([]apier.NewEvent, size)
			for i := range events {
				events[i] = apier.NewEvent{Type: "order.created", Source: "shop", Payload: payload}
			}
			for left.Add(-int64(size)) > -int64(size) {
				if _, err := s.Append(b.Context(), "acme", events, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLease100 has b.N events leased and acknowledged, a hundred at a time, by four consumers.
func BenchmarkLease100(b *testing.B) {
	s := openTemp(b)
	fill(b, s)
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 4 {
		wg.Go(func() {
			holder := store.Holder{Subject: "worker"}
			for {
				leases, err := s.Lease(b.Context(), "acme", store.LeaseRequest{Holder: holder, Limit: 100, For: time.Hour})
				if err != nil || len(leases.Leased) == 0 {
					return
				}
				refs := make([]store.LeaseRef, len(leases.Leased))
				for i, l := range leases.Leased {
					refs[i] = store.LeaseRef{Event: l.Event.ID, ID: l.Lease.ID}
				}
				if _, err := s.Acknowledge(b.Context(), "acme", holder, refs); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkExpire has b.N events outlive their retention, and tells how long a write waits for a slice.
func BenchmarkExpire(b *testing.B) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := open(b, filepath.Join(b.TempDir(), "apier.db"), store.Options{EventRetention: time.Hour, Now: now})
	defer func() { _ = s.Close() }()
	fill(b, s)
	ahead.Store(int64(2 * time.Hour))
	b.ResetTimer()
	longest := time.Duration(0)
	for more := true; more; {
		begin := time.Now()
		if err := s.submit(b.Context(), "", housekeepingSlice, func(t *batch) (err error) { more, err = t.housekeep(); return err }); err != nil {
			b.Fatal(err)
		}
		longest = max(longest, time.Since(begin))
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(longest.Milliseconds()), "ms/longest-slice")
}

// fill appends b.N events, a thousand at a time.
func fill(b *testing.B, s *Store) {
	b.Helper()
	for left := b.N; left > 0; left -= 1000 {
		events := make([]apier.NewEvent, min(left, 1000))
		for i := range events {
			events[i] = apier.NewEvent{Type: "order.created", Source: "shop", Payload: fmt.Appendf(nil, `{"note":"%0200d"}`, i)}
		}
		if _, err := s.Append(b.Context(), "acme", events, nil); err != nil {
			b.Fatal(err)
		}
	}
}
