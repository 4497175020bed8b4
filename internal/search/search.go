// Package search decides whether an event holds a text. It compares values, not spellings: names and texts
// of JSON are decoded, brought to NFC and folded, so that Müller is found where a sender wrote M\u00fcller.
// protocol/vectors/search.json says what that means, for this package and for the dashboard alike.
package search

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Query is a text that is searched for.
type Query struct {
	folded string
	ascii  bool // folded is
	inside bool // folded has only bytes that never stand between the values of JSON
}

// New returns the query for a text as somebody typed it.
func New(text string) Query { return Folded(Fold(text)) }

// Folded returns the query for a text that Fold returned.
func Folded(text string) Query {
	q := Query{folded: text, ascii: true, inside: true}
	for i := range len(text) {
		c := text[i]
		q.ascii = q.ascii && c < utf8.RuneSelf
		q.inside = q.inside && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')
	}
	return q
}

// Fold returns a text as texts are compared: in NFC, its letters by simple case folding, without U+0000.
func Fold(text string) string {
	if isPlain([]byte(text)) {
		return strings.ToLower(text)
	}
	return strings.Map(foldRune, norm.NFC.String(text))
}

// foldRune returns the first of the letters that differ in case alone, or that of ASCII in lower case.
func foldRune(r rune) rune {
	if r == 0 {
		return -1
	}
	first := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		first = min(first, other)
	}
	if first >= 'A' && first <= 'Z' {
		first += 'a' - 'A'
	}
	return first
}

// isPlain reports whether a text is ASCII without U+0000.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c == 0 || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// InText reports whether a text holds the query.
func (q Query) InText(text string) bool { return strings.Contains(Fold(text), q.folded) }

// buffers hold payloads in lower case, so that a search leaves no garbage for each event.
var buffers = sync.Pool{New: func() any { return new([]byte) }} //nolint:gochecknoglobals // a pool is shared

// InJSON reports whether a name, a text, a number or a word of valid JSON holds the query. Numbers are
// compared as they are written.
func (q Query) InJSON(raw []byte) bool {
	buffer := buffers.Get().(*[]byte) //nolint:forcetypeassert // it has no others
	defer buffers.Put(buffer)
	lower, plain := appendLower((*buffer)[:0], raw)
	*buffer = lower
	if plain { // without escapes: what is not in the whole is in no part
		if !q.ascii || !bytes.Contains(lower, []byte(q.folded)) {
			return false
		}
		if q.inside {
			return true
		}
	}
	return q.inValues(raw, lower)
}

// appendLower appends ASCII letters in lower case. plain: all is ASCII, and there is no backslash.
func appendLower(dst, raw []byte) (lower []byte, plain bool) {
	lower = slices.Grow(dst, len(raw))[:len(raw)]
	seen := byte(0) // of all bytes, the bits
	for i, c := range raw {
		seen |= c
		if c-'A' < 26 {
			c |= 'a' - 'A'
		}
		lower[i] = c
	}
	return lower, seen < utf8.RuneSelf && bytes.IndexByte(raw, '\\') < 0
}

// inValues looks at each value and name. lower is raw with ASCII letters in lower case.
func (q Query) inValues(raw, lower []byte) bool {
	for i := 0; i < len(raw); {
		end := i + 1
		switch c := raw[i]; {
		case c == '"':
			plain := true
			for ; end < len(raw) && raw[end] != '"'; end++ {
				if raw[end] == '\\' {
					end++
					plain = false
				} else if raw[end] >= utf8.RuneSelf {
					plain = false
				}
			}
			end = min(end+1, len(raw))
			if q.inString(raw[i:end], lower[i:end], plain) {
				return true
			}
		case isWord(c):
			for end < len(raw) && isWord(raw[end]) {
				end++
			}
			if bytes.Contains(lower[i:end], []byte(q.folded)) {
				return true
			}
		}
		i = end
	}
	return false
}

func (q Query) inString(quoted, lower []byte, plain bool) bool {
	if plain {
		return q.ascii && len(lower) >= 2 && bytes.Contains(lower[1:len(lower)-1], []byte(q.folded))
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return false
	}
	return q.InText(text)
}

// isWord reports whether a byte belongs to a number, true, false or null.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}
