package client

import (
	"encoding/json"

	"github.com/apier/apier"
)

// Change is one step of one event, as a live connection tells it.
type Change struct {
	Kind  apier.ChangeKind
	// Event is all of it where it was created, but a long payload; ID, Type and the whole mutable state where it was
	// updated (once its payload was erased, Erased and {} besides); ID and Type where it was deleted.
	Event apier.Event
	// PreviousStatus is what an update left behind; empty where it is not known.
	PreviousStatus apier.Status
	// PayloadTruncated says that the payload is over 4 KiB and was left out: Get has it.
	PayloadTruncated bool
	Channel          string // the subscription that brought it
}

// eventData is an event in the JSON of the REST API and of frames.
type eventData struct {
	ID                  apier.EventID    `json:"id"`
	Type                string           `json:"type"`
	Source              string           `json:"source"`
	Payload             json.RawMessage  `json:"payload"`
	PayloadTruncated    bool             `json:"payload_truncated"`
	Status              apier.Status     `json:"status"`
	PreviousStatus      *apier.Status    `json:"previous_status"`
	CreatedAt           *apier.Timestamp `json:"created_at"`
	UpdatedAt           *apier.Timestamp `json:"updated_at"`
	DeliveryAttempts    int              `json:"delivery_attempts"`
	LastDeliveryAttempt *apier.Timestamp `json:"last_delivery_attempt"`
	DeliveryLatencyMS   *int64           `json:"delivery_latency_ms"`
	ErrorMessage        string           `json:"error_message"`
	Erased              bool             `json:"erased"`
	Seq                 apier.Seq        `json:"seq"`
}

func (d *eventData) event() apier.Event {
	e := apier.Event{
		ID: d.ID, Type: d.Type, Source: d.Source, Payload: d.Payload, Status: d.Status,
		DeliveryAttempts: d.DeliveryAttempts, DeliveryLatencyMS: -1, ErrorMessage: d.ErrorMessage, Erased: d.Erased, Seq: d.Seq,
	}
	if d.DeliveryLatencyMS != nil {
		e.DeliveryLatencyMS = *d.DeliveryLatencyMS
	}
	for _, t := range []struct {
		to   *apier.Timestamp
		from *apier.Timestamp
	}{{&e.CreatedAt, d.CreatedAt}, {&e.UpdatedAt, d.UpdatedAt}, {&e.LastDeliveryAttempt, d.LastDeliveryAttempt}} {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	return e
}

func (d *eventData) valid() bool {
	payloadFits := d.Payload == nil || isObject(d.Payload)
	previousFits := d.PreviousStatus == nil || d.PreviousStatus.Valid()
	return d.ID != "" && d.Status.Valid() && payloadFits && previousFits && d.DeliveryAttempts >= 0
}

func (f *Frame) decodeChange() bool {
	var d eventData
	if !isObject(f.Data) || json.Unmarshal(f.Data, &d) != nil || !d.valid() {
		return false
	}
	c := Change{Kind: apier.Updated, Event: d.event(), PayloadTruncated: d.PayloadTruncated, Channel: f.Channel}
	if f.Type == apier.FrameEventCreated {
		c.Kind = apier.Created
	}
	if d.PreviousStatus != nil {
		c.PreviousStatus = *d.PreviousStatus
	}
	c.Event.Seq = f.Seq
	f.decoded = c
	return true
}

func (f *Frame) decodeDeletion() bool {
	var d struct {
		ID   apier.EventID `json:"id"`
		Type string        `json:"type"`
	}
	if !isObject(f.Data) || json.Unmarshal(f.Data, &d) != nil || d.ID == "" {
		return false
	}
	f.decoded = Change{Kind: apier.Deleted, Event: apier.Event{ID: d.ID, Type: d.Type, Seq: f.Seq}, Channel: f.Channel}
	return true
}
