package hub

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/apier/apier"
)

// history is the store of the replay: every change, in order.
type history struct {
	mu      sync.Mutex
	changes []apier.Change
}

func (s *history) commit(c apier.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, c)
}

// after gives one page of a tenant's changes and where it ends.
func (s *history) after(tenant apier.TenantID, seq apier.Seq, limit int) (page []apier.Change, to apier.Seq) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to = seq
	for _, c := range s.changes {
		if c.Seq <= seq {
			continue
		}
		if len(page) == limit {
			return page, to
		}
		if c.Tenant == tenant {
			page = append(page, c)
		}
		to = c.Seq
	}
	return page, to
}

func (s *history) of(tenant apier.TenantID, after apier.Seq) []apier.Seq {
	page, _ := s.after(tenant, after, len(s.changes)+1)
	return seqs(page)
}

// replay reads as a connection does: from the log while that remembers, else from the store.
func replay(h *Hub, s *history, log *Log, tenant apier.TenantID, from apier.Seq, limit int, done <-chan struct{}) (got []apier.Seq, fromStore int) {
	watch := h.Watch()
	defer watch.Stop()
	finishing := false
	for at := (Cursor{Seq: from}); ; {
		batch, ok := log.Since(at)
		if !ok {
			page, to := s.after(tenant, at.Seq, limit)
			got, at.Seq = append(got, seqs(page)...), to
			fromStore++
			continue
		}
		got, at = append(got, seqs(batch.Changes)...), batch.To
		if len(batch.Changes) > 0 {
			continue
		}
		if finishing {
			return got, fromStore
		}
		select {
		case <-watch.C:
		case <-done:
			finishing = true
		}
	}
}

// TestReplay lets readers of three tenants join at random moments and places, with logs of a few
// changes: each ends with every change after its place, once and in order.
func TestReplay(t *testing.T) {
	t.Parallel()
	const rounds, commits, readers = 30, 300, 9
	tenants := []apier.TenantID{"a", "b", "c"}
	fromStore := make(chan int, rounds*readers)
	for round := range rounds {
		random := rand.New(rand.NewPCG(1, uint64(round)))
		h, s, done := New((1+random.IntN(6))*changeSize, (4+random.IntN(9))*changeSize), &history{}, make(chan struct{})
		var wg sync.WaitGroup
		join := func() {
			tenant, limit := tenants[random.IntN(len(tenants))], 1+random.IntN(10)
			from := apier.Seq(random.IntN(len(s.changes) + 1))
			log := h.Open(tenant)
			wg.Go(func() {
				defer h.Release(log)
				got, n := replay(h, s, log, tenant, from, limit, done)
				fromStore <- n
				if want := s.of(tenant, from); !slices.Equal(got, want) {
					t.Errorf("round %d: tenant %s from %d got\n%v\nwant\n%v", round, tenant, from, got, want)
				}
			})
		}
		left := readers
		for seq := apier.Seq(1); seq <= commits; {
			var batch []apier.Change
			for range 1 + random.IntN(5) {
				c := change(tenants[random.IntN(len(tenants))], seq)
				s.commit(c)
				batch = append(batch, c)
				seq += 1 + apier.Seq(random.IntN(2))
			}
			if left > 0 && random.IntN(8) == 0 { // between commit and announcement
				left--
				join()
			}
			h.Publish(commitsOf(batch...))
		}
		for ; left > 0; left-- {
			join()
		}
		close(done)
		wg.Wait()
		if len(h.logs) != 0 || len(h.watches) != 0 {
			t.Errorf("round %d: %d logs and %d watches are left", round, len(h.logs), len(h.watches))
		}
	}
	close(fromStore)
	total := 0
	for n := range fromStore {
		total += n
	}
	if total < rounds {
		t.Errorf("only %d pages came from the store: the logs are too long to test that", total)
	}
}
