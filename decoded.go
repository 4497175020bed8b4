package apier

import (
	"encoding/json"
	"strings"
)

// Decoded is an event whose payload is decoded once, when something first needs it: for one event and
// many filters or order keys. It is not for use by several goroutines at once.
type Decoded struct{ in filterInput }

// Decoded returns the event for MatchDecoded and Text. The event must not change meanwhile.
func (e *Event) Decoded() *Decoded { return &Decoded{filterInput{event: e}} }

// MatchDecoded reports whether an event passes. The payload is decoded when the first filter needs it.
func (f *Filter) MatchDecoded(d *Decoded) bool { return f.match(&d.in) }

// Text returns the value at a path of the payload as text, for an order key: text as it is, anything else
// as JSON. "": the path leads nowhere, or to null. As in a filter, the path may begin with "payload.".
func (d *Decoded) Text(path string) string {
	at := walkPath(d.in.decode(), strings.Split(strings.TrimPrefix(path, "payload."), "."))
	switch v := at.value.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		encoded, _ := json.Marshal(v) // it was decoded
		return string(encoded)
	}
}
