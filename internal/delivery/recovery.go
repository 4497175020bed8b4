package delivery

import (
	"time"

	"github.com/apier/apier"
)

// stepEvery is how often a recovery moves on at most: its rate decides how many deliveries each step takes.
const stepEvery = 200 * time.Millisecond

// Recover runs a recovery at its rate until it is done or stopped. One that runs already is left alone. It never
// blocks.
func (d *Dispatcher) Recover(tenant apier.TenantID, r apier.Recovery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, runs := d.recoveries[r.ID]; runs || !d.runs || r.Status != apier.RecoveryRunning {
		return
	}
	d.recoveries[r.ID] = struct{}{}
	d.running.Add(1)
	go d.recover(tenant, r)
}

func (d *Dispatcher) recover(tenant apier.TenantID, r apier.Recovery) {
	defer d.running.Done()
	defer d.forget(r.ID)
	n, every := step(r.RatePerSecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		next, err := d.store.AdvanceRecovery(d.ctx, tenant, r.ID, n)
		switch {
		case d.ctx.Err() != nil:
			return
		case err != nil: // the sweep begins again
			d.opt.Log.Error("recovery: cannot go on; trying again", "tenant", tenant, "recovery", r.ID, "cause", err)
			return
		case next.Status != apier.RecoveryRunning:
			d.opt.Log.Info("recovery: ended", "tenant", tenant, "recovery", r.ID, "status", next.Status, "done", next.Done, "total", next.Total)
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (d *Dispatcher) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.recoveries, id)
}

// The bounds on a recovery's rate, a second: no step is too long to be stopped, and none too large for the store.
const (
	slowestRecovery = 0.001
	fastestRecovery = 2000
)

// step gives how many deliveries to move at once, and how often.
func step(perSecond float64) (n int, every time.Duration) {
	perSecond = min(max(perSecond, slowestRecovery), fastestRecovery)
	n = max(1, int(perSecond*stepEvery.Seconds()))
	return n, time.Duration(float64(n) / perSecond * float64(time.Second))
}
