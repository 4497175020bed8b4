package client

// The deadline of a pong counts from the ping it belongs to, never from the last frame; any inbound frame
// clears it.

// startBeating begins, or goes on after stopBeating; it asks at once when nothing was heard for longer than
// the interval.
func (d *draft) startBeating() {
	if d.due[duePing] != never || d.heartbeatInterval <= 0 {
		return
	}
	now, interval := d.machine.now, instant(d.heartbeatInterval)
	d.due[duePing] = now + interval
	if now-d.heardAt > interval {
		d.probe()
	}
}

func (d *draft) stopBeating() { d.due[duePing], d.due[duePong] = never, never }

// probe asks now, unless an answer is already due.
func (d *draft) probe() {
	if d.due[duePong] != never || d.heartbeatInterval <= 0 {
		return
	}
	d.doubted = false
	d.ask()
}

func (d *draft) heard() {
	d.heardAt = d.machine.now
	d.due[duePong] = never
}

// deadlinePassed reports whether the link is dead. A deadline that passed much too late says that this
// machine slept, and that the pong may be waiting behind us: the link is asked once more.
func (d *draft) deadlinePassed() bool {
	if d.doubted || d.machine.now-d.askedAt < instant(2*d.heartbeatTimeout) {
		return true
	}
	d.doubted = true
	d.ask()
	return false
}

func (d *draft) ask() {
	d.askedAt = d.machine.now
	d.due[duePong] = d.machine.now + instant(d.heartbeatTimeout)
	d.effects = append(d.effects, effect{kind: doPing})
}
