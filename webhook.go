package apier

import "encoding/json"

// WebhookID is "whk_" and 26 characters, like an EventID.
type WebhookID string

// WebhookIDPrefix starts every WebhookID.
const WebhookIDPrefix = "whk_"

// Webhook is what came to the receiver, POST /api/webhook: one line of its log. Of a sender that was not
// verified only the outlines are kept, never the body.
type Webhook struct {
	ID         WebhookID         `json:"id"`
	ReceivedAt Timestamp         `json:"received_at"`
	Verified   bool              `json:"verified"`
	StatusCode int               `json:"status_code"` // what the sender was answered
	Reason     string            `json:"reason"`      // of a refusal, for people; "": none
	EndpointID EndpointID        `json:"endpoint_id"` // whose secret signed it, or whom a refused sender named; "": a configured secret, or none named
	MessageID  string            `json:"webhook_id"`  // the header webhook-id: of our own endpoints, the event's id
	EventType  string            `json:"event_type"`  // the header apier-event-type; "": none
	Replayed   bool              `json:"replayed"`    // a verified one with this id came before
	Address    string            `json:"address"`     // of the sender
	Size       int               `json:"size"`        // of the body, bytes; of a body that was too large, what was read
	Headers    map[string]string `json:"headers"`     // without credentials
	Body       []byte            `json:"-"`           // the first MaxWebhookBody bytes
	Seq        Seq               `json:"seq"`
}

// MaxWebhookBody is how much of a webhook's body is kept, in bytes.
const MaxWebhookBody = 16 << 10

// Truncated reports whether only the beginning of the body was kept.
func (w *Webhook) Truncated() bool { return w.Verified && w.Size > len(w.Body) }

// MarshalJSON gives the webhook as the log and the frame show it. A body that is not UTF-8 is shown with U+FFFD
// in the place of what cannot be read.
func (w *Webhook) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID         WebhookID         `json:"id"`
		ReceivedAt Timestamp         `json:"received_at"`
		Verified   bool              `json:"verified"`
		StatusCode int               `json:"status_code"`
		Reason     *string           `json:"reason"`
		EndpointID *EndpointID       `json:"endpoint_id"`
		MessageID  *string           `json:"webhook_id"`
		EventType  *string           `json:"event_type"`
		Replayed   bool              `json:"replayed"`
		Address    string            `json:"address"`
		Size       int               `json:"size"`
		Headers    map[string]string `json:"headers"`
		Body       string            `json:"body"`
		Truncated  bool              `json:"body_truncated"`
		Seq        Seq               `json:"seq"`
	}{
		w.ID, w.ReceivedAt, w.Verified, w.StatusCode, orNull(w.Reason), orNull(w.EndpointID), orNull(w.MessageID), orNull(w.EventType), w.Replayed,
		w.Address, w.Size, notNil(w.Headers), string(w.Body), w.Truncated(), w.Seq,
	})
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// FormatWebhookID gives the public form of the 16 bytes of a UUID.
func FormatWebhookID(uuid [16]byte) WebhookID { return WebhookID(formatID(WebhookIDPrefix, uuid)) }

// ParseWebhookID gives the 16 bytes behind s, and false where s is not the canonical form of an id.
func ParseWebhookID(s string) (uuid [16]byte, ok bool) { return parseID(WebhookIDPrefix, s) }
