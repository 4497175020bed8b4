package delivery

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// move is one call to a store.
type move struct {
	Do   string
	N    int
	Wait time.Duration
	Kind apier.ErrorKind
	Hold time.Duration
}

func drawMoves(t *rapid.T) (ordered bool, moves []move) {
	ordered = rapid.Bool().Draw(t, "ordered")
	for range rapid.IntRange(1, 40).Draw(t, "moves") {
		moves = append(moves, move{
			Do: rapid.SampledFrom([]string{"append", "claim", "claim", "finish", "finish", "release", "retry", "pause", "resume", "wait"}).Draw(t, "do"),
			N:  rapid.IntRange(0, 5).Draw(t, "n"), Wait: time.Duration(rapid.IntRange(0, 20_000).Draw(t, "wait")) * time.Millisecond,
			Kind: rapid.SampledFrom([]apier.ErrorKind{"", apier.ErrorTimeout, apier.ErrorInternal}).Draw(t, "kind"),
			Hold: time.Duration(rapid.SampledFrom([]int{0, 0, 5000}).Draw(t, "hold")) * time.Millisecond,
		})
	}
	return ordered, moves
}

// side is a store and what is claimed of it.
type side struct {
	backend
	endpoint apier.EndpointID
	appended int
	claimed  []store.Claimed
}

// The store in memory and SQLite's, given the same calls at the same times, answer the same: what the model has shown
// of the dispatcher on one holds on the other.
func TestMemoryIsAsSQLite(t *testing.T) {
	t.Parallel()
	draw := rapid.Custom(func(t *rapid.T) (drawn struct {
		ordered bool
		moves   []move
	},
	) {
		drawn.ordered, drawn.moves = drawMoves(t)
		return drawn
	})
	for i := range 15 {
		drawn := draw.Example(i)
		synctest.Test(t, func(t *testing.T) { //nolint:thelper // a bubble, no helper
			sides := []*side{{backend: openMemory(t, quiet)}, {backend: openSQLite(t, quiet)}}
			for _, s := range sides {
				s.begin(t, drawn.ordered)
			}
			for k, m := range drawn.moves {
				if a, b := sides[0].make(m), sides[1].make(m); a != b {
					t.Errorf("example %d, move %d, %+v:\nmemory %s\nSQLite %s", i, k, m, a, b)
					break
				}
				time.Sleep(time.Duration(m.N%2) * m.Wait) // of the bubble
			}
			for _, s := range sides {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func quiet(apier.TenantID, apier.EndpointID, apier.Timestamp) {}

func (s *side) begin(t *testing.T, ordered bool) {
	t.Helper()
	e := apier.Endpoint{URL: "https://shop.example", RetryScheduleMS: []int64{0, 1000}, TimeoutMS: 5000}
	if ordered {
		e.OrderKey = "k"
	}
	e, err := s.CreateEndpoint(t.Context(), acme, e.WithDefaults(), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	s.endpoint = e.ID
}

// make makes a move and gives what came of it, in words that do not depend on ids.
func (s *side) make(m move) string {
	ctx := context.Background()
	switch m.Do {
	case "append":
		for range m.N {
			payload := fmt.Appendf(nil, `{"n":%d,"k":"%d"}`, s.appended, s.appended%2)
			s.appended++
			if _, err := s.Append(ctx, acme, []apier.NewEvent{{Type: "a.b", Source: "test", Payload: payload}}, nil); err != nil {
				return err.Error()
			}
		}
	case "claim":
		claims, err := s.Claim(ctx, acme, s.endpoint, m.N, time.Second)
		said := fmt.Sprint(err, claims.NextDue, claims.Endpoint.HoldUntil, claims.Endpoint.ConsecutiveFailures)
		for _, c := range claims.Claimed {
			said += fmt.Sprintf(" %s since %d until %d", c.Event.Payload, c.DueAt, c.Delivery.LeasedUntil)
		}
		s.claimed = append(s.claimed, claims.Claimed...)
		return said
	case "finish":
		if m.N >= len(s.claimed) {
			return "none"
		}
		return s.finish(ctx, s.claimed[m.N], m)
	case "release":
		if m.N < len(s.claimed) {
			return fmt.Sprint(s.Release(ctx, acme, s.claimed[m.N], now()+apier.Timestamp(m.Wait.Milliseconds())))
		}
	case "retry":
		return s.retry(ctx, m.N)
	case "pause", "resume":
		_, err := s.UpdateEndpoint(ctx, acme, s.endpoint, func(e *apier.Endpoint) error {
			e.Status = map[string]apier.EndpointStatus{"pause": apier.EndpointPaused, "resume": apier.EndpointActive}[m.Do]
			return nil
		})
		return fmt.Sprint(err)
	}
	return m.Do
}

func (s *side) finish(ctx context.Context, c store.Claimed, m move) string {
	v := store.Verdict{Status: apier.DeliveryDelivered}
	if m.Kind != "" {
		v = store.Verdict{Status: apier.DeliveryPending, DueAt: now() + 1000, Blameless: m.Kind == apier.ErrorInternal}
		if c.Delivery.Tries > 0 {
			v = store.Verdict{Status: apier.DeliveryFailed, Blameless: v.Blameless}
		}
		if m.Hold != 0 && !v.Blameless {
			v.HoldUntil = now() + apier.Timestamp(m.Hold.Milliseconds())
		}
	}
	d, err := s.Finish(ctx, acme, c, apier.Attempt{StartedAt: now(), ErrorKind: m.Kind}, v)
	if err != nil {
		return string(apier.AsError(err).Code)
	}
	return fmt.Sprint(d.Status, d.Attempts, d.Tries, d.DueAt)
}

func (s *side) retry(ctx context.Context, n int) string {
	page, err := s.ListDeliveries(ctx, acme, store.DeliveryFilter{Endpoint: s.endpoint, PageOf: store.PageOf[apier.DeliveryID]{Limit: 1000}})
	if err != nil || n >= len(page.Deliveries) {
		return fmt.Sprint("none ", err)
	}
	if _, err = s.Retry(ctx, acme, page.Deliveries[n].ID); err != nil {
		return string(apier.AsError(err).Code)
	}
	return "retried"
}
