package client

import "math"

// Jitter says how the wait before an attempt is spread.
type Jitter uint8

const (
	// JitterGuide adds up to a second to the wait. It is the default.
	JitterGuide Jitter = iota
	// JitterFull takes anything from nothing to the whole wait, which spreads a crowd of clients best.
	JitterFull
)

// backoffDelay gives the wait before reconnecting, in whole milliseconds:
// min(maxDelay, initial · 2^attempt) + random · 1000. attempt counts from 0, 0 ≤ random < 1.
func backoffDelay(attempt int, initial, maxDelay int64, jitter Jitter, random float64) int64 {
	delay := math.Min(float64(maxDelay), float64(initial)*math.Pow(2, float64(attempt)))
	if jitter == JitterFull {
		return roundHalfUp(delay * random)
	}
	return roundHalfUp(delay + 1000*random)
}

func roundHalfUp(x float64) int64 { return int64(math.Floor(x + 0.5)) }
