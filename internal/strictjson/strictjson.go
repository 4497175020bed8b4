// Package strictjson reads JSON objects that somebody else wrote, such as tokens, key sets and frames of clients.
// Names are compared byte by byte. encoding/json folds case where it decodes into a struct, so that "SCOPE" or "ſcope"
// would be taken for "scope", and of two members of one name it silently takes the last.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may stand within each other.
const MaxDepth = 64

// Errors of Check and Decode. None holds a value, which may be a credential.
var (
	ErrSyntax   = errors.New("is not valid JSON in UTF-8")
	ErrTooDeep  = fmt.Errorf("is nested more than %d deep", MaxDepth)
	ErrNoObject = errors.New("is not a JSON object")
)

// DuplicateError reports a name that stands more than once in one object.
type DuplicateError struct{ Name string }

func (e *DuplicateError) Error() string { return fmt.Sprintf("has the name %q more than once", e.Name) }

// Object is a JSON object by the exact names of its members.
type Object map[string]json.RawMessage

// Decode reads one object and nothing behind it.
func Decode(raw []byte) (Object, error) {
	if err := Check(raw); err != nil {
		return nil, err
	}
	o := Object{}
	if !Members(raw, func(name string, value json.RawMessage) { o[name] = value }) {
		return nil, ErrNoObject
	}
	return o, nil
}

// Check reports what is wrong with one JSON value: its syntax, its depth, or a name that stands twice in an object,
// however deep.
func Check(raw []byte) error {
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return ErrSyntax
	}
	_, err := check(raw, skipSpace(raw, 0), 1)
	return err
}

// Members calls yield with the name and the value of each member of an object, in order. raw must be valid JSON.
// It returns false if raw is something else than an object.
func Members(raw []byte, yield func(name string, value json.RawMessage)) bool {
	i := skipSpace(raw, 0)
	if raw[i] != '{' {
		return false
	}
	for i = skipSpace(raw, i+1); raw[i] != '}'; {
		end := skipText(raw, i)
		name := unquote(raw[i:end])
		i = skipSpace(raw, skipSpace(raw, end)+1) // behind the colon
		end = skipValue(raw, i)
		yield(name, raw[i:end:end])
		i = next(raw, end)
	}
	return true
}

// Text returns a member that is a string. A member that is missing or null is no error: ok is false.
func (o Object) Text(name string) (text string, ok bool, err error) {
	raw := o[name]
	if isNull(raw) {
		return "", false, nil
	}
	if raw[0] != '"' {
		return "", false, fmt.Errorf("%q must be a string", name)
	}
	text, err = readText(name, raw)
	return text, err == nil, err
}

// Texts returns a member that is an array of strings. ok is false if it is missing or null.
func (o Object) Texts(name string) (texts []string, ok bool, err error) {
	raw := o[name]
	if isNull(raw) {
		return nil, false, nil
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil, false, fmt.Errorf("%q must be an array of strings", name)
	}
	texts = make([]string, len(items))
	for i, item := range items {
		if item[0] != '"' {
			return nil, false, fmt.Errorf("%q must be an array of strings", name)
		}
		if texts[i], err = readText(name, item); err != nil {
			return nil, false, err
		}
	}
	return texts, true, nil
}

// readText refuses half of a surrogate pair: it is read as U+FFFD, so that different texts would become the same.
func readText(name string, raw []byte) (string, error) {
	text := unquote(raw)
	if bytes.IndexByte(raw, '\\') >= 0 && bytes.ContainsRune([]byte(text), utf8.RuneError) && !bytes.ContainsRune(raw, utf8.RuneError) {
		return "", fmt.Errorf("%q contains half of a surrogate pair", name)
	}
	return text, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// fewNames is up to where names are compared one by one, which needs no map.
const fewNames = 16

// names are those that an object has had so far.
type names struct {
	list []string
	set  map[string]struct{} // once there are many
}

// add returns false for a name that was there.
func (n *names) add(name string) bool {
	if n.set != nil {
		_, known := n.set[name]
		n.set[name] = struct{}{}
		return !known
	}
	if slices.Contains(n.list, name) {
		return false
	}
	if n.list = append(n.list, name); len(n.list) > fewNames {
		n.set = map[string]struct{}{}
		for _, known := range n.list {
			n.set[known] = struct{}{}
		}
	}
	return true
}

// check walks over the value at i of valid JSON and returns where it ends.
func check(raw []byte, i, depth int) (end int, err error) {
	if raw[i] != '{' && raw[i] != '[' {
		return skipScalar(raw, i), nil
	}
	if depth > MaxDepth {
		return i, ErrTooDeep
	}
	object, seen := raw[i] == '{', names{}
	for i = skipSpace(raw, i+1); raw[i] != '}' && raw[i] != ']'; {
		if object {
			end := skipText(raw, i)
			if name := unquote(raw[i:end]); !seen.add(name) {
				return i, &DuplicateError{name}
			}
			i = skipSpace(raw, skipSpace(raw, end)+1) // behind the colon
		}
		if i, err = check(raw, i, depth+1); err != nil {
			return i, err
		}
		i = next(raw, i)
	}
	return i + 1, nil
}

// next returns where the member or element behind the one that ends at i begins, or the bracket that closes.
func next(raw []byte, i int) int {
	if i = skipSpace(raw, i); raw[i] == ',' {
		i = skipSpace(raw, i+1)
	}
	return i
}

func skipSpace(raw []byte, i int) int {
	for raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\r' || raw[i] == '\n' {
		i++
	}
	return i
}

// skipValue returns the end of the value that begins at i.
func skipValue(raw []byte, i int) int {
	if raw[i] != '{' && raw[i] != '[' {
		return skipScalar(raw, i)
	}
	for depth := 0; ; {
		switch raw[i] {
		case '"':
			i = skipText(raw, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
}

func skipScalar(raw []byte, i int) int {
	if raw[i] == '"' {
		return skipText(raw, i)
	}
	for i < len(raw) && !bytes.ContainsRune([]byte(",:]} \t\r\n"), rune(raw[i])) {
		i++
	}
	return i
}

// skipText returns the end of the string that begins at i.
func skipText(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote reads a valid JSON string.
func unquote(quoted []byte) (text string) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	_ = json.Unmarshal(quoted, &text) // it is valid
	return text
}
