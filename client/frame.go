package client

import (
	"bytes"
	"encoding/json"

	"github.com/apier/apier"
)

// Frame is one frame of the realtime protocol as the server sent it, checked: Data is of the shape that
// Type promises.
type Frame struct {
	Type      apier.FrameType `json:"type"`
	ID        string          `json:"id,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Timestamp string          `json:"timestamp,omitempty"`
	Error     string          `json:"error,omitempty"`
	Code      apier.Code      `json:"code,omitempty"`
	Channel   string          `json:"channel,omitempty"`
	Seq       apier.Seq       `json:"seq,omitempty"`

	decoded any // Data as this package reads it: Change, snapshotData, metricsData, sessionData, …; nil: it does not
}

// Stats count what came in and was not handed on.
type Stats struct {
	Unknown    int // frames of a type that this version does not know
	Refused    int // frames that were no valid JSON, or not what their type promises
	Duplicates int // changes seen before
}

// readMessage gives the frames of one WebSocket message, in order; a batch is taken apart. It never fails:
// what it has to leave out is counted.
func readMessage(raw []byte, stats *Stats) []Frame {
	frame, ok := readFrame(raw, stats)
	if !ok {
		return nil
	}
	items, isBatch := frame.decoded.([]json.RawMessage)
	if !isBatch {
		return []Frame{frame}
	}
	frames := make([]Frame, 0, len(items))
	for _, item := range items {
		inner, ok := readFrame(item, stats)
		switch {
		case !ok:
		case inner.Type == apier.FrameBatch:
			stats.Refused++
		default:
			frames = append(frames, inner)
		}
	}
	return frames
}

func readFrame(raw []byte, stats *Stats) (Frame, bool) {
	var f Frame
	if !isObject(raw) || json.Unmarshal(raw, &f) != nil || f.Type == "" {
		stats.Refused++
		return f, false
	}
	known, ok := f.decode()
	switch {
	case !known:
		stats.Unknown++
	case !ok:
		stats.Refused++
	}
	return f, known && ok
}

func (f *Frame) decode() (known, ok bool) {
	switch f.Type {
	case apier.FrameError:
		_ = decodeInto[errorData](f) // of a server that knows the guide alone it may hold anything
		return true, f.Data == nil || isObject(f.Data) || isNull(f.Data)
	case apier.FramePing:
		return true, f.Data == nil || isObject(f.Data) || isNull(f.Data)
	case apier.FramePong:
		return true, f.Data == nil || isNull(f.Data) || decodeInto[pongData](f)
	case apier.FrameSubscribe, apier.FrameUnsubscribe:
		return true, f.Data == nil || isNull(f.Data) || decodeInto[subscribedData](f)
	case apier.FrameEventCreated, apier.FrameEventUpdate:
		return true, f.decodeChange()
	case apier.FrameEventDeleted:
		return true, f.decodeDeletion()
	case apier.FrameMetricsUpdate:
		return true, decodeInto[metricsData](f) && f.decoded.(metricsData).complete()
	case apier.FrameSession:
		return true, decodeInto[sessionData](f) && f.decoded.(sessionData).complete()
	case apier.FrameBatch:
		var items []json.RawMessage
		ok := json.Unmarshal(f.Data, &items) == nil && items != nil
		f.decoded = items
		return true, ok
	case apier.FrameResync:
		return true, decodeInto[resyncData](f) && f.decoded.(resyncData).Seq != nil
	case apier.FrameAuth:
		return true, decodeInto[authData](f) && f.decoded.(authData).Status != ""
	case apier.FrameReconnect:
		return true, decodeInto[reconnectData](f) && f.decoded.(reconnectData).valid()
	case apier.FrameSnapshot:
		return true, f.decodeSnapshot()
	case apier.FrameDelivery:
		return true, f.decodeDelivery()
	case apier.FrameEndpoint:
		return true, f.decodeEndpoint()
	case apier.FrameRecovery:
		return true, f.decodeRecovery()
	case apier.FrameWebhook:
		return true, f.decodeWebhook()
	default:
		return false, false
	}
}

// refusesChannel reports whether the server does not give, or takes away, what was asked for. It says so on a
// connection that stays.
func (f *Frame) refusesChannel() bool {
	if f.Type != apier.FrameError {
		return false
	}
	switch f.Code {
	case apier.CodeForbidden, apier.CodeTooManySubscriptions, apier.CodeInvalidChannel:
		return true
	default:
		return false
	}
}

// errorData says what an error is about.
type errorData struct {
	Request    apier.FrameType `json:"request"`
	Channels   []string        `json:"channels"`
	RetryAfter int64           `json:"retry_after_ms"`
}

type pongData struct {
	Seq apier.Seq `json:"seq"`
}

type subscribedData struct {
	Channel string    `json:"channel"`
	Status  string    `json:"status"`
	Seq     apier.Seq `json:"seq"`
}

type sessionData struct {
	Session  *string    `json:"session"`
	Seq      *apier.Seq `json:"seq"`
	Resumed  *bool      `json:"resumed"`
	Channels []string   `json:"channels"`
	Epoch    string     `json:"epoch"`
}

func (s sessionData) complete() bool { return s.Session != nil && s.Seq != nil && s.Resumed != nil }

func (s sessionData) session() apier.Session {
	return apier.Session{Session: *s.Session, Seq: *s.Seq, Resumed: *s.Resumed, Channels: s.Channels, Epoch: s.Epoch}
}

type resyncData struct {
	Channel string     `json:"channel"`
	Seq     *apier.Seq `json:"seq"`
}

type authData struct {
	Status    string          `json:"status"`
	ExpiresAt json.RawMessage `json:"expires_at"` // of a warning; it is read where it is needed
}

type reconnectData struct {
	AfterMS *float64 `json:"after_ms"`
}

func (r reconnectData) valid() bool { return r.AfterMS != nil && *r.AfterMS >= 0 }

type metricsData struct {
	apier.Metrics
	Total     *int64 `json:"total_events"`
	Pending   *int64 `json:"pending_events"`
	Delivered *int64 `json:"delivered_events"`
	Failed    *int64 `json:"failed_events"`
}

func (m metricsData) complete() bool {
	for _, n := range []*int64{m.Total, m.Pending, m.Delivered, m.Failed} {
		if n == nil || *n < 0 {
			return false
		}
	}
	return true
}

func (m metricsData) metrics() apier.Metrics {
	figures := m.Metrics
	figures.Total, figures.Pending, figures.Delivered, figures.Failed = *m.Total, *m.Pending, *m.Delivered, *m.Failed
	return figures
}

func decodeInto[T any](f *Frame) bool {
	var data T
	if !f.read(&data) {
		return false
	}
	f.decoded = data
	return true
}

// read takes the data of a frame, which has to be an object.
func (f *Frame) read(into any) bool { return isObject(f.Data) && json.Unmarshal(f.Data, into) == nil }

func isObject(raw []byte) bool {
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{'
}

func isNull(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "null" }
