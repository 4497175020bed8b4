package delivery

import (
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
	// emptyPause is the wait after a claim that gave nothing of what is due, milliseconds.
	emptyPause = 1000
	// busyPause is the wait while all shared places are taken, milliseconds.
	busyPause = 20
)

// lane works for one endpoint. While that has something to do, a goroutine claims what is due as far as there is room,
// and sleeps until the next is; its attempts run beside it. At rest the lane stays for what it remembers: its rate.
type lane struct {
	d       *Dispatcher
	key     laneKey
	woken   chan struct{}   // capacity 1
	done    chan attemptEnd // of attempts that have ended; never full
	limiter *rate.Limiter

	// of its goroutine
	endpoint apier.Endpoint  // as of the latest claim
	inFlight int             // attempts under way
	ownTaken bool            // one of them has the lane's own place
	window   int             // how many may be: few after failures, more with each success
	next     apier.Timestamp // when the next delivery is due; 0: none is known

	// guarded by Dispatcher.mu
	busy     bool            // the goroutine runs
	wokenFor apier.Timestamp // the earliest time told of since it was last looked at; 0: none
}

// attemptEnd is what a lane is told of an attempt.
type attemptEnd struct {
	place place
	ok    bool
}

// place is the right to make an attempt. Each lane has one of its own, so that no endpoint, however many others
// hang, is kept waiting by them; all others are shared.
type place bool

const (
	ownPlace    place = true
	sharedPlace place = false
)

func newLane(d *Dispatcher, key laneKey) *lane {
	return &lane{
		d: d, key: key, woken: make(chan struct{}, 1), done: make(chan attemptEnd, apier.MaxInFlightLimit+1),
		limiter: rate.NewLimiter(rate.Inf, 1), window: apier.MaxInFlightLimit,
	}
}

// wakeLocked notes a wake-up and gives the lane its goroutine. Called with Dispatcher.mu held, while that runs.
func (l *lane) wakeLocked(at apier.Timestamp) {
	l.wokenFor = earlier(l.wokenFor, max(at, 1))
	if !l.busy {
		l.busy = true
		l.d.running.Add(1)
		go l.run()
	}
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

// retire lays an idle lane to rest; false if it was woken at the last moment.
func (l *lane) retire() bool {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	l.busy = l.wokenFor != 0
	return !l.busy
}

// rested reports whether a new lane would be as good: its rate holds nothing back.
func (l *lane) rested(now time.Time) bool {
	return l.limiter.Limit() == rate.Inf || l.limiter.TokensAt(now) >= float64(l.limiter.Burst())
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
	case end := <-l.done:
		l.ended(end)
	}
	for len(l.done) > 0 { // what has ended meanwhile is made up for by one claim: each is a transaction
		l.ended(<-l.done)
	}
	return true
}

func (l *lane) ended(end attemptEnd) {
	l.inFlight--
	if end.place == ownPlace {
		l.ownTaken = false
	}
	l.window = nextWindow(l.window, l.endpoint.MaxInFlight, end.ok)
}

// nextWindow halves what may be under way with each failure and doubles it with each success: an endpoint that fails
// holds few places, and one that comes back is not run over.
func nextWindow(window, limit int, ok bool) int {
	if ok {
		return max(min(2*window, limit), 1)
	}
	return max(min(window, limit)/2, 1)
}

func (l *lane) drain() {
	for l.inFlight > 0 {
		l.ended(<-l.done)
	}
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
	begun := l.begin(claims, places)
	l.givePlaces(places[begun:])
	if next, now := claims.NextDue, l.d.now(); len(claims.Claimed) > 0 || next == 0 || next > now {
		return next
	}
	return l.d.now() + emptyPause // due, and not given: behind a probe, whose end wakes the lane
}

// begin starts the attempts that the endpoint's settings, as they are now, leave room for. The others are given back.
func (l *lane) begin(claims store.Claims, places []place) (begun int) {
	begun = min(len(claims.Claimed), max(l.endpoint.MaxInFlight-l.inFlight, 0))
	l.limiter.ReserveN(l.d.opt.Now(), begun) // allowed: room has asked
	for i, c := range claims.Claimed[:begun] {
		l.inFlight++
		l.ownTaken = l.ownTaken || places[i] == ownPlace
		l.d.running.Add(1) // the lane itself is counted, so the count is above 0
		go l.attempt(claims, c, places[i])
	}
	for _, c := range claims.Claimed[begun:] {
		l.release(c, l.d.now())
	}
	return begun
}

// takePlaces takes up to n places, the lane's own first.
func (l *lane) takePlaces(n int) (places []place) {
	shared := l.inFlight
	if l.ownTaken {
		shared--
	} else {
		places, n = append(places, ownPlace), n-1
	}
	for range l.d.gate.take(l.key.tenant, shared, n) {
		places = append(places, sharedPlace)
	}
	return places
}

func (l *lane) givePlaces(places []place) {
	for _, p := range places {
		if p == sharedPlace {
			l.d.gate.give(l.key.tenant, 1)
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
	most := max(min(l.endpoint.MaxInFlight, l.window), 1) // before the first claim: 1
	n = min(most-l.inFlight, claimBatch)
	if n <= 0 {
		return 0, forever // the end of an attempt wakes the lane
	}
	if limit := l.limiter.Limit(); limit != rate.Inf {
		tokens := l.limiter.TokensAt(l.d.opt.Now())
		if tokens < 1 {
			return 0, time.Duration((1-tokens)/float64(limit)*float64(time.Second)) + time.Millisecond // never none
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
		limit, burst = rate.Limit(e.RatePerSecond), int(math.Ceil(e.RatePerSecond/10)) // a tenth of a second's worth at once
	}
	if l.limiter.Limit() != limit {
		l.limiter.SetLimitAt(l.d.opt.Now(), limit)
		l.limiter.SetBurstAt(l.d.opt.Now(), burst)
	}
}
