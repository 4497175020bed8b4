package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/strictjson"
)

// maxObject bounds the body of a request that sets something, bytes.
const maxObject = 64 << 10

// object is a JSON object of a request, member by member. Names must be exact, each may stand once:
// encoding/json into a struct would take "URL" for "url", and of two values silently the last.
type object []member

type member struct {
	name  string
	value []byte
}

// field is a member that an object may have, and what it is read into.
type field struct {
	name string
	into any // pointer
}

// readObject reads the request's body. None at all is the empty object.
func readObject(c *call, limit int) (object, error) {
	body, err := readBody(c, limit)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return nil, err
	}
	if err := checkJSON(body, c.maxDepth); err != nil {
		return nil, err
	}
	o, ok := asObject(body)
	if !ok {
		return nil, apier.Errorf(apier.CodeInvalid, "The body must be a JSON object.")
	}
	if faults := o.tooDeep(c.maxDepth); len(faults) > 0 {
		return nil, invalid(faults)
	}
	return o, nil
}

func (o object) tooDeep(limit int) (faults []apier.FieldError) {
	for _, m := range o {
		if apier.IsDeeper(m.value, limit) {
			faults = append(faults, apier.FieldError{Field: m.name, Reason: apier.DepthProblem(m.value, limit)})
		}
	}
	return faults
}

// asObject takes valid JSON apart; false: it is no object, or nothing at all, as a member that is missing or null.
func asObject(raw []byte) (o object, ok bool) {
	if len(raw) == 0 {
		return nil, false
	}
	ok = members(raw, func(quoted, value []byte) {
		name, _ := unquote(quoted) // a name is a string
		o = append(o, member{name, value})
	})
	return o, ok
}

func (o object) has(name string) bool {
	return slices.ContainsFunc(o, func(m member) bool { return m.name == name })
}

// decode reads the members into the fields and tells all that is wrong. What null says is what a missing
// member of a new thing says: the default.
func (o object) decode(fields ...field) (faults []apier.FieldError) {
	seen := map[string]bool{}
	for _, m := range o {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == m.name })
		switch {
		case i < 0:
			faults = append(faults, apier.FieldError{Field: m.name, Reason: "is not a field here; there are " + names(fields)})
		case seen[m.name]:
			faults = append(faults, apier.FieldError{Field: m.name, Reason: "stands there more than once"})
		default:
			seen[m.name] = true
			if err := strictjson.Check(m.value); err != nil && m.name != "payload" { // that is kept byte for byte
				faults = append(faults, apier.FieldError{Field: m.name, Reason: err.Error()})
			} else if reason := fields[i].set(m.value); reason != "" {
				faults = append(faults, apier.FieldError{Field: m.name, Reason: reason})
			}
		}
	}
	return faults
}

func (f field) set(value []byte) (reason string) {
	reflect.ValueOf(f.into).Elem().SetZero() // nor may it write into a map or slice that somebody else holds
	if string(value) == "null" {
		return ""
	}
	if json.Unmarshal(value, f.into) == nil {
		if at, ok := f.into.(*apier.Timestamp); ok {
			*at = asTime(*at)
		}
		return ""
	}
	reflect.ValueOf(f.into).Elem().SetZero()
	return "must be " + kindOf(f.into)
}

func kindOf(into any) string {
	switch into.(type) {
	case *bool:
		return "true or false"
	case *int, *int64:
		return "a whole number"
	case *float64:
		return "a number"
	case *[]string, *[]apier.EventID:
		return "an array of strings"
	case *[]json.RawMessage:
		return "an array of objects"
	case *[]int64:
		return "an array of whole numbers"
	case *map[string]string:
		return "an object of strings"
	case *apier.Timestamp:
		return "an RFC 3339 time such as 2025-11-14T17:30:00Z"
	default:
		return "a string"
	}
}

func names(fields []field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return strings.Join(all, ", ")
}

// withFaults adds what is wrong with values to what is wrong with their form, once for each field.
func withFaults(faults, more []apier.FieldError) []apier.FieldError {
	for _, m := range more {
		if !slices.ContainsFunc(faults, func(known apier.FieldError) bool { return known.Field == m.Field }) {
			faults = append(faults, m)
		}
	}
	return faults
}
