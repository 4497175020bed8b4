package gateway

import "time"

// meter is the token bucket of a client's messages.
type meter struct {
	rate  float64 // tokens a second
	burst float64
	flood time.Duration

	tokens float64
	last   time.Time
	since  time.Time // over the rate without a pause since; zero: not over it
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

// take counts one message.
func (m *meter) take(now time.Time) verdict {
	if !m.last.IsZero() {
		m.tokens = min(m.burst, m.tokens+m.rate*now.Sub(m.last).Seconds())
	}
	// A client that keeps below its rate for a second has recovered: its bucket holds a second's worth.
	if m.tokens >= min(m.rate, m.burst) {
		m.since = time.Time{}
	}
	m.last = now
	if m.tokens >= 1 {
		m.tokens--
		return withinRate
	}
	if m.since.IsZero() {
		m.since = now
	}
	if now.Sub(m.since) >= m.flood {
		return flooding
	}
	return overRate
}
