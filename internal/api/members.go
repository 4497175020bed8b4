package api

import (
	"bytes"
	"encoding/json"
)

// members gives the quoted names and the values of an object, each as the bytes that stand in raw, which
// must be valid JSON. false: it is something else than an object.
func members(raw []byte, yield func(name, value []byte)) (object bool) {
	i := skipSpace(raw, 0)
	if raw[i] != '{' {
		return false
	}
	for i = skipSpace(raw, i+1); raw[i] != '}'; {
		end := skipValue(raw, i)
		name := raw[i:end]
		i = skipSpace(raw, skipSpace(raw, end)+1) // over the colon
		end = skipValue(raw, i)
		yield(name, raw[i:end:end])
		if i = skipSpace(raw, end); raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return true
}

// elements gives the values of an array, each as the bytes that stand in raw, which must be valid JSON and
// begin with the array.
func elements(raw []byte) (values []json.RawMessage) {
	for i := skipSpace(raw, 1); raw[i] != ']'; {
		end := skipValue(raw, i)
		values = append(values, raw[i:end:end])
		if i = skipSpace(raw, end); raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return values
}

func skipSpace(raw []byte, i int) int {
	for raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\r' || raw[i] == '\n' {
		i++
	}
	return i
}

// skipValue gives the end of the value that begins at i.
func skipValue(raw []byte, i int) int {
	depth := 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = closingQuote(raw, i)
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // of the object around a number or word
				return i
			}
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

func closingQuote(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}

// unquote reads a JSON string; false: it is something else.
func unquote(value []byte) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	err := json.Unmarshal(value, &text)
	return text, err == nil
}
