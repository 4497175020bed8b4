package client

import (
	"encoding/json"

	"github.com/apier/apier"
)

// Change is one step of one thing, as a live connection tells it: of an event (Created, Updated, Deleted), or, on
// the channels event:<id> and endpoint:<id>, of what webhooks do. It is as apier.Change is in the server; what a
// Kind does not name is nil.
type Change struct {
	Kind apier.ChangeKind
	// Event is all of it where it was created, but a long payload; ID, Type and the whole mutable state where it was
	// updated (once its payload was erased, Erased and {} besides); ID and Type where it was deleted. Of
	// DeliveryChanged it names the event by ID and Type. Its Seq is that of the change, whatever the Kind.
	Event apier.Event
	// PreviousStatus is what an update left behind; empty where it is not known.
	PreviousStatus apier.Status
	// PayloadTruncated says that the payload is over 4 KiB and was left out: Get has it.
	PayloadTruncated bool
	Channel          string // the subscription that brought it

	Delivery *apier.Delivery  // of DeliveryChanged: one event on its way to one endpoint, after an attempt or another step
	Endpoint *apier.Endpoint  // of EndpointChanged; nil where it was deleted, which Gone tells
	Gone     apier.EndpointID // of EndpointChanged: the endpoint that was deleted; "": it is there
	Recovery *apier.Recovery  // of RecoveryChanged: how far it is
	Webhook  *apier.Webhook   // of WebhookReceived: what the server's receiver was sent, signed by one of its endpoints
}

// IsEvent reports whether it is an event that changed, and not a delivery, endpoint, recovery or webhook.
func (c Change) IsEvent() bool { return c.Kind >= apier.Created && c.Kind <= apier.Deleted }

// plainEvent is an event without its methods: to read it with what stands beside it.
type plainEvent apier.Event

// eventData is an event in the JSON of frames.
type eventData struct {
	plainEvent
	PreviousStatus   *apier.Status `json:"previous_status"`
	PayloadTruncated bool          `json:"payload_truncated"`
}

func newEventData() eventData { return eventData{plainEvent: plainEvent{DeliveryLatencyMS: -1}} } // where it is null

func (d *eventData) event() apier.Event { return apier.Event(d.plainEvent) }

func (d *eventData) valid() bool {
	payloadFits := d.Payload == nil || isObject(d.Payload)
	previousFits := d.PreviousStatus == nil || d.PreviousStatus.Valid()
	return d.ID != "" && d.Status.Valid() && payloadFits && previousFits && d.DeliveryAttempts >= 0
}

func (f *Frame) decodeChange() bool {
	d := newEventData()
	if !f.read(&d) || !d.valid() {
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
	if !f.read(&d) || d.ID == "" {
		return false
	}
	f.decoded = Change{Kind: apier.Deleted, Event: apier.Event{ID: d.ID, Type: d.Type, Seq: f.Seq}, Channel: f.Channel}
	return true
}

func (f *Frame) decodeDelivery() bool {
	var d apier.Delivery
	if !f.read(&d) || d.ID == "" {
		return false
	}
	f.decoded = f.change(apier.DeliveryChanged, apier.Event{ID: d.EventID, Type: d.EventType, UpdatedAt: d.UpdatedAt}, Change{Delivery: &d})
	return true
}

func (f *Frame) decodeEndpoint() bool {
	var d struct {
		apier.Endpoint
		Deleted bool `json:"deleted"`
	}
	if !f.read(&d) || d.ID == "" {
		return false
	}
	if d.Deleted {
		f.decoded = f.change(apier.EndpointChanged, apier.Event{}, Change{Gone: d.ID})
	} else {
		f.decoded = f.change(apier.EndpointChanged, apier.Event{UpdatedAt: d.UpdatedAt}, Change{Endpoint: &d.Endpoint})
	}
	return true
}

func (f *Frame) decodeRecovery() bool {
	var r apier.Recovery
	if !f.read(&r) || r.ID == "" {
		return false
	}
	f.decoded = f.change(apier.RecoveryChanged, apier.Event{UpdatedAt: r.UpdatedAt}, Change{Recovery: &r})
	return true
}

func (f *Frame) decodeWebhook() bool {
	var d struct {
		apier.Webhook
		Body string `json:"body"`
	}
	if !f.read(&d) || d.ID == "" {
		return false
	}
	d.Webhook.Body = []byte(d.Body)
	f.decoded = f.change(apier.WebhookReceived, apier.Event{UpdatedAt: d.ReceivedAt}, Change{Webhook: &d.Webhook})
	return true
}

// change completes what is the same of every kind.
func (f *Frame) change(kind apier.ChangeKind, e apier.Event, c Change) Change {
	c.Kind, c.Event, c.Channel = kind, e, f.Channel
	c.Event.Seq = f.Seq
	return c
}

// snapshotData is the state of a channel at a place in the change log.
type snapshotData struct {
	channel string
	state   apier.Snapshot
}

func (f *Frame) decodeSnapshot() bool {
	var d struct {
		Channel string          `json:"channel"`
		Seq     *apier.Seq      `json:"seq"`
		State   json.RawMessage `json:"state"`
	}
	if !f.read(&d) || d.Channel == "" || d.Seq == nil {
		return false
	}
	snapshot := snapshotData{d.Channel, apier.Snapshot{Seq: *d.Seq}}
	channel, fault := apier.ParseChannel(d.Channel)
	switch {
	case isNull(d.State):
	case fault == nil && channel.EventID() != "":
		e := newEventData()
		if json.Unmarshal(d.State, &e) != nil || !e.valid() {
			return false
		}
		event := e.event()
		event.Seq = *d.Seq
		snapshot.state.Event = &event
	case fault == nil && channel.EndpointID() != "":
		var e apier.Endpoint
		if json.Unmarshal(d.State, &e) != nil || e.ID == "" {
			return false
		}
		snapshot.state.Endpoint = &e
	default:
		return isObject(d.State) // of a kind that this version does not know: OnFrame has it
	}
	f.decoded = snapshot
	return true
}
