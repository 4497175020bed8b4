package apier

import (
	"encoding/json"
	"strings"
)

// never returns the field and the reason why the condition can hold of no event; no reason: it can.
func (c *condition) never(field string, path filterPath) (at, reason string) {
	always := path.root != "payload" || len(path.steps) == 0
	switch {
	case c.exists != nil && !*c.exists && always:
		return field + ".exists", "can never hold: every event has it"
	case c.exists != nil && !*c.exists && len(c.tests) > 0:
		return field, "can never hold: where nothing exists there is no value to compare"
	}
	if path.root != "payload" {
		if name, reason := neverOfText(path.root, c.tests); reason != "" {
			return field + name, reason
		}
	} else if name, reason := neverOfObject(path, c.tests); reason != "" {
		return field + name, reason
	}
	if values, listed := c.listed(); listed {
		return field, c.neverOfList(values)
	}
	return field, neverInRange(c.tests)
}

// neverOfText is about type and source, which are always text.
func neverOfText(root string, tests []test) (name, reason string) {
	for _, t := range tests {
		possible := false
		for _, operand := range t.operands() {
			text, isText := operand.(string)
			possible = possible || isText && (root != "type" || couldBeType(t.name, text))
		}
		if !possible {
			return "." + t.name, "can never hold: a " + root + " is always text" + typeAlphabet(root)
		}
	}
	return "", ""
}

func typeAlphabet(root string) string {
	if root == "type" {
		return " of letters, digits, '.', '_' and '-'"
	}
	return ""
}

func couldBeType(operator, text string) bool {
	switch operator {
	case "eq", "in":
		return typeFault(text) == ""
	case "prefix", "suffix", "contains":
		return text == "" || typeFault(text) == ""
	}
	return true
}

// neverOfObject is about the payload itself, which is always an object.
func neverOfObject(path filterPath, tests []test) (name, reason string) {
	for _, t := range tests {
		possible := len(path.steps) > 0
		for _, operand := range t.operands() {
			_, isObject := operand.(map[string]any)
			possible = possible || isObject
		}
		if !possible {
			return "." + t.name, "can never hold: a payload is always an object; name a member of it, such as payload.id"
		}
	}
	return "", ""
}

func (t test) operands() []any {
	if list, ok := t.operand.([]any); ok && t.name == "in" {
		return list
	}
	return []any{t.operand}
}

// listed returns the values that eq and in leave possible.
func (c *condition) listed() (values []any, listed bool) {
	for _, t := range c.tests {
		if t.name == "eq" || t.name == "in" {
			return t.operands(), true
		}
	}
	return nil, false
}

func (c *condition) neverOfList(values []any) string {
	for _, v := range values {
		if c.allHold(v) && (c.ne == nil || !c.ne.holds(v)) {
			return ""
		}
	}
	return "can never hold: no value that it asks for meets its other operators"
}

// neverInRange is about conditions that name no values.
func neverInRange(tests []test) string {
	var numbers, texts bool
	for _, t := range tests {
		_, isNumber := t.operand.(json.Number)
		numbers, texts = numbers || isNumber, texts || !isNumber
		if t.name == "lt" && t.operand == "" {
			return "can never hold: nothing is less than the empty text"
		}
	}
	if numbers && texts {
		return "can never hold: no value is a number and text at once"
	}
	for _, low := range tests {
		for _, high := range tests {
			if isContradiction(low, high) {
				return "can never hold: no value is at once " + low.String() + " and " + high.String()
			}
		}
	}
	return ""
}

func isContradiction(low, high test) bool {
	isLow := strings.HasPrefix(low.name, "g") || low.name == "prefix" // what begins with it is not below it
	if !isLow || !strings.HasPrefix(high.name, "l") {
		return false
	}
	order, _ := compareValues(low.operand, high.operand)
	return order > 0 || order == 0 && (low.name == "gt" || high.name == "lt")
}

func (t test) String() string {
	operand, _ := json.Marshal(t.operand) // it was decoded
	return t.name + " " + string(operand)
}
