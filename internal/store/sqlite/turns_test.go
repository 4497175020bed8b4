package sqlite

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/apier/apier"
)

// served takes operations until they weigh so many slices together, and returns the slices of each
// tenant. After each, refill is called to queue what follows it, and charged says what it weighed beyond.
func served(t *turns, slices int, refill func(apier.TenantID) *op, charged func(*op) int) map[apier.TenantID]float64 {
	weights, total := map[apier.TenantID]int{}, 0
	for total < slices*turnWeight {
		o := t.next()
		extra := charged(o)
		t.charge(o.tenant, extra)
		weights[o.tenant] += o.weight + extra
		total += o.weight + extra
		if next := refill(o.tenant); next != nil {
			_ = t.push(next)
		}
	}
	of := map[apier.TenantID]float64{}
	for tenant, weight := range weights {
		of[tenant] = float64(weight) / turnWeight
	}
	return of
}

// While two tenants have work queued, each gets at least 40 of any 100 slices, whatever their operations
// weigh, said before or found out.
func TestTurnsAreFair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		queue := newTurns(4096, 0)
		heaviest := map[apier.TenantID]int{
			"acme":   rapid.IntRange(1, maxBatchWeight).Draw(r, "acme's heaviest"),
			"globex": rapid.IntRange(1, maxBatchWeight).Draw(r, "globex's heaviest"),
		}
		make := func(tenant apier.TenantID) *op {
			return &op{tenant: tenant, weight: rapid.IntRange(1, heaviest[tenant]).Draw(r, string(tenant))}
		}
		extra := func(o *op) int {
			return rapid.IntRange(0, maxBatchWeight-o.weight).Draw(r, "beyond")
		}
		for _, tenant := range []apier.TenantID{"acme", "globex"} {
			for range 3 {
				if err := queue.push(make(tenant)); err != nil {
					r.Fatal(err)
				}
			}
		}
		for range 3 {
			of := served(queue, 100, make, extra)
			if of["acme"] < 40 || of["globex"] < 40 {
				r.Fatalf("slices of a hundred: %v", of)
			}
		}
	})
}

// One tenant's work that nobody else waited for is held against nobody later.
func TestTurnsForgetWhatNobodyWaitedFor(t *testing.T) {
	t.Parallel()
	queue := newTurns(4096, 0)
	push := func(tenant apier.TenantID, n, weight int) {
		for range n {
			if err := queue.push(&op{tenant: tenant, weight: weight}); err != nil {
				t.Fatal(err)
			}
		}
	}
	push("acme", 600, 1000)
	for range 500 {
		o := queue.next()
		queue.charge(o.tenant, 5000)
	}
	push("globex", 100, 1000)
	var order []string
	for range 10 {
		order = append(order, string(queue.next().tenant[:1]))
	}
	if got := strings.Join(order, ""); strings.Count(got, "a") < 4 || strings.Count(got, "g") < 4 {
		t.Errorf("turns: %s", got)
	}
}

// Whoever left while queued takes no turn and no credit.
func TestTurnsPassOverWhoLeft(t *testing.T) {
	t.Parallel()
	queue := newTurns(4096, 0)
	gone := &op{tenant: "acme", weight: 5}
	gone.state.Store(opAbandoned)
	for _, o := range []*op{gone, {tenant: "globex", weight: 1}, {tenant: "acme", weight: 1}} {
		if err := queue.push(o); err != nil {
			t.Fatal(err)
		}
	}
	if first, second, third := queue.next(), queue.next(), queue.next(); first == nil || second == nil || third != nil {
		t.Errorf("%v, %v, %v", first, second, third)
	}
}

// What one tenant has queued refuses no other that has less than its share.
func TestFullQueueRefusesNoOther(t *testing.T) {
	t.Parallel()
	queue := newTurns(100, 0)
	fill := func(tenant apier.TenantID) (n int, refusal error) {
		for {
			if err := queue.push(&op{tenant: tenant, weight: 1}); err != nil {
				return n, err
			}
			n++
		}
	}
	for i, want := range []int{100, 50, 33, 25} {
		n, refusal := fill(apier.TenantID(fmt.Sprint("tenant", i)))
		if n != want || apier.AsError(refusal).Code != apier.CodeUnavailable {
			t.Errorf("tenant %d of a full queue has %d places, then %v; want %d", i, n, refusal, want)
		}
	}
	if queue.refusedFull != 4 {
		t.Errorf("counted %d", queue.refusedFull)
	}

	queue = newTurns(100, 30)
	if n, refusal := fill("acme"); n != 30 || !strings.Contains(refusal.Error(), "--write-queue-per-tenant") {
		t.Errorf("with a bound of 30, one has %d places, then %v", n, refusal)
	}
}
