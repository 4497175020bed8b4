package apier

import (
	"encoding/json"
	"strconv"
	"time"
)

// FrameType is the "type" of a frame of the realtime protocol (protocol/README.md, section 4).
type FrameType string

// The frame types. Resume, Session, Batch, Snapshot, Resync and Reconnect exist in the v1 dialect only.
const (
	FramePing          FrameType = "ping"
	FramePong          FrameType = "pong"
	FrameSubscribe     FrameType = "subscribe"
	FrameUnsubscribe   FrameType = "unsubscribe"
	FrameAuth          FrameType = "auth"
	FrameResume        FrameType = "resume"
	FrameEventCreated  FrameType = "event_created"
	FrameEventUpdate   FrameType = "event_update"
	FrameEventDeleted  FrameType = "event_deleted"
	FrameMetricsUpdate FrameType = "metrics_update"
	FrameError         FrameType = "error"
	FrameSession       FrameType = "session"
	FrameBatch         FrameType = "batch"
	FrameResync        FrameType = "resync"
	FrameReconnect     FrameType = "reconnect"
	FrameSnapshot      FrameType = "snapshot"
	FrameDelivery      FrameType = "delivery_update"
	FrameEndpoint      FrameType = "endpoint_update"
	FrameRecovery      FrameType = "recovery_update"
	FrameWebhook       FrameType = "webhook_received"
)

// Sizes of the protocol, in bytes.
const (
	MaxFrameID           = 64      // of "id"
	MaxPayloadInFrame    = 4 << 10 // of a larger payload a frame has {}, with payload_truncated
	maxTimestampInEcho   = 64
	maxChannelsPerFrame  = 100
	subscriptionStatusOn = "subscribed"
)

// V1 holds what the v1 dialect adds to a frame; nil means the plain dialect.
type V1 struct {
	Channel string // the subscription that brought the frame; "": none
	Seq     Seq    // 0: none
}

func (v *V1) append(dst []byte) []byte {
	if v == nil {
		return dst
	}
	if v.Channel != "" {
		dst = append(dst, `,"channel":"`...)
		dst = append(dst, v.Channel...) // a parsed channel needs no escape
		dst = append(dst, '"')
	}
	if v.Seq != 0 {
		dst = append(dst, `,"seq":`...)
		dst = strconv.AppendInt(dst, int64(v.Seq), 10)
	}
	return dst
}

func appendOpen(dst []byte, t FrameType, id string) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, t...)
	dst = append(dst, '"')
	if id != "" {
		dst = append(dst, `,"id":`...)
		dst = appendString(dst, id)
	}
	return dst
}

func appendClose(dst []byte, at Timestamp, v1 *V1) []byte {
	dst = append(dst, `,"timestamp":`...)
	dst = at.AppendJSON(dst)
	return append(v1.append(dst), '}')
}

// AppendChange appends event_created, event_update or event_deleted. Its timestamp is that of the
// change, so that every receiver gets the same bytes.
func AppendChange(dst []byte, c *Change, v1 *V1) []byte {
	e := &c.Event
	switch c.Kind {
	case DeliveryChanged:
		return appendFrame(dst, FrameDelivery, "", c.Delivery, c.At, v1)
	case EndpointChanged:
		if c.Endpoint == nil {
			return appendFrame(dst, FrameEndpoint, "", goneEndpoint{c.Gone, true}, c.At, v1)
		}
		return appendFrame(dst, FrameEndpoint, "", c.Endpoint, c.At, v1)
	case RecoveryChanged:
		return appendFrame(dst, FrameRecovery, "", c.Recovery, c.At, v1)
	case WebhookReceived:
		return appendFrame(dst, FrameWebhook, "", c.Webhook, c.At, v1)
	case Created:
		dst = appendCreated(appendOpen(dst, FrameEventCreated, ""), e)
	case Updated:
		dst = append(appendOpen(dst, FrameEventUpdate, ""), `,"data":{"id":"`...)
		dst = append(append(dst, e.ID...), '"', ',')
		if v1 == nil {
			dst = e.appendGuide(dst)
		} else {
			dst = append(dst, `"type":`...)
			dst = append(appendString(dst, e.Type), ',')
			dst = e.appendMutable(dst, c.PreviousStatus)
		}
		if e.Erased { // or who has the payload would keep it
			dst = e.appendErased(append(dst, `,"payload":{}`...))
		}
		dst = append(dst, '}')
	case Deleted:
		dst = append(appendOpen(dst, FrameEventDeleted, ""), `,"data":{"id":"`...)
		dst = append(dst, e.ID...)
		dst = append(dst, `","type":`...)
		dst = append(appendString(dst, e.Type), '}')
	}
	return appendClose(dst, c.At, v1)
}

// goneEndpoint is what is told of an endpoint that was deleted.
type goneEndpoint struct {
	ID      EndpointID `json:"id"`
	Deleted bool       `json:"deleted"`
}

func appendCreated(dst []byte, e *Event) []byte { return appendState(append(dst, `,"data":`...), e) }

// appendState appends all of an event, but a long payload.
func appendState(dst []byte, e *Event) []byte {
	dst = e.appendHead(append(dst, '{'))
	if len(e.Payload) > MaxPayloadInFrame && e.PayloadProblem == "" {
		dst = append(dst, `,"payload":{},"payload_truncated":true`...)
	} else {
		dst = e.appendPayload(dst)
	}
	dst = e.appendErased(dst)
	dst = append(dst, `,"created_at":`...)
	dst = append(e.CreatedAt.AppendJSON(dst), ',')
	return append(e.appendMutable(dst, ""), '}')
}

// Metrics is the data of metrics_update in v1. Latencies are milliseconds, SuccessRate is the percentage of
// delivered among delivered and failed. In JSON it is null where there is neither.
type Metrics struct {
	Total           int64            `json:"total_events"`
	Pending         int64            `json:"pending_events"`
	Delivered       int64            `json:"delivered_events"`
	Failed          int64            `json:"failed_events"`
	SuccessRate     float64          `json:"success_rate"`
	EventsPerMinute float64          `json:"events_per_minute"`
	LatencyMS       LatencyQuantiles `json:"latency_ms"`
}

// MarshalJSON implements json.Marshaler.
func (m Metrics) MarshalJSON() ([]byte, error) {
	type plain Metrics // without this method
	return json.Marshal(struct {
		plain
		SuccessRate *float64 `json:"success_rate"`
	}{plain(m), ValueOf(m.SuccessRate, m.Delivered+m.Failed)})
}

// LatencyQuantiles summarise created → delivered, in milliseconds, of SampleSize deliveries. In JSON they are null
// where there is none.
type LatencyQuantiles struct {
	P50        float64 `json:"p50"`
	P95        float64 `json:"p95"`
	P99        float64 `json:"p99"`
	SampleSize int64   `json:"sample_size"`
}

// MarshalJSON implements json.Marshaler.
func (q LatencyQuantiles) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		P50        *float64 `json:"p50"`
		P95        *float64 `json:"p95"`
		P99        *float64 `json:"p99"`
		SampleSize int64    `json:"sample_size"`
	}{ValueOf(q.P50, q.SampleSize), ValueOf(q.P95, q.SampleSize), ValueOf(q.P99, q.SampleSize), q.SampleSize})
}

// ValueOf returns a figure that was made of samples for JSON: nil, which is null, if there are none. A figure of
// nothing is not 0.
func ValueOf(figure float64, samples int64) *float64 {
	if samples == 0 {
		return nil
	}
	return &figure
}

// AppendMetrics appends metrics_update. The plain dialect has the four counts of the guide and nothing else: a page
// may spread them over a state of its own, whose other members must stay.
func AppendMetrics(dst []byte, m Metrics, at Timestamp, v1 *V1) []byte {
	if v1 != nil {
		return appendFrame(dst, FrameMetricsUpdate, "", m, at, v1)
	}
	counts := struct {
		Total     int64 `json:"total_events"`
		Pending   int64 `json:"pending_events"`
		Delivered int64 `json:"delivered_events"`
		Failed    int64 `json:"failed_events"`
	}{m.Total, m.Pending, m.Delivered, m.Failed}
	return appendFrame(dst, FrameMetricsUpdate, "", counts, at, nil)
}

// AppendPong appends the answer to a ping. In v1 it carries the client's own timestamp and the head of
// the change log; at is the server's clock.
func AppendPong(dst []byte, ping ClientFrame, at Timestamp, v1 *V1) []byte {
	dst = appendOpen(dst, FramePong, ping.ID)
	if v1 != nil {
		dst = append(dst, `,"data":{`...)
		if len(ping.Echo) > 0 {
			dst = append(dst, `"echo":`...)
			dst = append(append(dst, ping.Echo...), ',')
		}
		dst = append(dst, `"seq":`...)
		dst = append(strconv.AppendInt(dst, int64(v1.Seq), 10), '}')
		v1 = nil
	}
	return appendClose(dst, at, v1)
}

// AppendSubscribed appends the echo of subscribe or unsubscribe for one channel.
func AppendSubscribed(dst []byte, request ClientFrame, c Channel, at Timestamp, v1 *V1) []byte {
	status := subscriptionStatusOn
	if request.Type == FrameUnsubscribe {
		status = "unsubscribed"
	}
	data := struct {
		Channel string `json:"channel"`
		Status  string `json:"status"`
	}{c.name, status}
	return appendFrame(dst, request.Type, request.ID, data, at, v1)
}

// Refusal says, in v1, what an error frame is about.
type Refusal struct {
	Request    FrameType     // of the frame that was refused; "": none
	Channels   []string      // that were refused, as the client wrote them
	RetryAfter time.Duration // after which the same may be asked again; 0: not said
}

// AppendError appends an error frame about the client's frame id. about is nil in the plain dialect.
func AppendError(dst []byte, id string, e *Error, at Timestamp, about *Refusal) []byte {
	dst = appendOpen(dst, FrameError, id)
	dst = append(dst, `,"error":`...)
	dst = appendString(dst, e.Message)
	dst = append(dst, `,"code":"`...)
	dst = append(dst, e.Code...)
	dst = append(dst, '"')
	return appendClose(about.append(dst), at, nil)
}

// append appends the channel, where it is one, and the data.
func (r *Refusal) append(dst []byte) []byte {
	if r == nil || r.Request == "" && len(r.Channels) == 0 {
		return dst
	}
	if len(r.Channels) == 1 {
		dst = appendString(append(dst, `,"channel":`...), r.Channels[0])
	}
	data, _ := json.Marshal(struct { // of strings and a number: always marshals
		Request    FrameType `json:"request,omitempty"`
		Channels   []string  `json:"channels,omitempty"`
		RetryAfter int64     `json:"retry_after_ms,omitempty"`
	}{r.Request, r.Channels, r.RetryAfter.Milliseconds()})
	return append(append(dst, `,"data":`...), data...)
}

// Session is the data of the first frame of a v1 connection.
type Session struct {
	Session           string    `json:"session"` // hand it back, with the last seq, to resume
	Epoch             string    `json:"epoch"`   // identity of the history that seq counts in
	Seq               Seq       `json:"seq"`     // head of the change log
	Resumed           bool      `json:"resumed"` // what changed meanwhile follows; nothing was lost
	Channels          []string  `json:"channels"`
	HeartbeatMS       int64     `json:"heartbeat_ms"`              // the server pings a silent connection this often
	TokenExpiresAt    Timestamp `json:"token_expires_at,omitzero"` // 0: an API key, which does not expire
	ReconnectWindowMS int64     `json:"reconnect_window_ms"`       // spread a reconnect over this after a crash
}

// AppendSession appends session. It is on the way of every connect, so it does without reflection.
func AppendSession(dst []byte, s Session, at Timestamp) []byte {
	dst = append(appendOpen(dst, FrameSession, ""), `,"data":{"session":`...)
	dst = appendString(dst, s.Session)
	dst = append(dst, `,"epoch":`...)
	dst = appendString(dst, s.Epoch)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendInt(dst, int64(s.Seq), 10)
	dst = append(dst, `,"resumed":`...)
	dst = strconv.AppendBool(dst, s.Resumed)
	dst = append(dst, `,"channels":[`...)
	for i, channel := range s.Channels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, channel)
	}
	dst = append(dst, `],"heartbeat_ms":`...)
	dst = strconv.AppendInt(dst, s.HeartbeatMS, 10)
	if s.TokenExpiresAt != 0 {
		dst = s.TokenExpiresAt.AppendJSON(append(dst, `,"token_expires_at":`...))
	}
	dst = append(dst, `,"reconnect_window_ms":`...)
	dst = strconv.AppendInt(dst, s.ReconnectWindowMS, 10)
	return appendClose(append(dst, '}'), at, nil)
}

// Snapshot is the state of an event's or endpoint's channel. Neither means that there is no such thing (any more).
type Snapshot struct {
	Event    *Event
	Endpoint *Endpoint
	Seq      Seq // every change up to here is in it
}

// AppendSnapshot appends snapshot. Its seq is among the data: it is no position in the stream.
func AppendSnapshot(dst []byte, channel Channel, s Snapshot, at Timestamp) []byte {
	dst = append(appendOpen(dst, FrameSnapshot, ""), `,"data":{"channel":"`...)
	dst = append(dst, channel.name...)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendInt(dst, int64(s.Seq), 10)
	dst = append(dst, `,"state":`...)
	switch {
	case s.Event != nil:
		dst = appendState(dst, s.Event)
	case s.Endpoint != nil:
		encoded, _ := json.Marshal(s.Endpoint) // always marshals, as in appendFrame
		dst = append(dst, encoded...)
	default:
		dst = append(dst, "null"...)
	}
	return appendClose(append(dst, '}'), at, nil)
}

// AppendResync appends resync: state of the channel up to seq was skipped, fetch the snapshot again.
func AppendResync(dst []byte, channel string, seq Seq, at Timestamp) []byte {
	data := struct {
		Channel string `json:"channel"`
		Seq     Seq    `json:"seq"`
	}{channel, seq}
	return appendFrame(dst, FrameResync, "", data, at, nil)
}

// AppendReconnect appends reconnect: come back after this delay, this server is going down.
func AppendReconnect(dst []byte, after time.Duration, at Timestamp) []byte {
	data := struct {
		AfterMS int64 `json:"after_ms"`
	}{after.Milliseconds()}
	return appendFrame(dst, FrameReconnect, "", data, at, nil)
}

// The statuses of an auth frame.
const (
	AuthOK       = "ok"       // the new token is in force
	AuthExpiring = "expiring" // the token in force ends soon: send another
)

// AppendAuth appends auth, id being that of the client's auth frame or empty. expires is 0 for an API key.
func AppendAuth(dst []byte, id, status string, expires, at Timestamp) []byte {
	data := struct {
		Status    string    `json:"status"`
		ExpiresAt Timestamp `json:"expires_at,omitzero"`
	}{status, expires}
	return appendFrame(dst, FrameAuth, id, data, at, nil)
}

// AppendBatch appends a batch of frames that are encoded already, comma-separated in envelopes.
func AppendBatch(dst, envelopes []byte, at Timestamp) []byte {
	dst = append(appendOpen(dst, FrameBatch, ""), `,"data":[`...)
	dst = append(append(dst, envelopes...), ']')
	return appendClose(dst, at, nil)
}

func appendFrame(dst []byte, t FrameType, id string, data any, at Timestamp, v1 *V1) []byte {
	encoded, _ := json.Marshal(data) // of structs of numbers, strings and valid JSON: always marshals
	dst = append(appendOpen(dst, t, id), `,"data":`...)
	return appendClose(append(dst, encoded...), at, v1)
}
