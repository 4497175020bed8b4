package apier

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// condition is what must hold of the values that a path leads to.
type condition struct {
	tests  []test // all must hold of one value
	ne     *test  // must hold of no value
	exists *bool  // whether there must be a value
}

// test is one operator with its operand.
type test struct {
	name    string
	operand any
	holds   func(value any) bool
}

func (c *condition) holds(at []any) bool {
	if c.exists != nil && *c.exists != (len(at) > 0) {
		return false
	}
	if c.ne != nil && anyValue(at, c.ne.holds) {
		return false
	}
	return len(c.tests) == 0 || anyValue(at, c.allHold)
}

func (c *condition) allHold(value any) bool {
	for _, t := range c.tests {
		if !t.holds(value) {
			return false
		}
	}
	return true
}

// anyValue reports whether one of the values, or an element of one that is an array, passes.
func anyValue(values []any, passes func(any) bool) bool {
	for _, value := range values {
		if passes(value) {
			return true
		}
		if list, ok := value.([]any); ok && slices.ContainsFunc(list, passes) {
			return true
		}
	}
	return false
}

func (p *filterParser) condition(field string, value any) *condition {
	c := &condition{}
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 {
			p.fail(field, "has no operator")
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			p.operator(c, field, name, v[name])
		}
	case []any:
		p.operator(c, field, "in", v)
	default:
		p.operator(c, field, "eq", v)
	}
	return c
}

func (p *filterParser) operator(c *condition, field, name string, operand any) {
	var holds func(any) bool
	switch name {
	case "eq":
		holds = func(v any) bool { return equal(v, operand) }
	case "ne":
		c.ne = &test{name, operand, func(v any) bool { return equal(v, operand) }}
		return
	case "exists":
		want, ok := operand.(bool)
		if !ok {
			p.fail(field+".exists", "must be true or false")
		}
		c.exists = &want
		return
	case "in":
		list, ok := operand.([]any)
		if !ok || len(list) == 0 {
			p.fail(field+".in", "must be a list of values")
		}
		holds = func(v any) bool { return slices.ContainsFunc(list, func(one any) bool { return equal(v, one) }) }
	case "gt", "gte", "lt", "lte":
		holds = p.compare(field+"."+name, name, operand)
	case "prefix", "suffix", "contains":
		holds = p.text(field+"."+name, name, operand)
	default:
		p.fail(field, fmt.Sprintf("has the unknown operator %q; there are eq, ne, gt, gte, lt, lte, prefix, suffix, contains, in and exists", name))
	}
	c.tests = append(c.tests, test{name, operand, holds})
}

func (p *filterParser) text(field, name string, operand any) func(any) bool {
	want, ok := operand.(string)
	if !ok {
		p.fail(field, "must be text")
	}
	passes := map[string]func(s, part string) bool{"prefix": strings.HasPrefix, "suffix": strings.HasSuffix, "contains": strings.Contains}[name]
	return func(v any) bool {
		s, isText := v.(string)
		return isText && passes(s, want)
	}
}

func (p *filterParser) compare(field, name string, operand any) func(any) bool {
	switch operand.(type) {
	case json.Number, string:
	default:
		p.fail(field, "must be a number or text")
	}
	return func(v any) bool {
		order, comparable := compareValues(v, operand)
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
