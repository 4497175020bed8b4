package apier

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Decoded is an event whose payload is decoded once, when something first needs it: for one event and
// many filters or order keys. It is not for use by several goroutines at once.
type Decoded struct {
	Event   *Event
	payload any
	decoded bool
}

// Decoded returns the event for MatchDecoded and Text. The event must not change meanwhile.
func (e *Event) Decoded() *Decoded { return &Decoded{Event: e} }

func (d *Decoded) value() any {
	if !d.decoded {
		d.payload, _ = decodeNumbers(d.Event.Payload) // a payload is valid JSON
		d.decoded = true
	}
	return d.payload
}

// Text returns the value at a path of the payload as text, for an order key: text as it is, anything else
// as JSON. "": the path leads nowhere, or to null. As in a filter, the path may begin with "payload.".
func (d *Decoded) Text(path string) string {
	steps, _ := splitPath(strings.TrimPrefix(path, "payload."))
	at := walkPath([]any{d.value()}, steps)
	if len(at) == 0 {
		return ""
	}
	switch v := at[0].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		encoded, _ := json.Marshal(v) // it was decoded
		return string(encoded)
	}
}

// PayloadText returns what Text does, of a payload alone.
func PayloadText(payload json.RawMessage, path string) string {
	return (&Event{Payload: payload}).Decoded().Text(path)
}

// step is one part of a path.
type step struct {
	name string
	all  bool // *: every element or member
}

// filterPath is where a condition looks.
type filterPath struct {
	root    string // type, source or payload
	steps   []step
	problem string
}

func parsePath(name string) (path filterPath, reason string) {
	if name == "type" || name == "source" {
		return filterPath{root: name}, ""
	}
	steps, problem := splitPath(name)
	isEmpty := func(s step) bool { return s.name == "" && !s.all }
	if steps[0].name != "payload" || slices.ContainsFunc(steps, isEmpty) {
		return filterPath{}, "is no path: use type, source, or payload.<name>"
	}
	return filterPath{"payload", steps[1:], problem}, ""
}

// splitPath takes a path apart. A backslash that escapes nothing, and a star within a name, stand for
// themselves, and are a problem: who wrote them probably meant something else.
func splitPath(path string) (steps []step, problem string) {
	var name strings.Builder
	star := false // an unescaped one is in the name
	end := func() {
		all := star && name.String() == "*"
		if star && !all {
			problem = `has a * within a name: a step is * or a name; a star of the name itself is written \*`
		}
		steps = append(steps, step{name.String(), all})
		name.Reset()
		star = false
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '.':
			end()
			continue
		case c == '*':
			star = true
		case c == '\\' && i+1 < len(path) && strings.IndexByte(`.*\`, path[i+1]) >= 0:
			i++
		case c == '\\':
			problem = `has a \ that escapes nothing: one of the name itself is written \\`
		}
		name.WriteByte(path[i])
	}
	end()
	return steps, problem
}

// look returns the values that the path leads to.
func (p filterPath) look(in *Decoded) []any {
	switch p.root {
	case "type":
		return []any{in.Event.Type}
	case "source":
		return []any{in.Event.Source}
	}
	return walkPath([]any{in.value()}, p.steps)
}

func walkPath(values []any, steps []step) []any {
	for _, s := range steps {
		var next []any
		for _, value := range values {
			next = s.into(next, value)
		}
		values = next
	}
	return values
}

// into appends what the step leads to from a value.
func (s step) into(dst []any, value any) []any {
	switch v := value.(type) {
	case map[string]any:
		if s.all {
			for _, member := range v {
				dst = append(dst, member)
			}
		} else if next, ok := v[s.name]; ok {
			dst = append(dst, next)
		}
	case []any:
		if s.all {
			return append(dst, v...)
		}
		if i, err := strconv.Atoi(s.name); err == nil && i >= 0 && i < len(v) {
			dst = append(dst, v[i])
		}
	}
	return dst
}
