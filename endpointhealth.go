package apier

// EndpointHealth is how an endpoint does, in one word: the worst that is true.
type EndpointHealth string

// The words, the most urgent first.
const (
	HealthDisabled EndpointHealth = "disabled" // nothing is sent until somebody enables it
	HealthFailing  EndpointHealth = "failing"  // failuresToFail attempts in a row have failed
	HealthHolding  EndpointHealth = "holding"  // the breaker is open: no attempt before HoldUntil
	HealthLost     EndpointHealth = "lost"     // what failed last was given up, nothing is left to retry
	HealthRetrying EndpointHealth = "retrying" // the latest attempt has failed, another follows
	HealthPaused   EndpointHealth = "paused"   // by hand
	HealthHealthy  EndpointHealth = "healthy"  // the latest attempt has succeeded
	HealthIdle     EndpointHealth = "idle"     // nothing was sent yet
)

// FailuresToFail is how many failures in a row make an endpoint failing, and not only unlucky.
const FailuresToFail = 3

// EndpointHealths returns all words, the most urgent first.
func EndpointHealths() []EndpointHealth {
	return []EndpointHealth{
		HealthDisabled, HealthFailing, HealthHolding, HealthLost, HealthRetrying, HealthPaused, HealthHealthy, HealthIdle,
	}
}

// NeedsAttention reports whether waiting will not mend it, or nobody knows when.
func (h EndpointHealth) NeedsAttention() bool {
	return h == HealthDisabled || h == HealthFailing || h == HealthHolding || h == HealthLost
}

// Health returns the word for the endpoint at a time.
func (e Endpoint) Health(now Timestamp) EndpointHealth {
	switch {
	case e.Status == EndpointDisabled:
		return HealthDisabled
	case e.Status == EndpointPaused:
		return HealthPaused
	case e.HoldUntil > now:
		return HealthHolding
	case e.ConsecutiveFailures >= FailuresToFail:
		return HealthFailing
	case e.ConsecutiveFailures > 0 && e.Pending > 0:
		return HealthRetrying
	case e.ConsecutiveFailures > 0:
		return HealthLost
	case e.LastSuccessAt == 0:
		return HealthIdle
	default:
		return HealthHealthy
	}
}
