package apier

import "encoding/json"

// OperationID is "opn_" and 26 characters, made as those of an EventID.
type OperationID string

// OperationKind says what an operation does to each event.
type OperationKind string

// OperationAcknowledge acknowledges by hand what is pending or has failed, as POST /api/inbox/{id}/ack does.
const OperationAcknowledge OperationKind = "acknowledge"

// Valid reports whether k is one of the kinds.
func (k OperationKind) Valid() bool { return k == OperationAcknowledge }

// OperationStatus says how far an operation is.
type OperationStatus string

// The statuses of an operation.
const (
	OperationRunning OperationStatus = "running"
	OperationDone    OperationStatus = "done"
	OperationStopped OperationStatus = "stopped"
)

// MaxOperationIDs bounds a selection by ids; more are selected by what they have in common.
const MaxOperationIDs = 1000

// OperationSelection says which events an operation is for: those of IDs, or those that GET /api/events lists for
// the other fields. Zero fields select every event.
type OperationSelection struct {
	IDs           []EventID `json:"ids"`
	Status        Status    `json:"status"`
	Types         []string  `json:"types"` // globs
	Source        string    `json:"source"`
	Search        string    `json:"search"`
	CreatedAfter  Timestamp `json:"created_after"`
	CreatedBefore Timestamp `json:"created_before"`
}

// MarshalJSON writes what is not given as null.
func (s OperationSelection) MarshalJSON() ([]byte, error) {
	type plain OperationSelection // without this method
	return json.Marshal(struct {
		plain
		Status        *Status    `json:"status"`
		Source        *string    `json:"source"`
		Search        *string    `json:"search"`
		CreatedAfter  *Timestamp `json:"created_after"`
		CreatedBefore *Timestamp `json:"created_before"`
	}{plain(s), orNull(s.Status), orNull(s.Source), orNull(s.Search), orNull(s.CreatedAfter), orNull(s.CreatedBefore)})
}

// Operation does one thing to all events of a selection, those that were stored before it began. The server does it
// in slices and goes on after a restart.
type Operation struct {
	ID        OperationID        `json:"id"`
	Kind      OperationKind      `json:"kind"`
	Selection OperationSelection `json:"selection"`
	Status    OperationStatus    `json:"status"`
	Total     int64              `json:"total"`   // events when it began
	Done      int64              `json:"done"`    // of those
	Skipped   int64              `json:"skipped"` // of those: gone, done by another, or leased to another
	CreatedAt Timestamp          `json:"created_at"`
	UpdatedAt Timestamp          `json:"updated_at"`
}

// FormatOperationID returns the public form of the 16 bytes of a UUID.
func FormatOperationID(uuid [16]byte) OperationID { return OperationID(formatID("opn_", uuid)) }

// ParseOperationID returns the 16 bytes behind id, and false where it is none.
func ParseOperationID(id OperationID) (uuid [16]byte, ok bool) { return parseID("opn_", string(id)) }
