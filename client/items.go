package client

import (
	"encoding/json"
	"fmt"

	"github.com/apier/apier"
)

// The items of a page are read one by one: what is wrong with one is told by its PayloadProblem, and costs its
// neighbours nothing.

// UnmarshalJSON implements json.Unmarshaler.
func (p *EventPage) UnmarshalJSON(b []byte) error {
	var read struct {
		Events  []json.RawMessage `json:"events"`
		HasMore bool              `json:"has_more"`
		Seq     apier.Seq         `json:"seq"`
	}
	err := json.Unmarshal(b, &read)
	*p = EventPage{eventsOf(read.Events), read.HasMore, read.Seq}
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *CreatedPage) UnmarshalJSON(b []byte) error {
	var read struct {
		Events  []json.RawMessage `json:"events"`
		Next    apier.Seq         `json:"next"`
		Cursor  string            `json:"cursor"`
		HasMore bool              `json:"has_more"`
	}
	err := json.Unmarshal(b, &read)
	*p = CreatedPage{eventsOf(read.Events), read.Next, read.Cursor, read.HasMore}
	return err
}

func eventsOf(items []json.RawMessage) []apier.Event {
	if items == nil {
		return nil
	}
	events := make([]apier.Event, len(items))
	for i, item := range items {
		events[i] = eventOf(item)
	}
	return events
}

// eventOf reads one event. Of one that cannot be read it keeps the id, and the reason.
func eventOf(item json.RawMessage) apier.Event {
	var e apier.Event
	err := json.Unmarshal(item, &e)
	if err == nil {
		return e
	}
	var named struct {
		ID apier.EventID `json:"id"`
	}
	_ = json.Unmarshal(item, &named) // without an id it is a problem all the same
	return apier.Event{ID: named.ID, DeliveryLatencyMS: -1, PayloadProblem: fmt.Sprintf("cannot be read: %v", err)}
}

// maxReadDepth is below where encoding/json refuses a whole answer, neighbours and all.
const maxReadDepth = 9000

// withoutDeep puts {} and payload_problem in place of each payload that encoding/json could not read: servers
// before --max-depth took such, and send them in pages.
func withoutDeep(raw []byte) []byte {
	if !apier.IsDeeper(raw, maxReadDepth) {
		return raw
	}
	var out []byte
	kept, depth := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			end := skipText(raw, i)
			if string(raw[i:end]) == `"payload"` && end < len(raw) && raw[end] == ':' && depth <= 3 {
				value := raw[end+1 : skipNested(raw, end+1)]
				if apier.IsDeeper(value, maxReadDepth) {
					out = append(append(out, raw[kept:end+1]...), `{},"payload_problem":"`...)
					out = append(append(out, apier.DepthProblem(value, maxReadDepth)...), '"')
					kept = end + 1 + len(value)
				}
				end += len(value)
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
	}
	return append(out, raw[kept:]...)
}

// skipText returns where the string that begins at i ends.
func skipText(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(raw))
}

// skipNested returns where the object or array that begins at i ends; i where none does.
func skipNested(raw []byte, i int) int {
	for at, depth := i, 0; at < len(raw); at++ {
		switch raw[at] {
		case '"':
			at = skipText(raw, at) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			if at == i {
				return i
			}
			return at + 1
		}
	}
	return i
}
