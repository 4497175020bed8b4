package delivery

import (
	"sync"

	"github.com/apier/apier"
)

// gate shares the places for attempts between the tenants, and between the lanes of each. A lane may hold as many as it
// leaves free: as attempts end, k greedy lanes come down to a (k+1)th each, and one that comes later finds as much
// (dynamic thresholds: Choudhury and Hahne, 1998). All lanes of a tenant together may hold tenantShare times what they
// leave free, so that a quarter is left for others however many endpoints of one tenant hang. It never blocks: who gets
// none has the lane's own place.
type gate struct {
	mu   sync.Mutex
	free int
	held map[apier.TenantID]int
}

const (
	laneShare   = 1 // of what is left free, what one lane may hold
	tenantShare = 3 // and what all lanes of a tenant may hold
)

func newGate(size int) *gate { return &gate{free: size, held: map[apier.TenantID]int{}} }

// share is how many more may be taken by one who holds some and may hold of times what is left free.
func share(free, held, want, of int) int {
	return max(min(want, (of*free-held+of)/(of+1)), 0)
}

// take gives up to want to a lane of a tenant that holds some already.
func (g *gate) take(tenant apier.TenantID, held, want int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(share(g.free, held, want, laneShare), share(g.free, g.held[tenant], want, tenantShare))
	g.free -= n
	if n > 0 {
		g.held[tenant] += n
	}
	return n
}

func (g *gate) give(tenant apier.TenantID, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free += n
	if g.held[tenant] -= n; g.held[tenant] == 0 {
		delete(g.held, tenant)
	}
}
