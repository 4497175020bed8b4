package client

// stableAfter is how long a connection must last, in milliseconds, before the attempts start from 0 again.
const stableAfter = 5000

// draft is a step under way: the machine it may change, and what it asks to be done.
type draft struct {
	world
	machine
	effects []effect
}

// step takes an event in and gives state and effects out; it looks at nothing else.
func step(before machine, e event, w world) (machine, []effect) {
	d := draft{world: w, machine: before}
	d.setClock()
	d.transition(e)
	return d.machine, d.effects
}

// setClock keeps what was to come in five seconds in five, where the clock was set back.
func (d *draft) setClock() {
	now := d.world.now
	back := now - d.machine.now
	d.machine.now = now
	if back >= 0 {
		return
	}
	for i, at := range d.due {
		if at != never {
			d.due[i] = at + back
		}
	}
	d.dialledAt += back
	d.heardAt += back
	d.askedAt += back
	d.advisedUntil += back
}

func (d *draft) transition(e event) {
	switch e := e.(type) {
	case evConnect:
		d.connect()
	case evReconnect:
		d.reconnectNow()
	case evDisconnect:
		d.giveUp()
	case evToken:
		if d.halted == haltError || d.halted == haltExhausted {
			d.startSeries(immediateGap)
		}
	case evOpened:
		d.link = linkOpen
	case evSession:
		d.greeted(e.resumed)
	case evHeard:
		d.heard()
	case evAdvice:
		d.advice = e.ms
	case evClosed:
		decision := decideClose(e.code, e.reason)
		d.lost(closeError(e.code, decision, e.cause), decision, closeNormal, e.newToken)
	case evNoToken:
		d.lost(noTokenError(e.cause), plainRetry(), closeNormal, false)
	case evSignal:
		d.signal(e.signal)
	case evTick:
		d.tick()
	}
}

func (d *draft) connect() {
	if d.wanted && d.halted == haltNone {
		return
	}
	d.wanted = true
	d.startSeries(0)
}

func (d *draft) reconnectNow() {
	// A second call within the second would only undo the first.
	if d.link != linkNone && d.link != linkReady && d.machine.now-d.dialledAt < immediateGap {
		return
	}
	d.wanted = true
	wasReady := d.drop(closeReplaced)
	d.advisedUntil = past
	d.startSeries(immediateGap)
	d.tellClosedIf(wasReady)
}

func (d *draft) greeted(resumed bool) {
	d.tokenRefused = false
	d.session, d.resumed = true, resumed
	if d.link == linkReady {
		return
	}
	now := d.machine.now
	d.link = linkReady
	d.due[dueConnect] = never
	d.due[dueStable] = now + stableAfter
	d.heardAt = now
	if !d.hidden {
		d.startBeating()
	}
	d.state, d.err, d.delay = Connected, nil, 0
	d.effects = append(d.effects, effect{kind: tellReady})
	d.wasReady = true
}

func (d *draft) tick() {
	for name, at := d.next(); at <= d.machine.now; name, at = d.next() {
		d.due[name] = never
		d.fire(name)
	}
}

func (d *draft) fire(name deadline) {
	switch name {
	case dueRetry:
		d.dial()
	case dueConnect:
		d.lost(timeoutError(), plainRetry(), closeConnectTimeout, false)
	case dueStable:
		d.attempt = 0
		d.tokenRefused = false
	case duePing:
		d.due[duePing] = d.machine.now + instant(d.heartbeatInterval)
		d.probe()
	case duePong:
		if d.deadlinePassed() {
			d.lost(heartbeatError(), plainRetry(), closeHeartbeatTimeout, false)
		}
	}
}

func (d *draft) signal(s Signal) {
	if !d.wanted {
		return
	}
	switch s {
	case Hidden:
		d.stopBeating()
	case Offline:
		// Offline does not mean dead: a connection may outlive a change of network.
		if d.link == linkReady {
			d.probe()
		}
	case Suspend:
		d.suspend()
	case Wake:
		d.wake()
	}
}

func (d *draft) suspend() {
	if d.halted != haltNone {
		return
	}
	wasReady := d.drop(closeNormal)
	d.show(Reconnecting, d.err)
	d.tellClosedIf(wasReady)
}

func (d *draft) wake() {
	if d.halted == haltError || d.halted == haltStopped {
		return
	}
	if d.link == linkReady {
		if !d.hidden {
			d.startBeating()
		}
		return
	}
	if d.link != linkNone && d.machine.now-d.dialledAt <= instant(d.connectTimeout) {
		return
	}
	d.drop(closeConnectTimeout)
	d.startSeries(immediateGap)
}
