package client

import (
	"bytes"
	"encoding/json"

	"github.com/apier/apier"
)

// Message is a frame to send; the type may be one of your own, for a server that knows it.
type Message struct {
	Type      apier.FrameType
	ID        string          // echoed in the answer
	Data      json.RawMessage // a JSON object; nil: none
	Timestamp apier.Timestamp // 0: none
}

// valid reports whether the data is what it has to be.
func (m *Message) valid() bool { return m.Data == nil || isObject(m.Data) && json.Valid(m.Data) }

// channelsMessage returns a request for channels; one alone is named as the integration guide names it.
func channelsMessage(t apier.FrameType, names []string) Message {
	data := struct {
		Channel  string   `json:"channel,omitempty"`
		Channels []string `json:"channels,omitempty"`
	}{Channels: names}
	if len(names) == 1 {
		data.Channel, data.Channels = names[0], nil
	}
	return Message{Type: t, Data: jsonOf(data)}
}

// jsonOf returns the JSON of a value of strings, numbers and lists of them, which always marshals.
func jsonOf(value any) json.RawMessage {
	data, _ := json.Marshal(value)
	return data
}

// encodeMessage gives the JSON of a message that is valid.
func encodeMessage(m Message) []byte {
	envelope := struct {
		Type      apier.FrameType  `json:"type"`
		Data      json.RawMessage  `json:"data,omitempty"`
		ID        string           `json:"id,omitempty"`
		Timestamp *apier.Timestamp `json:"timestamp,omitempty"`
	}{Type: m.Type, ID: m.ID, Data: m.Data}
	if m.Timestamp != 0 {
		envelope.Timestamp = &m.Timestamp
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(envelope) // valid JSON and strings: always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
