package delivery

import "sync"

// gate shares the places for attempts between the lanes. A lane may hold as many as it leaves free: as attempts end, k
// greedy lanes come down to a (k+1)th each, and one that comes later finds as much (dynamic thresholds: Choudhury and
// Hahne, 1998). It never blocks: who gets none has the lane's own place.
type gate struct {
	mu   sync.Mutex
	free int
}

func newGate(size int) *gate { return &gate{free: size} }

// share is how many more a lane may take.
func share(free, held, want int) int { return max(min(want, (free-held+1)/2), 0) }

// take gives up to want to a lane that holds some already.
func (g *gate) take(held, want int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := share(g.free, held, want)
	g.free -= n
	return n
}

func (g *gate) give(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free += n
}
