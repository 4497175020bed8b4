package apier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Filter is a condition on events, compiled. It is written as a JSON object of path → condition, all of
// which must hold:
//
//	{"source": "shop", "payload.amount": {"gte": 100}, "payload.country": ["DE", "AT"]}
//
// A path is type, source, or payload and names or positions joined by dots. A condition is a value (equal),
// an array (any of them), or an object of operators: eq, ne, gt, gte, lt, lte, prefix, suffix, contains, in,
// exists. Beside paths, "any" holds a list of filters of which one must match, and "not" a filter that must not.
// Numbers are compared as numbers, text by its bytes; values of different kinds are never equal, and only
// ne holds of a path that leads nowhere.
type Filter struct {
	all []func(*filterInput) bool
}

// The bounds on a filter.
const (
	MaxFilterSize  = 4 << 10 // bytes
	maxFilterDepth = 5
)

type filterInput struct {
	event   *Event
	payload any // decoded once, when a path first needs it
	decoded bool
}

// ParseFilter compiles a filter; nil or null is the filter that lets everything through. Fields of faults
// begin with "filter".
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
	return f, p.faults
}

func decodeNumbers(raw []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// Empty reports whether it has no condition: everything passes.
func (f *Filter) Empty() bool { return len(f.all) == 0 }

// Match reports whether an event passes.
func (f *Filter) Match(e *Event) bool {
	return f.match(&filterInput{event: e})
}

func (f *Filter) match(in *filterInput) bool {
	for _, holds := range f.all {
		if !holds(in) {
			return false
		}
	}
	return true
}

type filterParser struct{ faults []FieldError }

func (p *filterParser) fail(field, reason string) {
	p.faults = append(p.faults, FieldError{field, reason})
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
	return f
}

func (p *filterParser) entry(field, name string, value any, depth int) func(*filterInput) bool {
	switch name {
	case "any":
		return p.anyOf(field+".any", value, depth)
	case "not":
		inner := p.filter(field+".not", value, depth+1)
		return func(in *filterInput) bool { return !inner.match(in) }
	}
	look, reason := parsePath(name)
	if reason != "" {
		p.fail(field+"."+name, reason)
	}
	holds := p.condition(field+"."+name, value)
	return func(in *filterInput) bool { return holds(look(in)) }
}

func (p *filterParser) anyOf(field string, value any, depth int) func(*filterInput) bool {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		p.fail(field, "must be a list of filters")
		return nil
	}
	filters := make([]*Filter, len(list))
	for i, v := range list {
		filters[i] = p.filter(fmt.Sprintf("%s[%d]", field, i), v, depth+1)
	}
	return func(in *filterInput) bool {
		return slices.ContainsFunc(filters, func(f *Filter) bool { return f.match(in) })
	}
}

// found is what a path leads to.
type found struct {
	value any
	ok    bool
}

func parsePath(name string) (look func(*filterInput) found, reason string) {
	switch name {
	case "type":
		return func(in *filterInput) found { return found{in.event.Type, true} }, ""
	case "source":
		return func(in *filterInput) found { return found{in.event.Source, true} }, ""
	}
	steps := strings.Split(name, ".")
	if steps[0] != "payload" || slices.Contains(steps, "") {
		return nil, "is no path: use type, source, or payload.<name>"
	}
	return func(in *filterInput) found { return walkPath(in.decode(), steps[1:]) }, ""
}

func (in *filterInput) decode() any {
	if !in.decoded {
		in.payload, _ = decodeNumbers(in.event.Payload) // a payload is valid JSON
		in.decoded = true
	}
	return in.payload
}

func walkPath(value any, steps []string) found {
	for _, step := range steps {
		switch v := value.(type) {
		case map[string]any:
			next, ok := v[step]
			if !ok {
				return found{}
			}
			value = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return found{}
			}
			value = v[i]
		default:
			return found{}
		}
	}
	return found{value, true}
}

// PayloadText gives the value at a path of the payload as text, for an order key: text as it is, anything else
// as JSON. "": the path leads nowhere, or to null. As in a filter, the path may begin with "payload.".
func PayloadText(payload json.RawMessage, path string) string {
	value, err := decodeNumbers(payload)
	if err != nil {
		return ""
	}
	at := walkPath(value, strings.Split(strings.TrimPrefix(path, "payload."), "."))
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

func (p *filterParser) condition(field string, value any) func(found) bool {
	switch v := value.(type) {
	case map[string]any:
		return p.operators(field, v)
	case []any:
		return p.operator(field, "in", v)
	default:
		return p.operator(field, "eq", v)
	}
}

func (p *filterParser) operators(field string, object map[string]any) func(found) bool {
	if len(object) == 0 {
		p.fail(field, "has no operator")
	}
	var all []func(found) bool
	for _, name := range slices.Sorted(maps.Keys(object)) {
		all = append(all, p.operator(field, name, object[name]))
	}
	return func(at found) bool {
		for _, holds := range all {
			if !holds(at) {
				return false
			}
		}
		return true
	}
}

func (p *filterParser) operator(field, name string, operand any) func(found) bool {
	switch name {
	case "eq":
		return func(at found) bool { return at.ok && equal(at.value, operand) }
	case "ne":
		return func(at found) bool { return !at.ok || !equal(at.value, operand) }
	case "exists":
		want, ok := operand.(bool)
		if !ok {
			p.fail(field+".exists", "must be true or false")
		}
		return func(at found) bool { return at.ok == want }
	case "in":
		list, ok := operand.([]any)
		if !ok || len(list) == 0 {
			p.fail(field+".in", "must be a list of values")
		}
		return func(at found) bool {
			return at.ok && slices.ContainsFunc(list, func(v any) bool { return equal(at.value, v) })
		}
	case "gt", "gte", "lt", "lte":
		return p.compare(field+"."+name, name, operand)
	case "prefix", "suffix", "contains":
		return p.text(field+"."+name, name, operand)
	}
	p.fail(field, fmt.Sprintf("has the unknown operator %q; there are eq, ne, gt, gte, lt, lte, prefix, suffix, contains, in and exists", name))
	return nil
}

func (p *filterParser) text(field, name string, operand any) func(found) bool {
	want, ok := operand.(string)
	if !ok {
		p.fail(field, "must be text")
	}
	test := map[string]func(s, part string) bool{"prefix": strings.HasPrefix, "suffix": strings.HasSuffix, "contains": strings.Contains}[name]
	return func(at found) bool {
		s, isText := at.value.(string)
		return isText && test(s, want)
	}
}

func (p *filterParser) compare(field, name string, operand any) func(found) bool {
	switch operand.(type) {
	case json.Number, string:
	default:
		p.fail(field, "must be a number or text")
	}
	return func(at found) bool {
		order, comparable := compareValues(at.value, operand)
		switch {
		case !comparable:
			return false
		case name == "gt":
			return order > 0
		case name == "gte":
			return order >= 0
		case name == "lt":
			return order < 0
		default:
			return order <= 0
		}
	}
}

func compareValues(a, b any) (order int, ok bool) {
	switch x := a.(type) {
	case json.Number:
		y, isNumber := b.(json.Number)
		if !isNumber {
			return 0, false
		}
		return compareNumbers(x, y), true
	case string:
		y, isText := b.(string)
		return strings.Compare(x, y), isText
	default:
		return 0, false
	}
}

// compareNumbers compares whole numbers of 64 bits exactly, all others as float64.
func compareNumbers(x, y json.Number) int {
	i, errI := x.Int64()
	j, errJ := y.Int64()
	if errI == nil && errJ == nil {
		switch {
		case i < j:
			return -1
		case i > j:
			return 1
		}
		return 0
	}
	f, _ := x.Float64() // out of range is ±Inf, which compares
	g, _ := y.Float64()
	switch {
	case f < g:
		return -1
	case f > g:
		return 1
	}
	return 0
}

func equal(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		return ok && compareNumbers(x, y) == 0
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, equal)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equal)
	default: // text, bool, null
		switch b.(type) {
		case map[string]any, []any:
			return false
		}
		return a == b
	}
}
