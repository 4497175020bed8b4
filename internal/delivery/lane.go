package delivery

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	// claimBatch bounds what is claimed at once.
	claimBatch = 64
	// leaseMargin is how much longer than the endpoint's timeout a lease lasts: for the way to the store and back.
	leaseMargin = 10 * time.Second
	// faultPause is the wait after the store has failed.
	faultPause = time.Second
	// busyPause is the wait while all shared places are taken, milliseconds.
	busyPause = 20
)

// lane works for one endpoint, for as long as that has something to do: it claims what is due as far as there is
// room, and sleeps until the next is. Its attempts run beside it.
type lane struct {
	d       *Dispatcher
	key     laneKey
	woken   chan struct{} // capacity 1
	done    chan place    // of attempts that have ended; never full
	limiter *rate.Limiter

	endpoint apier.Endpoint  // as of the latest claim
	inFlight int             // attempts under way
	ownTaken bool            // one of them has the lane's own place
	next     apier.Timestamp // when the next delivery is due; 0: none is known

	wokenFor apier.Timestamp // guarded by Dispatcher.mu: the earliest time told of since it was last looked at; 0: none
}

// place is the right to make an attempt. Each lane has one of its own, so that no endpoint, however many others
// hang, is kept waiting by them; all others are shared.
type place bool

const (
	ownPlace    place = true
	sharedPlace place = false
)

func newLane(d *Dispatcher, key laneKey) *lane {
	return &lane{d: d, key: key, woken: make(chan struct{}, 1), done: make(chan place, apier.MaxInFlightLimit+1), limiter: rate.NewLimiter(rate.Inf, 1)}
}

// wakeLocked notes a wake-up. Called with Dispatcher.mu held.
func (l *lane) wakeLocked(at apier.Timestamp) {
	l.wokenFor = earlier(l.wokenFor, max(at, 1))
	select {
	case l.woken <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

// earlier gives the earlier of two times, of which 0 is none.
func earlier(a, b apier.Timestamp) apier.Timestamp {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (l *lane) run() {
	defer l.d.running.Done()
	for {
		l.takeWake()
		if l.next == 0 && l.inFlight == 0 && l.retire() {
			return
		}
		wait, now := l.untilWork()
		switch {
		case now:
			l.next = l.work()
		case !l.sleep(wait):
			l.drain()
			return
		}
	}
}

func (l *lane) takeWake() {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	l.next = earlier(l.next, l.wokenFor)
	l.wokenFor = 0
}

// retire takes an idle lane off the list; false if it was woken at the last moment.
func (l *lane) retire() bool {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if l.wokenFor != 0 {
		return false
	}
	delete(l.d.lanes, l.key)
	return true
}

// forever is a wait that only a wake-up or the end of an attempt ends.
const forever = time.Duration(math.MaxInt64)

// untilWork tells whether something may begin now, and if not, how long that is off.
func (l *lane) untilWork() (wait time.Duration, now bool) {
	if l.d.ctx.Err() != nil || l.next == 0 {
		return forever, false
	}
	if wait := l.next.Time().Sub(l.d.opt.Now()); wait > 0 {
		return wait, false
	}
	n, wait := l.room()
	return wait, n > 0
}

// sleep waits for a time, a wake-up or the end of an attempt; false: no more work is to begin.
func (l *lane) sleep(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-l.d.ctx.Done():
		return false
	case <-timer.C:
	case <-l.woken:
	case p := <-l.done:
		l.ended(p)
	}
	return true
}

func (l *lane) ended(p place) {
	l.inFlight--
	if p == ownPlace {
		l.ownTaken = false
	}
}

func (l *lane) drain() {
	for l.inFlight > 0 {
		l.ended(<-l.done)
	}
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	delete(l.d.lanes, l.key)
}

// work claims what there is room for and begins its attempts. It answers when the next delivery is due.
func (l *lane) work() apier.Timestamp {
	n, _ := l.room()
	places := l.takePlaces(n)
	if len(places) == 0 {
		return l.d.now() + busyPause
	}
	claims, err := l.d.store.Claim(l.d.ctx, l.key.tenant, l.key.endpoint, len(places), leaseMargin)
	if err != nil {
		l.givePlaces(places)
		return l.afterFault(err)
	}
	l.configure(claims.Endpoint)
	l.limiter.ReserveN(l.d.opt.Now(), len(claims.Claimed)) // allowed: room has asked
	for i, c := range claims.Claimed {
		l.inFlight++
		l.ownTaken = l.ownTaken || places[i] == ownPlace
		l.d.running.Add(1) // the lane itself is counted, so the count is above 0
		go l.attempt(claims, c, places[i])
	}
	l.givePlaces(places[len(claims.Claimed):])
	return claims.NextDue
}

// takePlaces takes up to n places, the lane's own first.
func (l *lane) takePlaces(n int) (places []place) {
	if !l.ownTaken {
		places = append(places, ownPlace)
	}
	for len(places) < n {
		select {
		case l.d.slots <- struct{}{}:
			places = append(places, sharedPlace)
		default:
			return places
		}
	}
	return places
}

func (l *lane) givePlaces(places []place) {
	for _, p := range places {
		if p == sharedPlace {
			<-l.d.slots
		}
	}
}

func (l *lane) afterFault(err error) apier.Timestamp {
	if l.d.ctx.Err() != nil || apier.AsError(err).Code == apier.CodeNotFound { // deleted
		return 0
	}
	l.d.opt.Log.Error("delivery: nothing can be claimed; trying again", "tenant", l.key.tenant, "endpoint", l.key.endpoint, "cause", err)
	return l.d.now() + apier.Timestamp(faultPause.Milliseconds())
}

// room gives how many attempts may begin now, and, where the rate alone forbids it, how long to wait.
func (l *lane) room() (n int, wait time.Duration) {
	most := max(l.endpoint.MaxInFlight, 1) // before the first claim: 1
	n = min(most-l.inFlight, claimBatch)
	if n <= 0 {
		return 0, forever // the end of an attempt wakes the lane
	}
	if limit := l.limiter.Limit(); limit != rate.Inf {
		tokens := l.limiter.TokensAt(l.d.opt.Now())
		if tokens < 1 {
			return 0, time.Duration((1 - tokens) / float64(limit) * float64(time.Second))
		}
		n = min(n, int(tokens))
	}
	return n, 0
}

// configure takes the endpoint's limits over.
func (l *lane) configure(e apier.Endpoint) {
	l.endpoint = e
	limit, burst := rate.Inf, 1
	if e.RatePerSecond > 0 {
		limit, burst = rate.Limit(e.RatePerSecond), max(1, int(e.RatePerSecond))
	}
	if l.limiter.Limit() != limit {
		l.limiter.SetLimitAt(l.d.opt.Now(), limit)
		l.limiter.SetBurstAt(l.d.opt.Now(), burst)
	}
}

// attempt makes one attempt and records it.
func (l *lane) attempt(claims store.Claims, c store.Claimed, p place) {
	defer l.d.running.Done()
	defer func() {
		l.givePlaces([]place{p})
		l.done <- p
	}()
	d := l.d
	started := d.opt.Now()
	attempt, header := d.sender.send(d.live, message{
		endpoint: claims.Endpoint, secrets: claims.Secrets, id: string(c.Event.ID), delivery: c.Delivery.ID, attempt: c.Delivery.Attempts + 1,
		typ: c.Event.Type, source: c.Event.Source, payload: c.Event.Payload,
	})
	ctx := context.WithoutCancel(d.live)
	if d.live.Err() != nil && !attempt.OK() { // cut at the end of the program: nobody's fault
		if err := d.store.Release(ctx, l.key.tenant, c, d.now()); err != nil {
			d.opt.Log.Error("delivery: cannot be given back; its lease will run out", "delivery", c.Delivery.ID, "cause", err)
		}
		return
	}
	verdict := decide(claims.Endpoint, c.Delivery, attempt, header, policy{now: d.opt.Now(), disableAfter: d.opt.DisableAfter, random: randomShare})
	d.opt.Observe(Outcome{Kind: attempt.ErrorKind, Duration: d.opt.Now().Sub(started), Waited: started.Sub(c.Delivery.DueAt.Time())})
	if _, err := d.store.Finish(ctx, l.key.tenant, c, attempt, verdict); err != nil {
		d.opt.Log.Warn("delivery: an outcome was not recorded; it may be attempted again", "tenant", l.key.tenant,
			"endpoint", l.key.endpoint, "delivery", c.Delivery.ID, "event", c.Event.ID, "status", attempt.StatusCode, "cause", err)
		return
	}
	l.log(c, attempt, verdict)
}

func (l *lane) log(c store.Claimed, a apier.Attempt, v store.Verdict) {
	ids := []any{
		"tenant", l.key.tenant, "endpoint", l.key.endpoint, "event", c.Event.ID, "delivery", c.Delivery.ID,
		"attempt", c.Delivery.Attempts + 1, "kind", a.ErrorKind, "status", a.StatusCode,
	}
	log := l.d.opt.Log
	switch {
	case a.OK():
		log.Debug("delivery: delivered", ids...)
	case v.Blameless:
		log.Error("delivery: a fault of this server kept an attempt from being made; look at its limits and network", append(ids, "cause", a.ErrorMessage)...)
	case v.DisableReason != "":
		log.Warn("delivery: endpoint disabled; mend the receiver and enable it again", append(ids, "reason", v.DisableReason)...)
	case v.Status == apier.DeliveryFailed:
		log.Warn("delivery: given up; retry it once the receiver is mended", append(ids, "cause", a.ErrorMessage)...)
	default:
		log.Debug("delivery: failed, another attempt follows", append(ids, "next", v.DueAt, "cause", a.ErrorMessage)...)
	}
}
