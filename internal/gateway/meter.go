package gateway

import "time"

// meter is the token bucket of a client's messages.
type meter struct {
	rate  float64 // tokens a second
	burst float64
	flood time.Duration

	tokens float64
	last   time.Duration // of a clock that never steps, as since
	since  time.Duration // over the rate without a pause since
	over   bool          // over the rate
}

type verdict uint8

const (
	withinRate verdict = iota
	overRate           // not to be handled
	flooding           // over the rate for too long: to be ended
)

func newMeter(o Options) meter {
	return meter{rate: o.MessagesPerSec, burst: float64(o.MessageBurst), flood: o.FloodTime, tokens: float64(o.MessageBurst)}
}

// take counts one message. now is of a clock that never steps.
func (m *meter) take(now time.Duration) verdict {
	m.tokens = min(m.burst, m.tokens+m.rate*(now-m.last).Seconds()) // full at first
	// A client that keeps below its rate for a second has recovered: its bucket holds a second's worth.
	if m.tokens >= min(m.rate, m.burst) {
		m.over = false
	}
	m.last = now
	if m.tokens >= 1 {
		m.tokens--
		return withinRate
	}
	if !m.over {
		m.over, m.since = true, now
	}
	if now-m.since >= m.flood {
		return flooding
	}
	return overRate
}

// charge takes more for a message that was let through and costs more than others. What is missing is owed.
func (m *meter) charge(tokens float64) { m.tokens -= tokens }

// wait returns how long it takes until the next message is within the rate, a millisecond at least.
func (m *meter) wait() time.Duration {
	missing := max(0, 1-m.tokens) / m.rate
	return max(time.Millisecond, time.Duration(missing*float64(time.Second)).Round(time.Millisecond))
}
