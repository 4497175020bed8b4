package apier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Limits on an event. Sizes are in bytes.
const (
	MaxTypeSize    = 128
	MaxSourceSize  = 128
	MaxPayloadSize = 256 << 10 // the default; --max-payload-bytes changes it
	MaxBatch       = 1000      // events in one batch
)

// Seq is a position in the change log of a tenant: it grows in commit order and is never reused. Gaps are normal. Seqs of
// two tenants have nothing to do with each other.
type Seq int64

// Status is where an event stands on its way to its receivers.
type Status string

// The statuses of an event.
const (
	StatusPending   Status = "pending"   // waiting in the inbox, or being delivered
	StatusDelivered Status = "delivered" // acknowledged, or delivered to every endpoint
	StatusFailed    Status = "failed"    // one endpoint has given up
)

// Valid reports whether s is one of the three statuses.
func (s Status) Valid() bool {
	return s == StatusPending || s == StatusDelivered || s == StatusFailed
}

// NewEvent is what a sender hands in.
type NewEvent struct {
	Type    string          `json:"type"`    // 1–128 of [A-Za-z0-9._-], by custom noun.verb
	Source  string          `json:"source"`  // 1–128 bytes of printable UTF-8
	Payload json.RawMessage `json:"payload"` // a JSON object, kept byte for byte
}

// Event is what the store keeps. Its JSON is that of the REST API: what is absent is null there.
type Event struct {
	ID                  EventID         `json:"id"`
	Type                string          `json:"type"`
	Source              string          `json:"source"`
	Payload             json.RawMessage `json:"payload"`
	Status              Status          `json:"status"`
	CreatedAt           Timestamp       `json:"created_at"`
	UpdatedAt           Timestamp       `json:"updated_at"`
	DeliveryAttempts    int             `json:"delivery_attempts"`
	LastDeliveryAttempt Timestamp       `json:"last_delivery_attempt"` // 0: never
	DeliveryLatencyMS   int64           `json:"delivery_latency_ms"`   // created → delivered, milliseconds; -1: not delivered
	ErrorMessage        string          `json:"error_message"`         // of the latest failure; "": none
	PayloadProblem      string          `json:"payload_problem"`       // why Payload is left out of pages and frames; "": it is not
	Erased              bool            `json:"erased"`                // the payload was taken for good: {} stands in its place
	Seq                 Seq             `json:"seq"`                   // of its latest change
}

// ChangeKind says what happened to an event.
type ChangeKind uint8

// The kinds of change.
const (
	Created ChangeKind = iota + 1
	Updated
	Deleted
	DeliveryChanged // Delivery is set; Event names the event by ID and Type
	EndpointChanged // Endpoint is set, or Gone
	RecoveryChanged // Recovery is set
	WebhookReceived // Webhook is set
)

// Change is one committed step: what changed, as it is right after, and the Seq it was given. The Event of a Deleted
// change has only ID, Type, Seq, and UpdatedAt as the time of the deletion.
type Change struct {
	Tenant         TenantID
	Seq            Seq
	At             Timestamp
	Kind           ChangeKind
	PreviousStatus Status // of Updated, where known
	Event          Event
	Delivery       *Delivery // never changed once announced
	Endpoint       *Endpoint // nil in EndpointChanged with Gone set: it was deleted
	Recovery       *Recovery
	Webhook        *Webhook
	Gone           EndpointID // of EndpointChanged: the endpoint that was deleted
	Routed         bool       // the event is pending for endpoints, so the inbox does not have it; set where it is announced
}

// EventChange returns the change that left an event so.
func EventChange(tenant TenantID, kind ChangeKind, e Event) Change {
	return Change{Tenant: tenant, Seq: e.Seq, At: e.UpdatedAt, Kind: kind, Event: e}
}

// IsEvent reports whether it is an event that changed, and not a delivery, endpoint or recovery.
func (c *Change) IsEvent() bool { return c.Kind <= Deleted }

// PayloadLimits bound a payload that comes in; 0 means no limit.
type PayloadLimits struct {
	Bytes int
	Depth int // levels, see Depth
}

// Validate returns every field at fault; nil means the event can be stored.
func (e NewEvent) Validate(limits PayloadLimits) []FieldError {
	var faults []FieldError
	if reason := typeFault(e.Type); reason != "" {
		faults = append(faults, FieldError{"type", reason})
	}
	if reason := sourceFault(e.Source); reason != "" {
		faults = append(faults, FieldError{"source", reason})
	}
	if reason := payloadFault(e.Payload, limits); reason != "" {
		faults = append(faults, FieldError{"payload", reason})
	}
	return faults
}

func typeFault(s string) string {
	switch {
	case s == "":
		return "is required: a name such as order.created"
	case len(s) > MaxTypeSize:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(s), MaxTypeSize)
	}
	for _, c := range s {
		if !isTypeRune(c) {
			return fmt.Sprintf("contains %q; allowed are letters, digits, '.', '_' and '-'", c)
		}
	}
	return ""
}

func isTypeRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

func sourceFault(s string) string {
	if s == "" {
		return "is required: the name of the sending system, such as shop"
	}
	return NameProblem(s, MaxSourceSize)
}

func payloadFault(p json.RawMessage, limits PayloadLimits) string {
	trimmed := bytes.TrimLeft(p, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return "is required: a JSON object, {} at least"
	case trimmed[0] != '{':
		return "must be a JSON object"
	case limits.Bytes > 0 && len(p) > limits.Bytes:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(p), limits.Bytes)
	case IsDeeper(p, limits.Depth):
		return DepthProblem(p, limits.Depth)
	}
	return ""
}

// AppendJSON appends the event as the REST API shows it in pages, the payload byte for byte (which
// encoding/json would not keep). A payload with a problem is left out: {} stands in its place.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = e.appendHead(dst)
	dst = e.appendPayload(dst)
	dst = e.appendErased(dst)
	dst = append(dst, `,"created_at":`...)
	dst = e.CreatedAt.AppendJSON(dst)
	dst = append(dst, ',')
	dst = e.appendMutable(dst, "")
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendInt(dst, int64(e.Seq), 10)
	return append(dst, '}')
}

// MarshalJSON gives what AppendJSON appends; encoding/json takes the space out of the payload.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Payload == nil {
		e.Payload = json.RawMessage("null")
	}
	return e.AppendJSON(nil), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Event) UnmarshalJSON(b []byte) error {
	type plain Event // without this method
	read := plain{DeliveryLatencyMS: -1}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	if *e = Event(read); string(e.Payload) == "null" {
		e.Payload = nil
	}
	return nil
}

func (e *Event) appendHead(dst []byte) []byte {
	dst = append(dst, `"id":"`...)
	dst = append(dst, e.ID...)
	dst = append(dst, `","type":`...)
	dst = appendString(dst, e.Type)
	dst = append(dst, `,"source":`...)
	return appendString(dst, e.Source)
}

// appendPayload appends the payload, or what stands in its place.
func (e *Event) appendPayload(dst []byte) []byte {
	dst = append(dst, `,"payload":`...)
	if e.PayloadProblem == "" {
		return append(dst, e.Payload...)
	}
	return appendString(append(dst, `{},"payload_problem":`...), e.PayloadProblem)
}

// AppendWhole appends the event as AppendJSON does, and the payload as it is, whatever its problem: for an
// answer that holds this event alone.
func (e *Event) AppendWhole(dst []byte) []byte {
	if e.PayloadProblem == "" {
		return e.AppendJSON(dst)
	}
	whole := *e
	whole.PayloadProblem = ""
	dst = whole.AppendJSON(dst)
	dst = append(dst[:len(dst)-1], `,"payload_problem":`...)
	return append(appendString(dst, e.PayloadProblem), '}')
}

// appendErased appends erased, of events that are.
func (e *Event) appendErased(dst []byte) []byte {
	if e.Erased {
		dst = append(dst, `,"erased":true`...)
	}
	return dst
}

// appendMutable appends the whole mutable state, absent values as null, so that applying it twice or
// skipping an earlier one is harmless.
func (e *Event) appendMutable(dst []byte, previous Status) []byte {
	dst = append(dst, `"status":"`...)
	dst = append(dst, e.Status...)
	dst = append(dst, '"')
	if previous != "" {
		dst = append(dst, `,"previous_status":"`...)
		dst = append(dst, previous...)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"delivery_attempts":`...)
	dst = strconv.AppendInt(dst, int64(e.DeliveryAttempts), 10)
	dst = append(dst, `,"last_delivery_attempt":`...)
	if e.LastDeliveryAttempt == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = e.LastDeliveryAttempt.AppendJSON(dst)
	}
	dst = e.appendLatency(dst)
	dst = append(dst, `,"error_message":`...)
	if e.ErrorMessage == "" {
		dst = append(dst, "null"...)
	} else {
		dst = appendString(dst, e.ErrorMessage)
	}
	dst = append(dst, `,"updated_at":`...)
	return e.UpdatedAt.AppendJSON(dst)
}

// appendGuide appends the mutable state as the plain dialect has it: the members that the guide names, and no other.
func (e *Event) appendGuide(dst []byte) []byte {
	dst = append(dst, `"status":"`...)
	dst = append(append(dst, e.Status...), '"')
	dst = append(e.appendLatency(dst), `,"updated_at":`...)
	return e.UpdatedAt.AppendJSON(dst)
}

func (e *Event) appendLatency(dst []byte) []byte {
	dst = append(dst, `,"delivery_latency_ms":`...)
	if e.DeliveryLatencyMS < 0 {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, e.DeliveryLatencyMS, 10)
}

// appendString appends s as a JSON string; plain ASCII, the usual case, without a detour.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
