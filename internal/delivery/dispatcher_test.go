package delivery

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inWorld runs a test on the store in memory, in a bubble.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { //nolint:thelper // a bubble, no helper
		w := newWorld(t, openMemory, 1)
		test(w)
		w.close()
		for _, fault := range w.faults {
			t.Error(fault)
		}
	})
}

func answerAfter(d time.Duration, kind apier.ErrorKind) func() response {
	return func() response { return response{after: d, kind: kind} }
}

func (w *world) tookOf(e apier.Endpoint) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.receivers[e.ID].took)
}

func (w *world) beganOf(e apier.Endpoint) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.receivers[e.ID].began)
}

// However many endpoints hang, another gets all of its events while their first attempts still hang.
func TestAHangingEndpointCostsOnlyItsLane(t *testing.T) {
	t.Parallel()
	for _, hanging := range []int{1, 50} {
		t.Run(fmt.Sprint(hanging), func(t *testing.T) {
			inWorld(t, func(w *world) {
				for range hanging {
					w.endpoint(apier.Endpoint{MaxInFlight: 1000, TimeoutMS: 30_000}, answerAfter(time.Hour, ""))
				}
				healthy := w.endpoint(apier.Endpoint{MaxInFlight: 10, TimeoutMS: 30_000}, answerAfter(10*time.Millisecond, ""))
				w.start(Options{MaxInFlight: 16, StopTimeout: time.Nanosecond})
				w.events(0, 200)
				time.Sleep(29 * time.Second)
				if took := w.tookOf(healthy); took != 200 {
					t.Errorf("it has %d of 200 events while %d others hang", took, hanging)
				}
			})
		})
	}
}

// A claim is a transaction, so attempts that end while one is under way are made up for by one more, not by one each.
func TestOneClaimForWhatHasEnded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.endpoint(apier.Endpoint{MaxInFlight: 10}, answerAfter(10*time.Millisecond, ""))
		l := w.start(Options{})
		l.takes.Store(int64(5 * time.Millisecond))
		w.events(0, 100)
		w.settle(time.Minute)
		if claims := l.claims.Load(); claims > 60 {
			t.Errorf("%d claims for 100 deliveries, of which ten at a time end together", claims)
		}
	})
}

// A rate holds over pauses in which the lane has nothing to do.
func TestRate(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.endpoint(apier.Endpoint{RatePerSecond: 2, MaxInFlight: 10}, answerAfter(time.Millisecond, ""))
		w.start(Options{})
		for i := range 100 {
			w.events(i, 1)
			time.Sleep(100 * time.Millisecond)
		}
		w.settle(time.Hour)
		began := w.beganOf(e)
		for i := 2; i < len(began); i++ {
			if d := began[i].Sub(began[i-2]); d < 900*time.Millisecond {
				t.Fatalf("3 attempts within %v", d)
			}
		}
		if took := began[len(began)-1].Sub(began[0]); took > 51*time.Second {
			t.Errorf("100 attempts at 2 a second took %v", took)
		}
	})
}

// An endpoint that is down costs a few attempts, one at a time, and no storm of claims; when it is back, all arrives.
func TestBreaker(t *testing.T) {
	inWorld(t, func(w *world) {
		down := true
		e := w.endpoint(apier.Endpoint{MaxInFlight: 10, TimeoutMS: 10_000}, func() response {
			if down {
				return response{after: time.Hour}
			}
			return response{after: time.Millisecond}
		})
		l := w.start(Options{StopTimeout: time.Nanosecond})
		w.events(0, 100)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n, claims := len(w.beganOf(e)), l.claims.Load(); n > 40 || claims > 1000 {
			t.Errorf("%d attempts by %d claims at an endpoint that was down for an hour", n, claims)
		}
		w.mu.Lock()
		down = false
		w.mu.Unlock()
		for _, d := range w.settle(48 * time.Hour) {
			if d.Status != apier.DeliveryDelivered {
				t.Errorf("%s is %s", d.ID, d.Status)
			}
		}
	})
}

// A stall that fails many attempts at once, and one more failure behind it, keep the endpoint waiting for seconds, not
// for as long as so many failures in a row would.
func TestAStallIsNotAnOutage(t *testing.T) {
	inWorld(t, func(w *world) {
		begun := 0
		e := w.endpoint(apier.Endpoint{MaxInFlight: 20, TimeoutMS: 1000, RetryScheduleMS: []int64{0, 50, 50, 50}}, func() response {
			if begun++; begun <= 21 {
				return response{after: time.Hour}
			}
			return response{after: time.Millisecond}
		})
		w.start(Options{StopTimeout: time.Nanosecond})
		w.events(0, 100)
		time.Sleep(10 * time.Second)
		if took := w.tookOf(e); took != 100 {
			t.Errorf("10 s after a stall of 1 s it has %d of 100 events", took)
		}
	})
}

func TestHowLongAnAttemptHasWaited(t *testing.T) {
	inWorld(t, func(w *world) {
		w.endpoint(apier.Endpoint{MaxInFlight: 1}, answerAfter(3*time.Second, ""))
		waited := make(chan time.Duration, 2)
		w.start(Options{Observe: func(o Outcome) { waited <- o.Waited }})
		w.events(0, 2)
		for _, want := range []time.Duration{0, 3 * time.Second} { // the second waits for the first
			if got := <-waited; got.Round(time.Second) != want {
				t.Errorf("waited %v, want %v", got, want)
			}
		}
	})
}

// Wake-ups before Run are no reason to send; Run finds what is due by itself.
func TestNothingBeforeRun(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.endpoint(apier.Endpoint{}, answerAfter(time.Millisecond, ""))
		idle := New(w.store, Options{})
		idle.Wake(acme, e.ID, now())
		idle.Recover(acme, apier.Recovery{ID: "rec_1", Status: apier.RecoveryRunning})
		w.events(0, 3)
		time.Sleep(time.Hour)
		if n := len(w.beganOf(e)); n != 0 {
			t.Errorf("%d attempts before Run", n)
		}
		w.start(Options{})
		time.Sleep(time.Second)
		if took := w.tookOf(e); took != 3 {
			t.Errorf("%d of 3 arrive", took)
		}
	})
}

// At the end, attempts under way may end; what is cut off is due at once at the next start.
func TestStop(t *testing.T) {
	inWorld(t, func(w *world) {
		quick := w.endpoint(apier.Endpoint{}, answerAfter(2*time.Second, ""))
		slow := w.endpoint(apier.Endpoint{TimeoutMS: 20_000}, answerAfter(15*time.Second, ""))
		l := w.start(Options{StopTimeout: 5 * time.Second})
		w.events(0, 1)
		time.Sleep(time.Second)
		w.end(l, false)
		begun := time.Now()
		w.parts.Wait()
		if d := time.Since(begun); d != 5*time.Second {
			t.Errorf("the end took %v", d)
		}
		if d := w.deliveries(quick.ID)[0]; d.Status != apier.DeliveryDelivered || d.Attempts != 1 {
			t.Errorf("what could end is %+v", d)
		}
		if d := w.deliveries(slow.ID)[0]; d.Attempts != 0 || d.DueAt > now() || d.LeasedUntil != 0 {
			t.Errorf("what was cut off is %+v", d)
		}
	})
}

// A store that goes away while an attempt is under way gets its outcome once it is back: nothing is sent twice.
func TestAnOutcomeWaitsForTheStore(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.endpoint(apier.Endpoint{TimeoutMS: 10_000}, answerAfter(time.Second, ""))
		l := w.start(Options{})
		w.events(0, 1)
		time.Sleep(500 * time.Millisecond)
		l.away.Store(time.Now().Add(10 * time.Second).UnixMilli())
		time.Sleep(time.Minute)
		if d := w.deliveries(e.ID)[0]; d.Status != apier.DeliveryDelivered || len(w.beganOf(e)) != 1 {
			t.Errorf("%d attempts, delivery is %+v", len(w.beganOf(e)), d)
		}
	})
}

// A lease that would end before the attempt's timeout is not begun: another might hold it by then.
func TestALeaseThatIsOldIsNotUsed(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.endpoint(apier.Endpoint{TimeoutMS: 10_000}, answerAfter(time.Second, ""))
		l := w.start(Options{})
		l.late.Store(int64(15 * time.Second)) // of a lease of 20 s
		w.events(0, 1)
		time.Sleep(time.Minute)
		began := w.beganOf(e)
		if d := w.deliveries(e.ID)[0]; len(began) != 1 || d.Attempts != 1 || d.Status != apier.DeliveryDelivered {
			t.Errorf("%d attempts, delivery is %+v", len(began), d)
		}
	})
}

// An endpoint whose deliveries are gone with it is left in peace.
func TestADeletedEndpointIsForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		l := w.start(Options{})
		l.Wake(acme, "ep_gone", now())
		time.Sleep(time.Minute)
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.lanes) != 0 {
			t.Errorf("%d lanes are left", len(l.lanes))
		}
	})
}

// What fails at an address while another is set goes to that one, though it was to be given up.
func TestAnAddressThatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, openSQLite, 1)
		kind := apier.ErrorConnect
		e := w.endpoint(apier.Endpoint{RetryScheduleMS: []int64{0}}, func() response { return response{after: 5 * time.Second, kind: kind} })
		w.start(Options{})
		w.events(0, 1)
		time.Sleep(time.Second)
		w.mu.Lock()
		kind = ""
		w.mu.Unlock()
		if _, err := w.store.UpdateEndpoint(t.Context(), acme, e.ID, func(e *apier.Endpoint) error { e.URL = "https://new.example"; return nil }); err != nil {
			t.Fatal(err)
		}
		for _, d := range w.settle(time.Hour) {
			if d.Status != apier.DeliveryDelivered || d.Attempts != 2 {
				t.Errorf("%+v", d)
			}
		}
		w.close()
		for _, fault := range w.faults {
			t.Error(fault)
		}
	})
}

// A recovery sends again what was given up, at its rate, and is done then; it goes on after a restart.
func TestRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, openSQLite, 1)
		kind := apier.ErrorConnect
		e := w.endpoint(apier.Endpoint{RetryScheduleMS: []int64{0}, MaxInFlight: 10}, func() response { return response{kind: kind} })
		l := w.start(Options{})
		began := now()
		w.events(0, 40)
		for _, d := range w.settle(24 * time.Hour) {
			if d.Status != apier.DeliveryFailed {
				t.Errorf("%+v", d)
			}
		}
		w.mu.Lock()
		kind = ""
		w.mu.Unlock()
		w.change(e.ID, func(e *apier.Endpoint) { e.Status = apier.EndpointPaused })
		w.change(e.ID, func(e *apier.Endpoint) { e.Status = apier.EndpointActive }) // closes the breaker
		s, ok := w.store.(store.Recoveries)
		if !ok {
			t.Fatal("the store has no recoveries")
		}
		r, err := s.CreateRecovery(t.Context(), acme, apier.Recovery{Kind: apier.RecoverFailed, EndpointID: e.ID, Since: began, Until: now(), RatePerSecond: 2})
		if err != nil || r.Total != 40 {
			t.Fatalf("%+v %v", r, err)
		}
		l.Recover(acme, r)
		l.Recover(acme, r) // told twice
		time.Sleep(10 * time.Second)
		if took := w.tookOf(e); took < 18 || took > 23 {
			t.Errorf("after 10 s at 2 a second, %d are delivered", took)
		}
		w.end(l, true)
		w.start(Options{})
		time.Sleep(15 * time.Second)
		w.settle(time.Hour)
		if r, err = s.Recovery(t.Context(), acme, r.ID); err != nil || r.Status != apier.RecoveryDone || r.Done != 40 || w.tookOf(e) != 40 {
			t.Errorf("%d delivered, %+v %v", w.tookOf(e), r, err)
		}
		w.close()
		for _, fault := range w.faults {
			t.Error(fault)
		}
	})
}

// This server out of files: no attempt counts, nobody is blamed, and once it has files again all arrives.
func TestFaultsOfThisServerCountAgainstNobody(t *testing.T) {
	inWorld(t, func(w *world) {
		var fault error = syscall.EMFILE
		e := w.endpoint(apier.Endpoint{}, func() response { return response{fault: fault} })
		w.start(Options{})
		w.events(0, 5)
		time.Sleep(time.Hour)
		known, err := w.store.Endpoint(t.Context(), acme, e.ID)
		if err != nil || known.ConsecutiveFailures != 0 || known.HoldUntil != 0 {
			t.Errorf("the endpoint is blamed: %+v %v", known, err)
		}
		w.mu.Lock()
		fault = nil
		w.mu.Unlock()
		for _, d := range w.settle(time.Hour) {
			if d.Status != apier.DeliveryDelivered || d.Attempts != 1 {
				t.Errorf("%+v", d)
			}
		}
	})
}

// lines keeps a log's lines.
type lines struct {
	mu  sync.Mutex
	all []map[string]any
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var line map[string]any
	err := json.Unmarshal(p, &line)
	l.all = append(l.all, line)
	return len(p), err
}

func TestEveryLineOfTheLogNamesWhatItIsAbout(t *testing.T) {
	inWorld(t, func(w *world) {
		w.endpoint(apier.Endpoint{RetryScheduleMS: []int64{0, 1000, 1000}}, func() response {
			return w.mood(cast{Bad: 70, Slow: 10})
		})
		seen := &lines{}
		l := w.startLogged(Options{DisableAfter: time.Millisecond, SweepEvery: time.Hour}, slog.New(slog.NewJSONHandler(seen, &slog.HandlerOptions{Level: slog.LevelDebug})))
		w.events(0, 60)
		time.Sleep(10 * time.Second)
		l.away.Store(time.Now().Add(time.Minute).UnixMilli())
		w.settle(100 * time.Hour)
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if len(seen.all) < 60 {
			t.Errorf("there are only %d lines", len(seen.all))
		}
		for _, line := range seen.all {
			for _, id := range []string{"tenant", "endpoint", "event", "delivery", "attempt"} {
				claim := line["msg"] == "delivery: nothing can be claimed; trying again" // of a lane, not of one delivery
				if value := fmt.Sprint(line[id]); line[id] == nil && (!claim || id == "tenant" || id == "endpoint") || value == "" {
					t.Errorf("no %s in %v", id, line)
				}
			}
		}
	})
}

// An endpoint may end the sending with an answer of 2xx. The log tells of it as of any other end.
func TestTheLogTellsOfAnEndpointThatHasEnoughOfIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.endpoint(apier.Endpoint{}, func() response { return response{header: http.Header{"Webhook-Delivery": {"disable"}}} })
		seen := &lines{}
		w.startLogged(Options{}, slog.New(slog.NewJSONHandler(seen, nil)))
		w.events(0, 1)
		time.Sleep(time.Second)
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if len(seen.all) != 1 || !strings.Contains(fmt.Sprint(seen.all[0]["msg"]), "endpoint disabled") || seen.all[0]["level"] != "WARN" {
			t.Errorf("the log says %v", seen.all)
		}
	})
}
