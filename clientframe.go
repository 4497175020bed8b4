package apier

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ClientFrame is what a client sent, decoded and checked.
type ClientFrame struct {
	Type     FrameType
	ID       string          // chosen by the client, echoed in the answer
	Echo     json.RawMessage // of ping: the client's timestamp, as it was
	Channels []Channel       // of subscribe and unsubscribe: at least one
	Token    string          // of auth
}

// DecodeClientFrame reads one text message. Where the error is not nil the frame still carries the ID,
// if that much could be read, so that the answer can name it. Fields it does not know are ignored.
func DecodeClientFrame(msg []byte) (ClientFrame, *Error) {
	var env struct {
		Type      *string         `json:"type"`
		ID        json.RawMessage `json:"id"`
		Timestamp json.RawMessage `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if trimmed := bytes.TrimLeft(msg, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return ClientFrame{}, Errorf(CodeMalformed, "A frame is one JSON object, such as {\"type\":\"ping\"}.")
	}
	if !json.Valid(msg) {
		return ClientFrame{}, Errorf(CodeMalformed, "The frame is not valid JSON.")
	}
	if err := json.Unmarshal(msg, &env); err != nil {
		return ClientFrame{}, Errorf(CodeInvalid, "The frame's \"type\" must be a string.")
	}
	f := ClientFrame{}
	if len(env.ID) > 0 && (json.Unmarshal(env.ID, &f.ID) != nil || len(f.ID) > MaxFrameID) {
		f.ID = ""
		return f, Errorf(CodeInvalid, "The frame's \"id\" must be a string of at most %d bytes.", MaxFrameID)
	}
	if env.Type == nil || *env.Type == "" {
		return f, Errorf(CodeInvalid, "The frame has no \"type\".")
	}
	f.Type = FrameType(*env.Type)
	return f.withData(env.Timestamp, env.Data)
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
	var d struct {
		Channel  *string  `json:"channel"`
		Channels []string `json:"channels"`
	}
	if len(data) == 0 || json.Unmarshal(data, &d) != nil {
		return nil, Errorf(CodeInvalid, "%s needs \"data\": {\"channel\":\"events\"} or {\"channels\":[\"events\",\"metrics\"]}.", t)
	}
	names := d.Channels
	if d.Channel != nil {
		names = append([]string{*d.Channel}, names...)
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

func decodeToken(data json.RawMessage) (string, *Error) {
	var d struct {
		Token string `json:"token"`
	}
	if len(data) == 0 || json.Unmarshal(data, &d) != nil || d.Token == "" {
		return "", Errorf(CodeInvalid, "auth needs \"data\": {\"token\":\"…\"}.")
	}
	return d.Token, nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
