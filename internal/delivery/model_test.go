package delivery

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
)

// story is what happens in one run of the model: drawn first, then lived.
type story struct {
	Seed      uint64
	Endpoints []cast
	Steps     []scene
}

type cast struct {
	InFlight, TimeoutMS int
	Schedule            []int64
	Ordered             bool
	Rate                float64
	Bad, Slow           int // in a hundred answers
}

type scene struct {
	Do   string
	At   int // which endpoint, or how many events
	Wait time.Duration
}

func drawStory(t *rapid.T) story {
	s := story{Seed: rapid.Uint64().Draw(t, "seed")}
	for range rapid.IntRange(1, 3).Draw(t, "endpoints") {
		s.Endpoints = append(s.Endpoints, cast{
			InFlight: rapid.IntRange(1, 5).Draw(t, "in flight"), TimeoutMS: rapid.IntRange(1000, 20_000).Draw(t, "timeout"),
			Schedule: rapid.SliceOfN(rapid.Int64Range(0, 60_000), 1, 4).Draw(t, "schedule"),
			Ordered:  rapid.Bool().Draw(t, "ordered"), Rate: rapid.SampledFrom([]float64{0, 0, 0.5, 5}).Draw(t, "rate"),
			Bad: rapid.SampledFrom([]int{0, 10, 50, 100}).Draw(t, "bad"), Slow: rapid.SampledFrom([]int{0, 5, 30}).Draw(t, "slow"),
		})
	}
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		s.Steps = append(s.Steps, scene{
			Do: rapid.SampledFrom([]string{"events", "events", "events", "kill", "stop", "second", "pause", "resume", "retry", "away", "fewer"}).Draw(t, "do"),
			At: rapid.IntRange(0, 11).Draw(t, "at"), Wait: time.Duration(rapid.IntRange(0, 40_000).Draw(t, "wait")) * time.Millisecond,
		})
	}
	return s
}

// TestModel lives random stories: receivers that fail, hang and refuse, dispatchers that are killed, stopped and run two
// at a time, a store that goes away, endpoints that are paused and changed. Whatever happens, no delivery is lost, stuck,
// tried beyond its budget or held by two, order holds, and no dispatcher leaves anything behind.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		if faults := drawStory(r).run(t, openMemory); len(faults) > 0 {
			r.Fatalf("%q", faults)
		}
	})
}

// TestModelOnSQLite lives some of the stories on the real store.
func TestModelOnSQLite(t *testing.T) {
	t.Parallel()
	stories := rapid.Custom(drawStory)
	for i := range 4 {
		if faults := stories.Example(i).run(t, openSQLite); len(faults) > 0 {
			t.Errorf("story %d: %q", i, faults)
		}
	}
}

func (s story) run(t *testing.T, open opener) (faults []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { faults = s.live(t, open) }) //nolint:thelper // a bubble, no helper
	return faults
}

func (s story) live(t *testing.T, open opener) []string {
	t.Helper()
	w := newWorld(t, open, s.Seed)
	var endpoints []apier.Endpoint
	for _, c := range s.Endpoints {
		e := apier.Endpoint{MaxInFlight: c.InFlight, TimeoutMS: int64(c.TimeoutMS), RetryScheduleMS: c.Schedule, RatePerSecond: c.Rate}
		if c.Ordered {
			e.OrderKey = "k"
		}
		endpoints = append(endpoints, w.endpoint(e, func() response { return w.mood(c) }))
	}
	l := w.start(s.options())
	events := 0
	for _, step := range s.Steps {
		at := endpoints[step.At%len(endpoints)].ID
		switch step.Do {
		case "events":
			w.events(events, step.At)
			events += step.At
		case "kill", "stop":
			w.end(l, step.Do == "kill")
			l = w.start(s.options())
		case "second":
			w.start(s.options())
		case "pause":
			w.change(at, func(e *apier.Endpoint) { e.Status = apier.EndpointPaused })
		case "resume":
			w.change(at, func(e *apier.Endpoint) { e.Status = apier.EndpointActive })
		case "fewer":
			w.change(at, func(e *apier.Endpoint) { e.TimeoutMS, e.RatePerSecond = e.TimeoutMS+1000, 2 })
		case "retry":
			w.retrySome(at, step.At)
		case "away":
			l.away.Store(time.Now().Add(step.Wait).UnixMilli())
		}
		time.Sleep(step.Wait)
	}
	for _, e := range endpoints {
		w.change(e.ID, func(e *apier.Endpoint) { e.Status = apier.EndpointActive })
	}
	all := w.settle(14 * 24 * time.Hour)
	w.close()
	w.judge(all, events*len(endpoints))
	return w.faults
}

func (s story) options() Options {
	return Options{MaxInFlight: 4, DisableAfter: 1 << 62, StopTimeout: 3 * time.Second, SweepEvery: 10 * time.Minute}
}

// mood is how a receiver answers. World.mu is held.
func (w *world) mood(c cast) response {
	answer := response{after: time.Duration(w.luck.IntN(800)) * time.Millisecond}
	if w.luck.IntN(100) < c.Slow {
		answer.after = time.Hour
	}
	if w.luck.IntN(100) >= c.Bad {
		return answer
	}
	switch w.luck.IntN(6) {
	case 0:
		answer.header, answer.kind = http.Header{"Retry-After": {"30"}}, apier.ErrorHTTP5xx
	case 1:
		answer.header, answer.kind = http.Header{"Webhook-Delivery": {"abort-message"}}, apier.ErrorHTTP4xx
	case 2:
		answer.kind = apier.ErrorInternal
	case 3:
		if c.Bad < 100 {
			answer.fault = errors.New("out of files")
		}
		answer.kind = apier.ErrorInternal
	default:
		answer.kind = apier.ErrorConnect
	}
	return answer
}

func (w *world) change(id apier.EndpointID, change func(*apier.Endpoint)) {
	_, err := w.store.UpdateEndpoint(context.Background(), acme, id, func(e *apier.Endpoint) error { change(e); return nil })
	if err != nil {
		w.fault("update endpoint: %v", err)
	}
}

func (w *world) retrySome(id apier.EndpointID, n int) {
	w.mu.Lock()
	w.receivers[id].endpoint.Description = "retried"
	w.mu.Unlock()
	for i, d := range w.deliveries(id) {
		if i%3 == n%3 && d.Status == apier.DeliveryFailed {
			if _, err := w.store.Retry(context.Background(), acme, d.ID); err != nil {
				w.fault("retry: %v", err)
			}
		}
	}
}

// judge looks back at what became of all deliveries.
func (w *world) judge(all []apier.Delivery, want int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(all) != want {
		w.faultLocked("there are %d deliveries, want %d", len(all), want)
	}
	for _, d := range all {
		r := w.receivers[d.EndpointID]
		budget := len(r.endpoint.RetryScheduleMS)
		if d.Tries > budget {
			w.faultLocked("%s was tried %d times, its budget is %d", d.ID, d.Tries, budget)
		}
		if d.Status == apier.DeliveryDelivered && !r.took[d.ID] {
			w.faultLocked("%s counts as delivered and nobody took it", d.ID)
		}
	}
}
