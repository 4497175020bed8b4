package apier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/apier/apier/internal/strictjson"
)

// ClientFrame is what a client sent, decoded and checked.
type ClientFrame struct {
	Type     FrameType
	ID       string          // chosen by the client, echoed in the answer
	Echo     json.RawMessage // of ping: the client's timestamp, as it was
	Channels []Channel       // of subscribe and unsubscribe: at least one
	Token    string          // of auth
}

// DecodeClientFrame reads one text message. If the error is not nil, the frame still carries the ID, as far as it could
// be read, so that the answer can name it. Members it does not know are ignored. Names are exact, and each may stand once.
func DecodeClientFrame(msg []byte) (ClientFrame, *Error) {
	if trimmed := bytes.TrimLeft(msg, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return ClientFrame{}, Errorf(CodeMalformed, "A frame is one JSON object, such as {\"type\":\"ping\"}.")
	}
	if err := strictjson.Check(msg); err != nil {
		return ClientFrame{}, frameError(err)
	}
	var kind, id, timestamp, data json.RawMessage
	strictjson.Members(msg, func(name string, value json.RawMessage) {
		switch name {
		case "type":
			kind = value
		case "id":
			id = value
		case "timestamp":
			timestamp = value
		case "data":
			data = value
		}
	})
	f, text := ClientFrame{}, ""
	if len(id) > 0 && (json.Unmarshal(id, &f.ID) != nil || len(f.ID) > MaxFrameID) {
		f.ID = ""
		return f, Errorf(CodeInvalid, "The frame's \"id\" must be a string of at most %d bytes.", MaxFrameID)
	}
	if len(kind) > 0 && json.Unmarshal(kind, &text) != nil {
		return f, Errorf(CodeInvalid, "The frame's \"type\" must be a string.")
	}
	if text == "" {
		return f, Errorf(CodeInvalid, "The frame has no \"type\".")
	}
	f.Type = FrameType(text)
	return f.withData(timestamp, data)
}

func frameError(err error) *Error {
	var duplicate *strictjson.DuplicateError
	switch {
	case errors.As(err, &duplicate):
		return Errorf(CodeInvalid, "The frame has the name %q more than once in one object.", clip(duplicate.Name))
	case errors.Is(err, strictjson.ErrTooDeep):
		return Errorf(CodeInvalid, "The frame %v.", err)
	default:
		return Errorf(CodeMalformed, "The frame is not valid JSON.")
	}
}

func (f ClientFrame) withData(timestamp, data json.RawMessage) (ClientFrame, *Error) {
	var err *Error
	switch f.Type {
	case FramePing:
		if len(timestamp) <= maxTimestampInEcho {
			f.Echo = timestamp
		}
	case FramePong:
	case FrameSubscribe, FrameUnsubscribe:
		f.Channels, err = decodeChannels(f.Type, data)
	case FrameAuth:
		f.Token, err = decodeToken(data)
	default:
		err = Errorf(CodeUnknownType, "There is no frame type %q for clients. Send ping, subscribe, unsubscribe or auth.", clip(string(f.Type)))
	}
	return f, err
}

func decodeChannels(t FrameType, data json.RawMessage) ([]Channel, *Error) {
	var names []string
	d, ok := dataOf(data)
	if !ok || json.Unmarshal(d.orNull("channels"), &names) != nil {
		return nil, channelsNeeded(t)
	}
	var one *string
	if json.Unmarshal(d.orNull("channel"), &one) != nil {
		return nil, channelsNeeded(t)
	}
	if one != nil {
		names = append([]string{*one}, names...)
	}
	switch {
	case len(names) == 0:
		return nil, Errorf(CodeInvalid, "%s names no channel in \"data\".", t)
	case len(names) > maxChannelsPerFrame:
		return nil, Errorf(CodeInvalid, "%s names %d channels, at most %d are allowed in one frame.", t, len(names), maxChannelsPerFrame)
	}
	channels := make([]Channel, len(names))
	for i, name := range names {
		c, err := ParseChannel(name)
		if err != nil {
			if len(names) > 1 {
				err.Message += fmt.Sprintf(" Nothing was done about the other %d.", len(names)-1)
			}
			return nil, err
		}
		channels[i] = c
	}
	return channels, nil
}

func channelsNeeded(t FrameType) *Error {
	return Errorf(CodeInvalid, "%s needs \"data\": {\"channel\":\"events\"} or {\"channels\":[\"events\",\"metrics\"]}.", t)
}

func decodeToken(data json.RawMessage) (token string, err *Error) {
	d, ok := dataOf(data)
	if !ok || json.Unmarshal(d.orNull("token"), &token) != nil || token == "" {
		return "", Errorf(CodeInvalid, "auth needs \"data\": {\"token\":\"…\"}.")
	}
	return token, nil
}

// frameData is the "data" of a frame by the exact names of its members.
type frameData map[string]json.RawMessage

// dataOf reads data that was checked with the frame around it; false: it is no object.
func dataOf(data json.RawMessage) (d frameData, ok bool) {
	if len(data) == 0 {
		return nil, false
	}
	d = frameData{}
	ok = strictjson.Members(data, func(name string, value json.RawMessage) { d[name] = value })
	return d, ok
}

// orNull returns a member, or null if there is none.
func (d frameData) orNull(name string) json.RawMessage {
	if value, ok := d[name]; ok {
		return value
	}
	return json.RawMessage("null")
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
