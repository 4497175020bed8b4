package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// attempt makes one attempt and records it.
func (l *lane) attempt(claims store.Claims, c store.Claimed, p place) {
	ok := false
	defer l.d.running.Done()
	defer func() {
		l.givePlaces([]place{p})
		l.done <- attemptEnd{p, ok}
	}()
	d := l.d
	started := d.opt.Now()
	if left := c.Delivery.LeasedUntil.Time().Sub(started); left < time.Duration(claims.Endpoint.TimeoutMS)*time.Millisecond {
		l.release(c, d.now()) // the process stood still: by its end another might hold the lease
		return
	}
	attempt, header, fault := d.sendInTime(d.live, message{
		endpoint: claims.Endpoint, secrets: claims.Secrets, id: string(c.Event.ID), delivery: c.Delivery.ID, attempt: c.Delivery.Attempts + 1,
		typ: c.Event.Type, source: c.Event.Source, payload: c.Event.Payload,
	}, l.ids(c))
	switch {
	case d.live.Err() != nil && !attempt.OK(): // cut at the end of the program: nobody's fault
		l.release(c, d.now())
		return
	case fault != nil: // nothing was sent, so nothing was attempted
		d.opt.Log.Error("delivery: a fault of this server kept an attempt from being made; look at its limits", append(l.ids(c), "cause", fault)...)
		l.release(c, apier.TimestampOf(d.opt.Now().Add(lackPause)))
		return
	}
	ok = attempt.OK()
	verdict := decide(claims.Endpoint, c.Delivery, attempt, header, policy{now: d.opt.Now(), disableAfter: d.opt.DisableAfter, random: randomShare})
	verdict.URL = claims.Endpoint.URL
	d.opt.Observe(Outcome{Kind: attempt.ErrorKind, Duration: d.opt.Now().Sub(started), Waited: started.Sub(c.DueAt.Time())})
	switch finished, recorded := l.finish(c, attempt, verdict); {
	case !recorded:
	case finished.Status != verdict.Status:
		d.opt.Log.Info("delivery: failed at an address that the endpoint no longer has; it goes to the new one", append(l.ids(c), "status", attempt.StatusCode, "cause", attempt.ErrorMessage)...)
	default:
		l.log(c, attempt, verdict)
	}
}

// recordAfter is the time for outcomes to be recorded after attempts were told to end.
const recordAfter = 2 * time.Second

// lackPause is the wait after this server lacked something.
const lackPause = 5 * time.Second

// finish records an attempt, and tries to for as long as the lease holds: what is not recorded is sent again.
func (l *lane) finish(c store.Claimed, attempt apier.Attempt, verdict store.Verdict) (finished apier.Delivery, recorded bool) {
	ctx, cancel := l.d.recording(c.Delivery.LeasedUntil.Time().Sub(l.d.opt.Now()))
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		finished, err := l.d.store.Finish(ctx, l.key.tenant, c, attempt, verdict)
		if err == nil {
			return finished, true
		}
		var known *apier.Error
		if errors.As(err, &known) && (known.Code == apier.CodeConflict || known.Code == apier.CodeNotFound) {
			l.d.opt.Log.Info("delivery: an outcome came too late to count", append(l.ids(c), "status", attempt.StatusCode, "cause", err)...)
			return finished, false
		}
		select {
		case <-ctx.Done():
			l.d.opt.Log.Error("delivery: an outcome was not recorded; the event is sent again", append(l.ids(c), "status", attempt.StatusCode, "cause", err)...)
			return finished, false
		case <-time.After(pause):
		}
	}
}

// recording returns a context for what is to be written down: for a time, and no longer than recordAfter once the attempts
// under way were told to end, so that a store which does not answer holds up no shutdown.
func (d *Dispatcher) recording(atMost time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.live), atMost)
	stop := context.AfterFunc(d.live, func() { time.AfterFunc(recordAfter, cancel) })
	return ctx, func() { stop(); cancel() }
}

// release gives a claim back without an attempt. Where that fails, its lease runs out.
func (l *lane) release(c store.Claimed, at apier.Timestamp) {
	ctx, cancel := l.d.recording(leaseMargin)
	defer cancel()
	if err := l.d.store.Release(ctx, l.key.tenant, c, at); err != nil {
		l.d.opt.Log.Error("delivery: cannot be given back; its lease will run out", append(l.ids(c), "cause", err)...)
	}
}

func (l *lane) ids(c store.Claimed) []any {
	return []any{"tenant", l.key.tenant, "endpoint", l.key.endpoint, "event", c.Event.ID, "delivery", c.Delivery.ID, "attempt", c.Delivery.Attempts + 1}
}

func (l *lane) log(c store.Claimed, a apier.Attempt, v store.Verdict) {
	ids := append(l.ids(c), "kind", a.ErrorKind, "status", a.StatusCode)
	log := l.d.opt.Log
	switch {
	case a.OK() && v.DisableReason == "":
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
