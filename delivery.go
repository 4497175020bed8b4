package apier

import (
	"encoding/json"
	"slices"
	"strings"
)

// DeliveryID is "dlv_" and 26 characters.
type DeliveryID string

// DeliveryStatus says where one event stands on its way to one endpoint.
type DeliveryStatus string

// The statuses of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"   // an attempt is due, under way or waits for its time
	DeliveryDelivered DeliveryStatus = "delivered" // the endpoint answered 2xx
	DeliveryFailed    DeliveryStatus = "failed"    // given up
	DeliveryCanceled  DeliveryStatus = "canceled"  // its endpoint or event was deleted, or the event was acknowledged by hand
)

// Valid reports whether s is one of the statuses.
func (s DeliveryStatus) Valid() bool {
	return s == DeliveryPending || s == DeliveryDelivered || s == DeliveryFailed || s == DeliveryCanceled
}

// ErrorKind says in which step an attempt failed, and so whose fault it most likely is.
type ErrorKind string

// The kinds of failure.
const (
	ErrorDNS      ErrorKind = "dns"       // the host's name has no address
	ErrorConnect  ErrorKind = "connect"   // no TCP connection
	ErrorTLS      ErrorKind = "tls"       // no TLS session: most often the certificate
	ErrorTimeout  ErrorKind = "timeout"   // no answer in time
	ErrorHTTP4xx  ErrorKind = "http_4xx"  // the receiver refuses
	ErrorHTTP5xx  ErrorKind = "http_5xx"  // the receiver has a fault
	ErrorRedirect ErrorKind = "redirect"  // 3xx, which is not followed
	ErrorBlocked  ErrorKind = "blocked"   // the address is inside a network that webhooks must not reach
	ErrorTooLarge ErrorKind = "too_large" // the answer's header or body is larger than is read
	ErrorProtocol ErrorKind = "protocol"  // the answer is not HTTP
	ErrorInternal ErrorKind = "internal"  // our fault: the endpoint is not blamed
)

func errorKinds() []string {
	return []string{
		string(ErrorDNS), string(ErrorConnect), string(ErrorTLS), string(ErrorTimeout), string(ErrorHTTP4xx), string(ErrorHTTP5xx),
		string(ErrorRedirect), string(ErrorBlocked), string(ErrorTooLarge), string(ErrorProtocol), string(ErrorInternal),
	}
}

// ErrorKinds lists them, for people.
func ErrorKinds() string { return strings.Join(errorKinds(), ", ") }

// Valid reports whether k is one of the kinds.
func (k ErrorKind) Valid() bool { return slices.Contains(errorKinds(), string(k)) }

// Delivery is one event on its way to one endpoint. It exists before its first attempt.
type Delivery struct {
	ID           DeliveryID     `json:"id"`
	EventID      EventID        `json:"event_id"`
	EventType    string         `json:"event_type"`
	EndpointID   EndpointID     `json:"endpoint_id"`
	Status       DeliveryStatus `json:"status"`
	Attempts     int            `json:"attempts"`     // made, all in all
	Tries        int            `json:"-"`            // made since it was last begun anew: what the retry schedule counts
	DueAt        Timestamp      `json:"due_at"`       // of the next attempt; 0: final, or blocked by another
	LeasedUntil  Timestamp      `json:"leased_until"` // an attempt is under way, until then at most; 0: none is
	OrderKey     string         `json:"order_key"`    // value of the endpoint's order key; "": no order
	BlockedBy    EventID        `json:"blocked_by"`   // order: the event that goes first; "": none, or not known
	StatusCode   int            `json:"status_code"`  // of the latest attempt; 0: no answer
	ErrorKind    ErrorKind      `json:"error_kind"`   // of the latest attempt; "": it did not fail
	ErrorMessage string         `json:"error_message"`
	CreatedAt    Timestamp      `json:"created_at"`
	UpdatedAt    Timestamp      `json:"updated_at"`
	Seq          Seq            `json:"seq"` // of its latest change
}

// Attempt is one HTTP request of a delivery. Durations are milliseconds. A step that was not needed or not reached has 0
// here and null in JSON.
type Attempt struct {
	Number            int               `json:"number"`
	StartedAt         Timestamp         `json:"started_at"`
	DurationMS        float64           `json:"duration_ms"`
	DNSMS             float64           `json:"dns_ms"`
	ConnectMS         float64           `json:"connect_ms"`
	TLSMS             float64           `json:"tls_ms"`
	TTFBMS            float64           `json:"ttfb_ms"` // from the start to the first byte of the answer
	StatusCode        int               `json:"status_code"`
	ErrorKind         ErrorKind         `json:"error_kind"`
	ErrorMessage      string            `json:"error_message"`
	RequestHeaders    map[string]string `json:"request_headers"`
	ResponseHeaders   map[string]string `json:"response_headers"`
	ResponseBody      []byte            `json:"-"` // its first MaxResponseBody bytes
	ResponseTruncated bool              `json:"response_truncated"`
	NextAttemptAt     Timestamp         `json:"next_attempt_at"` // 0: none follows
}

// MaxResponseBody is how much of a receiver's answer is kept, bytes.
const MaxResponseBody = 16 << 10

// OK reports whether the receiver has taken the event.
func (a Attempt) OK() bool { return a.ErrorKind == "" }

// RecoveryKind says what a recovery sends again.
type RecoveryKind string

// The kinds of recovery.
const (
	RecoverFailed RecoveryKind = "retry_failed" // deliveries that the endpoint gave up
	RecoverReplay RecoveryKind = "replay"       // events that the endpoint has not had
)

// RecoveryStatus says how far a recovery is.
type RecoveryStatus string

// The statuses of a recovery.
const (
	RecoveryRunning RecoveryStatus = "running"
	RecoveryDone    RecoveryStatus = "done"
	RecoveryStopped RecoveryStatus = "stopped"
)

// Recovery sends many deliveries again, at a rate.
type Recovery struct {
	ID               string         `json:"id"` // rec_…
	Kind             RecoveryKind   `json:"kind"`
	EndpointID       EndpointID     `json:"endpoint_id"`
	SourceEndpointID EndpointID     `json:"source_endpoint_id"` // of replay: whose events; "": all that match the endpoint
	Since            Timestamp      `json:"since"`              // of retry_failed: given up since; of replay: created since
	Until            Timestamp      `json:"until"`
	Types            []string       `json:"types"` // globs; empty: every type
	RatePerSecond    float64        `json:"rate_per_second"`
	Total            int64          `json:"total"`
	Done             int64          `json:"done"`
	Status           RecoveryStatus `json:"status"`
	CreatedAt        Timestamp      `json:"created_at"`
	UpdatedAt        Timestamp      `json:"updated_at"`
	Seq              Seq            `json:"seq"`
}

// FormatEndpointID gives the public form of the 16 bytes of a UUID.
func FormatEndpointID(uuid [16]byte) EndpointID { return EndpointID(formatID("ep_", uuid)) }

// ParseEndpointID gives the 16 bytes behind an id, and false where it is none.
func ParseEndpointID(id EndpointID) (uuid [16]byte, ok bool) { return parseID("ep_", string(id)) }

// FormatDeliveryID gives the public form of 16 bytes.
func FormatDeliveryID(raw [16]byte) DeliveryID { return DeliveryID(formatID("dlv_", raw)) }

// ParseDeliveryID gives the 16 bytes behind an id, and false where it is none.
func ParseDeliveryID(id DeliveryID) (raw [16]byte, ok bool) { return parseID("dlv_", string(id)) }

// MarshalJSON gives an absent time, word or code as null.
func (d Delivery) MarshalJSON() ([]byte, error) {
	type plain Delivery // without this method
	return json.Marshal(struct {
		plain
		DueAt        *Timestamp `json:"due_at"`
		LeasedUntil  *Timestamp `json:"leased_until"`
		OrderKey     *string    `json:"order_key"`
		BlockedBy    *EventID   `json:"blocked_by"`
		StatusCode   *int       `json:"status_code"`
		ErrorKind    *ErrorKind `json:"error_kind"`
		ErrorMessage *string    `json:"error_message"`
	}{
		plain(d), orNull(d.DueAt), orNull(d.LeasedUntil), orNull(d.OrderKey), orNull(d.BlockedBy), orNull(d.StatusCode),
		orNull(d.ErrorKind), orNull(d.ErrorMessage),
	})
}

// MarshalJSON gives an absent endpoint as null.
func (r Recovery) MarshalJSON() ([]byte, error) {
	type plain Recovery // without this method
	if r.Types == nil {
		r.Types = []string{}
	}
	return json.Marshal(struct {
		plain
		SourceEndpointID *EndpointID `json:"source_endpoint_id"`
	}{plain(r), orNull(r.SourceEndpointID)})
}

// MarshalJSON gives an absent time or word as null, and hides the values of headers.
func (e Endpoint) MarshalJSON() ([]byte, error) {
	type plain Endpoint // without this method
	e.Headers = HiddenHeaders(e.Headers)
	e.FilterProblem = FilterProblem(e.Filter)
	if len(e.Filter) == 0 {
		e.Filter = json.RawMessage("null")
	}
	return json.Marshal(struct {
		plain
		DisabledReason *string    `json:"disabled_reason"`
		HoldUntil      *Timestamp `json:"hold_until"`
		FailingSince   *Timestamp `json:"failing_since"`
		LastSuccessAt  *Timestamp `json:"last_success_at"`
		LastFailureAt  *Timestamp `json:"last_failure_at"`
		LastError      *string    `json:"last_error"`
	}{
		plain(e), orNull(e.DisabledReason), orNull(e.HoldUntil), orNull(e.FailingSince),
		orNull(e.LastSuccessAt), orNull(e.LastFailureAt), orNull(e.LastError),
	})
}

// MarshalJSON gives an absent time, word or code as null, the body as text, and hides the values of headers that the
// endpoint's settings gave.
func (a Attempt) MarshalJSON() ([]byte, error) {
	type plain Attempt // without this method
	a.RequestHeaders = sentHeaders(a.RequestHeaders)
	if a.ResponseHeaders == nil {
		a.ResponseHeaders = map[string]string{}
	}
	return json.Marshal(struct {
		plain
		DNSMS         *float64   `json:"dns_ms"`
		ConnectMS     *float64   `json:"connect_ms"`
		TLSMS         *float64   `json:"tls_ms"`
		TTFBMS        *float64   `json:"ttfb_ms"`
		StatusCode    *int       `json:"status_code"`
		ErrorKind     *ErrorKind `json:"error_kind"`
		ErrorMessage  *string    `json:"error_message"`
		ResponseBody  string     `json:"response_body"`
		NextAttemptAt *Timestamp `json:"next_attempt_at"`
	}{
		plain(a), orNull(a.DNSMS), orNull(a.ConnectMS), orNull(a.TLSMS), orNull(a.TTFBMS), orNull(a.StatusCode), orNull(a.ErrorKind), orNull(a.ErrorMessage),
		strings.ToValidUTF8(string(a.ResponseBody), "\uFFFD"), orNull(a.NextAttemptAt),
	})
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
