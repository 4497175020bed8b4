package server

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The garbage collector's headroom, how much may be allocated between two collections, follows the load: enough
// for collectionsPerSec, within maxHeadroom. Go alone collects when the heap has doubled, which for the few MiB
// that live here is dozens of times a second under load. docs/decisions/0006 has the figures.
const (
	collectionsPerSec = 4
	maxHeadroom       = 64 << 20 // bytes
	defaultPercent    = 100
)

// tuneCollector sets the headroom once a second until ctx ends. Where GOGC is set, the operator has decided.
func tuneCollector(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(defaultPercent))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	percent, headroom, before := defaultPercent, uint64(0), readHeap()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := readHeap()
			headroom = headroomFor(headroom, now.allocated-before.allocated)
			if next := percentFor(now.live, headroom); differs(next, percent) {
				percent = next
				debug.SetGCPercent(percent)
			}
			before = now
		}
	}
}

// headroomFor gives the headroom for so much allocated within a second, all in bytes. It grows at once and
// shrinks by half a second: load comes in waves.
func headroomFor(previous, perSecond uint64) uint64 {
	return min(max(perSecond/collectionsPerSec, previous/2), maxHeadroom)
}

// percentFor gives the GC percentage that leaves a headroom above the live heap, and never less than Go would.
func percentFor(live, headroom uint64) int {
	return max(defaultPercent, int(min(headroom, maxHeadroom)*100/max(live, 1<<20))) //nolint:gosec // at most 6400
}

// differs reports whether a change is worth the moment for which it stops the world.
func differs(a, b int) bool { return a*4 > b*5 || b*4 > a*5 }

type heap struct{ live, allocated uint64 } // bytes; allocated: since the start

func readHeap() heap {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64()}
}
