package sqlite

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apier/apier"
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
