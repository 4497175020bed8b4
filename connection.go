package apier

// FormatConnectionID gives the public form of the 16 bytes of a UUID.
func FormatConnectionID(uuid [16]byte) string { return formatID("conn_", uuid) }

// Connection is one open WebSocket, as operators see it.
type Connection struct {
	ID            string    `json:"id"` // conn_…, sorts by age
	User          string    `json:"user"`
	Address       string    `json:"address"`
	Client        string    `json:"client"`  // its User-Agent, at most MaxClientName bytes
	Dialect       string    `json:"dialect"` // plain or v1
	ConnectedAt   Timestamp `json:"connected_at"`
	Subscriptions []string  `json:"subscriptions"`
	Seq           Seq       `json:"seq"`         // what it has been sent up to
	Lag           int64     `json:"lag"`         // how far the head is beyond that, in seqs
	QueueBytes    int64     `json:"queue_bytes"` // waiting for its socket
	RTTMS         *int64    `json:"rtt_ms"`      // of the latest ping; nil: none yet
	SentFrames    uint64    `json:"sent_frames"`
	SentBytes     uint64    `json:"sent_bytes"`
}

// MaxClientName bounds the User-Agent that is kept of a connection, bytes.
const MaxClientName = 120

// ConnectionFilter asks for a page of the open connections.
type ConnectionFilter struct {
	User          string // "": of anybody
	StartingAfter string // an ID, of one that may be closed by now; "": from the oldest
	Limit         int
}
