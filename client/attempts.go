package client

import "github.com/apier/apier"

// immediateGap is between two attempts that no backoff keeps apart, in milliseconds.
const immediateGap = 1000

// startSeries begins to dial with a fresh count, gap milliseconds after the last attempt at the soonest.
func (d *draft) startSeries(gap int64) {
	state, reason := Connecting, TokenConnect
	if d.state == Connected || d.state == Reconnecting {
		state, reason = Reconnecting, TokenReconnect
	}
	d.halted = haltNone
	d.attempt = 0
	d.tokenRefused = false
	d.show(state, d.err)
	d.dialSoon(gap, reason)
}

func (d *draft) dialSoon(gap int64, reason TokenReason) {
	d.reason = reason
	if wait := max(d.dialledAt+instant(gap), d.advisedUntil) - d.machine.now; wait > 0 {
		d.dialAfter(int64(wait))
	} else {
		d.dial()
	}
}

func (d *draft) dialAfter(delay int64) {
	d.delay = delay
	d.due[dueRetry] = d.machine.now + instant(delay)
}

func (d *draft) dial() {
	now := d.machine.now
	d.due[dueRetry] = never
	d.advisedUntil = past
	d.dialledAt = now
	d.link = linkDialling
	d.due[dueConnect] = now + instant(d.connectTimeout)
	d.effects = append(d.effects, effect{kind: doDial, reason: d.reason})
}

// lost decides, of a link that is gone or not to be trusted, whether, when and with what to try again.
func (d *draft) lost(err *ConnectionError, decision closeDecision, code apier.CloseCode, newToken bool) {
	advice := d.advice
	if decision.retryAfter != noAdvice {
		advice = decision.retryAfter
	}
	wasReady := d.drop(code)
	switch {
	case decision.refreshToken:
		d.retryWithNewToken(err, newToken)
	case !decision.retry:
		d.stop(haltError, err)
	default:
		d.retry(err, advice)
	}
	d.tellClosedIf(wasReady)
}

func (d *draft) retryWithNewToken(err *ConnectionError, newToken bool) {
	if d.tokenRefused || !newToken || !d.reconnect {
		d.stop(haltError, err)
		return
	}
	d.tokenRefused = true
	d.show(Reconnecting, err)
	d.dialSoon(immediateGap, TokenUnauthorized)
}

func (d *draft) retry(err *ConnectionError, advice int64) {
	if !d.reconnect {
		d.stop(haltStopped, err)
		return
	}
	if d.maxAttempts >= 0 && d.attempt >= d.maxAttempts {
		d.stop(haltExhausted, exhaustedError(d.attempt, err))
		return
	}
	delay := advice
	if advice == noAdvice {
		delay = backoffDelay(d.attempt, d.initialDelay, d.maxDelay, d.jitter, d.random())
	}
	d.attempt++
	d.reason = TokenReconnect
	d.show(Reconnecting, err)
	d.dialAfter(delay)
	if advice != noAdvice {
		d.advisedUntil = d.machine.now + instant(advice)
	}
}

func (d *draft) stop(why halt, err *ConnectionError) {
	d.halted = why
	state := Disconnected
	if why == haltError {
		state = Stopped
	}
	d.show(state, err)
}

// giveUp wants no connection, and leaves nothing of the one there was.
func (d *draft) giveUp() {
	d.wanted = false
	d.halted = haltNone
	wasReady := d.drop(closeNormal)
	d.attempt = 0
	d.advisedUntil = past
	d.session = false
	d.show(Disconnected, nil)
	d.tellClosedIf(wasReady)
}

// drop lets go of link and deadlines; it reports whether the link was usable.
func (d *draft) drop(code apier.CloseCode) bool {
	wasReady := d.link == linkReady
	if d.link != linkNone {
		d.effects = append(d.effects, effect{kind: doDrop, code: code})
	}
	d.link = linkNone
	d.clearDue()
	d.advice = noAdvice
	return wasReady
}

func (d *draft) tellClosedIf(wasReady bool) {
	if wasReady {
		d.effects = append(d.effects, effect{kind: tellClosed})
	}
}

func (d *draft) show(state State, err *ConnectionError) {
	d.state, d.delay, d.err = state, 0, err
}
