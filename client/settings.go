package client

// settings are the options of a connection with every default in place; milliseconds.
type settings struct {
	reconnect         bool
	maxAttempts       int // < 0: no limit
	initialDelay      int64
	maxDelay          int64
	jitter            Jitter
	heartbeatInterval int64 // 0: never asks
	heartbeatTimeout  int64
	connectTimeout    int64
	baseSize          int // of an address without its query, bytes
	outbox            outboxLimits
}

func defaultSettings() settings {
	return settings{
		reconnect: true, maxAttempts: 10, initialDelay: 1000, maxDelay: 30_000,
		heartbeatInterval: 30_000, heartbeatTimeout: 5000, connectTimeout: 10_000,
		outbox: outboxLimits{messages: 32, bytes: 65_536, age: 60_000},
	}
}
