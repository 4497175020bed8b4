package client

import (
	"math"
	"time"
)

// Level is how good a connection is, in a word.
type Level string

// The levels, best first.
const (
	Excellent Level = "excellent"
	Good      Level = "good"
	Fair      Level = "fair"
	Poor      Level = "poor"
)

// Quality holds the figures of a connection, measured by its heartbeat.
type Quality struct {
	Level       Level         // "": nothing measured yet, or no connection
	RTT         time.Duration // smoothed round trip (RFC 6298: 7/8 old + 1/8 new)
	Jitter      time.Duration // its smoothed deviation (3/4 old + 1/4 new)
	Measured    bool          // RTT and Jitter hold a measurement
	MissedPongs int           // of the last ten asked for
	LastFrameAt time.Time     // when anything came last; zero: nothing yet
}

// qualityLevel decides; milliseconds.
func qualityLevel(rtt, jitter float64, missed int) Level {
	switch {
	case missed == 0 && rtt <= 100 && jitter <= 50:
		return Excellent
	case missed == 0 && rtt <= 300 && jitter <= 150:
		return Good
	case missed <= 1 && rtt <= 1000:
		return Fair
	default:
		return Poor
	}
}

const (
	absurdRTT     = 60_000 // longer than any heartbeat takes: the machine slept, and nothing was measured
	qualityWindow = 10
)

// meter measures a connection by its heartbeat. Times are milliseconds.
type meter struct {
	level       Level
	rtt, jitter float64
	measured    bool
	asked       bool
	askedAt     instant
	answers     []bool // of the last ten pings
	heardAt     instant
}

func (m *meter) ask(now instant) { m.asked, m.askedAt = true, now }

// answered takes the pong.
func (m *meter) answered(now instant) {
	if !m.asked {
		return
	}
	m.asked = false
	sample := float64(now - m.askedAt)
	if sample < 0 || sample > absurdRTT {
		return
	}
	if m.measured {
		m.jitter = m.jitter*0.75 + math.Abs(m.rtt-sample)*0.25
		m.rtt = m.rtt*0.875 + sample*0.125
	} else {
		m.measured, m.rtt, m.jitter = true, sample, sample/2
	}
	m.note(true)
}

// missed says that a pong did not come in time.
func (m *meter) missed() { m.note(false) }

// connectionLost says that a ping of the link will not be answered, and that its level means nothing now.
func (m *meter) connectionLost() { m.asked, m.level = false, "" }

func (m *meter) note(answered bool) {
	if m.answers = append(m.answers, answered); len(m.answers) > qualityWindow {
		m.answers = m.answers[1:]
	}
	m.level = Poor
	if m.measured {
		m.level = qualityLevel(m.rtt, m.jitter, m.missedPongs())
	}
}

func (m *meter) missedPongs() int {
	n := 0
	for _, answered := range m.answers {
		if !answered {
			n++
		}
	}
	return n
}

func (m *meter) quality() Quality {
	q := Quality{
		Level: m.level, Measured: m.measured, MissedPongs: m.missedPongs(),
		RTT: time.Duration(m.rtt * float64(time.Millisecond)), Jitter: time.Duration(m.jitter * float64(time.Millisecond)),
	}
	if m.heardAt != 0 {
		q.LastFrameAt = m.heardAt.time()
	}
	return q
}
