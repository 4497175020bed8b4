package apier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Filter is a condition on events, compiled. It is written as a JSON object of path → condition, all of
// which must hold:
//
//	{"source": "shop", "payload.amount": {"gte": 100}, "payload.country": ["DE", "AT"]}
//
// A path is type, source, or payload and steps joined by dots: the name of a member, a position in an
// array, or *, which stands for every element of an array and every member of an object. In a name, \.
// is a dot, \* a star and \\ a backslash. A condition is a value (equal), an array (any of them), or an
// object of operators: eq, ne, gt, gte, lt, lte, prefix, suffix, contains, in, exists.
//
// A condition holds of an array if it holds of the array itself or of one of its elements; the operators
// of one condition must hold of the same value. ne holds where eq does not, also where the path leads
// nowhere. Beside paths, "any" holds a list of filters of which one must match, and "not" a filter that
// must not. Numbers are compared exactly, as decimals, text by its bytes. Values of different kinds are
// never equal.
type Filter struct {
	all      []func(*Decoded) bool
	problems []FieldError
}

// The bounds on a filter.
const (
	MaxFilterSize  = 4 << 10 // bytes
	maxFilterDepth = 5
)

// ParseFilter compiles a filter; nil or null is the filter that lets everything through. Fields of faults
// begin with "filter". A condition that can never match is not among the faults: see Problems.
func ParseFilter(raw json.RawMessage) (*Filter, []FieldError) {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || string(trimmed) == "null" {
		return &Filter{}, nil
	}
	if len(raw) > MaxFilterSize {
		return nil, []FieldError{{"filter", fmt.Sprintf("is %d bytes long, at most %d are allowed", len(raw), MaxFilterSize)}}
	}
	value, err := decodeNumbers(raw)
	if err != nil {
		return nil, []FieldError{{"filter", "is not valid JSON"}}
	}
	p := filterParser{}
	f := p.filter("filter", value, 1)
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	if name := repeatedName(raw); name != "" {
		p.warn("filter", fmt.Sprintf("has the name %q twice in one object; only the last would count", name))
	}
	if HasHalfSurrogate(raw) {
		p.warn("filter", "contains half of a surrogate pair (\\ud800 to \\udfff), which is no character: it would match other halves as well")
	}
	f.problems = p.problems
	return f, nil
}

// CheckFilter returns what is wrong with a filter that is about to be stored: the faults of ParseFilter,
// or else the conditions that can never match.
func CheckFilter(raw json.RawMessage) []FieldError {
	f, faults := ParseFilter(raw)
	if len(faults) > 0 {
		return faults
	}
	return f.Problems()
}

// FilterProblem returns in one sentence why a stored filter can never match as it was meant; "": it can.
func FilterProblem(raw json.RawMessage) string {
	faults := CheckFilter(raw)
	if len(faults) == 0 {
		return ""
	}
	return faults[0].Field + " " + faults[0].Reason
}

func decodeNumbers(raw []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// Empty reports whether it has no condition: everything passes.
func (f *Filter) Empty() bool { return len(f.all) == 0 }

// Problems returns the conditions that can never match, or do not say what they seem to say. Such a
// filter is refused when it is new; one that was stored before it was known to be at fault goes on.
func (f *Filter) Problems() []FieldError { return f.problems }

// Match reports whether an event passes. For many filters and one event, use Decoded and MatchDecoded.
func (f *Filter) Match(e *Event) bool { return f.MatchDecoded(e.Decoded()) }

// MatchDecoded reports whether an event passes. The payload is decoded when the first filter needs it.
func (f *Filter) MatchDecoded(in *Decoded) bool {
	for _, holds := range f.all {
		if !holds(in) {
			return false
		}
	}
	return true
}

type filterParser struct{ faults, problems []FieldError }

func (p *filterParser) fail(field, reason string) {
	p.faults = append(p.faults, FieldError{field, reason})
}

func (p *filterParser) warn(field, reason string) {
	if reason != "" {
		p.problems = append(p.problems, FieldError{field, reason})
	}
}

func (p *filterParser) filter(field string, value any, depth int) *Filter {
	object, ok := value.(map[string]any)
	switch {
	case !ok:
		p.fail(field, `must be a JSON object of path and condition, such as {"payload.amount": {"gte": 100}}`)
		return nil
	case depth > maxFilterDepth:
		p.fail(field, fmt.Sprintf("is nested more than %d deep", maxFilterDepth))
		return nil
	}
	f := &Filter{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		f.all = append(f.all, p.entry(field, name, object[name], depth))
	}
	p.warn(field+".not", excluded(object))
	return f
}

// excluded says why a filter contradicts its own "not": all that "not" asks for is asked for beside it.
func excluded(object map[string]any) string {
	inner, ok := object["not"].(map[string]any)
	if !ok {
		return ""
	}
	for name, value := range inner {
		if other, same := object[name]; !same || !reflect.DeepEqual(other, value) {
			return ""
		}
	}
	if len(inner) == 0 {
		return "can never hold: the empty filter lets every event through"
	}
	return "can never hold: what it excludes is asked for beside it"
}

func (p *filterParser) entry(field, name string, value any, depth int) func(*Decoded) bool {
	switch name {
	case "any":
		return p.anyOf(field+".any", value, depth)
	case "not":
		inner := p.filter(field+".not", value, depth+1)
		return func(in *Decoded) bool { return !inner.MatchDecoded(in) }
	}
	field += "." + name
	path, reason := parsePath(name)
	if reason != "" {
		p.fail(field, reason)
	}
	p.warn(field, path.problem)
	c := p.condition(field, value)
	if len(p.faults) == 0 {
		p.warn(c.never(field, path))
	}
	return func(in *Decoded) bool { return c.holds(path.look(in)) }
}

func (p *filterParser) anyOf(field string, value any, depth int) func(*Decoded) bool {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		p.fail(field, "must be a list of filters")
		return nil
	}
	filters := make([]*Filter, len(list))
	for i, v := range list {
		filters[i] = p.filter(fmt.Sprintf("%s[%d]", field, i), v, depth+1)
	}
	return func(in *Decoded) bool {
		return slices.ContainsFunc(filters, func(f *Filter) bool { return f.MatchDecoded(in) })
	}
}

// repeatedName returns a name that stands twice in one object of valid JSON; "": there is none.
func repeatedName(raw []byte) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var open []map[string]bool // of each array or object around: the names so far; nil: an array
	atName := false
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		inObject := len(open) > 0 && open[len(open)-1] != nil
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open, atName = append(open, map[string]bool{}), true
				continue
			case '[':
				open, atName = append(open, nil), false
				continue
			}
			open = open[:len(open)-1]
			atName = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if inObject && atName {
				if names := open[len(open)-1]; names[t] {
					return t
				}
				open[len(open)-1][t], atName = true, false
				continue
			}
		}
		atName = inObject
	}
}
