package apier

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/apier/apier/internal/strictjson"
)

// ClientFrame is what a client sent, decoded and checked.
type ClientFrame struct {
	Type     FrameType
	ID       string          // chosen by the client, echoed in the answer
	Echo     json.RawMessage // of ping: the client's timestamp, as it was
	Channels []Channel       // of subscribe, unsubscribe and resume
	Token    string          // of auth
	Names    []string        // of all channels, as the client wrote them; also where the frame is refused
	Refused  []RefusedName   // of subscribe and unsubscribe: channels that are none, next to some that are
	Session  string          // of resume
	After    *Seq            // of resume; nil: there is nothing to go on from
	More     bool            // of resume: another resume frame follows
}

// RefusedName is a name in a frame that is no channel, and why.
type RefusedName struct {
	Name string
	Err  *Error
}

// DecodeClientFrame reads one text message. If the error is not nil, the frame still carries the ID, as far as it could
// be read, so that the answer can name it. Members it does not know are ignored. Names are exact, and each may stand once.
// A byte order mark before it is dropped, as before the body of a request.
func DecodeClientFrame(msg []byte) (ClientFrame, *Error) {
	msg = bytes.TrimPrefix(msg, []byte("\ufeff"))
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
		err = f.decodeChannels(data)
	case FrameResume:
		err = f.decodeResume(data)
	case FrameAuth:
		f.Token, err = decodeToken(data)
	default:
		err = Errorf(CodeUnknownType, "There is no frame type %q for clients. Send ping, subscribe, unsubscribe or auth.", clip(string(f.Type)))
	}
	return f, err
}

// decodeChannels reads the channels of subscribe and unsubscribe. Each stands for itself: a name that is no
// channel costs the others nothing.
func (f *ClientFrame) decodeChannels(data json.RawMessage) *Error {
	t := f.Type
	d, ok := dataOf(data)
	if !ok || json.Unmarshal(d.orNull("channels"), &f.Names) != nil {
		return channelsNeeded(t)
	}
	var one *string
	if json.Unmarshal(d.orNull("channel"), &one) != nil {
		return channelsNeeded(t)
	}
	if one != nil {
		f.Names = append([]string{*one}, f.Names...)
	}
	switch {
	case len(f.Names) == 0:
		return Errorf(CodeInvalid, "%s names no channel in \"data\".", t)
	case len(f.Names) > maxChannelsPerFrame:
		return Errorf(CodeInvalid, "%s names %d channels, at most %d are allowed in one frame.", t, len(f.Names), maxChannelsPerFrame)
	}
	for _, name := range f.Names {
		c, err := ParseChannel(name)
		switch {
		case err == nil:
			f.Channels = append(f.Channels, c)
		case len(f.Names) == 1:
			return err
		default:
			f.Refused = append(f.Refused, RefusedName{name, err})
		}
	}
	return nil
}

// decodeResume reads what would else stand in the address: the channels, and where to go on from.
func (f *ClientFrame) decodeResume(data json.RawMessage) *Error {
	d, ok := dataOf(data)
	for name, into := range map[string]any{"channels": &f.Names, "session": &f.Session, "after": &f.After, "more": &f.More} {
		ok = ok && json.Unmarshal(d.orNull(name), into) == nil
	}
	if !ok || f.After != nil && *f.After < 0 {
		return Errorf(CodeInvalid, "resume needs \"data\": {\"channels\":[\"events\"],\"session\":\"…\",\"after\":42}.")
	}
	return nil
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
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
