package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/apier/apier"
)

// readBody reads a body of at most limit bytes that must be UTF-8.
func readBody(c *call, limit int) ([]byte, error) {
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		c.w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
		return nil, apier.Errorf(apier.CodeUnsupportedMedia, "The body is sent with Content-Encoding: %s, which is not read here. Send it as it is.", coding)
	}
	body, err := c.readAll(limit)
	var refused *apier.Error
	if errors.As(err, &refused) {
		return nil, refused
	}
	if errors.Is(err, errTooLong) {
		return nil, apier.Errorf(apier.CodeTooLarge, "The request body is over %d bytes. Send less at once, or raise --max-payload-bytes or --max-batch-bytes.", limit)
	}
	if err != nil {
		return nil, apier.Errorf(apier.CodeMalformed, "The request body ended too early.")
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // the byte order mark that some editors and .NET write
	if isUTF16(body) {
		return nil, apier.Errorf(apier.CodeMalformed, "The body is UTF-16; JSON is sent as UTF-8.")
	}
	if !utf8.Valid(body) {
		return nil, apier.Errorf(apier.CodeMalformed, "The body is not valid UTF-8 at %s.", place(body, invalidUTF8(body)))
	}
	return body, nil
}

// isUTF16 reports whether a text that begins with an ASCII character is UTF-16, with or without its mark.
func isUTF16(body []byte) bool {
	if len(body) < 2 {
		return false
	}
	marked := body[0] == 0xff && body[1] == 0xfe || body[0] == 0xfe && body[1] == 0xff
	return marked || (body[0] == 0) != (body[1] == 0)
}

// invalidUTF8 gives the offset of the first byte that is not UTF-8.
func invalidUTF8(body []byte) int {
	for i := 0; i < len(body); {
		r, size := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(body)
}

// place names an offset for people.
func place(body []byte, offset int) string {
	before := body[:min(max(offset, 0), len(body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// decodeEvent reads one event from valid JSON and lists every field at fault. path names it in errors: ""
// alone, "[3]." in a batch. Names must be exact: encoding/json into a struct would take "TYPE" for "type",
// and of two payloads silently the last.
func decodeEvent(raw []byte, path string, limits apier.PayloadLimits) (apier.NewEvent, []apier.FieldError) {
	var f fields
	if !members(raw, f.set) {
		return apier.NewEvent{}, []apier.FieldError{{Field: path + "event", Reason: "must be a JSON object with type, source and payload"}}
	}
	faults := f.faults
	for _, missing := range f.event.Validate(limits) {
		if !slices.ContainsFunc(f.faults, func(known apier.FieldError) bool { return known.Field == missing.Field }) {
			faults = append(faults, missing)
		}
	}
	slices.SortStableFunc(faults, func(a, b apier.FieldError) int { return rank(a.Field) - rank(b.Field) })
	for i := range faults {
		faults[i].Field = path + faults[i].Field
	}
	return f.event, faults
}

// rank is where a field stands in an event and in a list of faults.
func rank(name string) int {
	switch name {
	case "type":
		return 0
	case "source":
		return 1
	case "payload":
		return 2
	default:
		return 3
	}
}

// fields collects the fields of one event and what is wrong with their form.
type fields struct {
	event  apier.NewEvent
	seen   [3]bool // by rank
	faults []apier.FieldError
}

func (f *fields) set(quoted, value []byte) {
	name, _ := unquote(quoted)
	n := rank(name)
	switch {
	case n == len(f.seen):
		f.fault(name, "is not a field of an event; put it into payload")
		return
	case f.seen[n]:
		f.fault(name, "stands there more than once")
		return
	}
	f.seen[n] = true
	ok := true
	switch n {
	case 0:
		f.event.Type, ok = unquote(value)
	case 1:
		f.event.Source, ok = unquote(value)
		f.event.Source = norm.NFC.String(f.event.Source)
	case 2:
		f.event.Payload = bytes.Clone(value) // it outlives the body, in the live log
	}
	switch {
	case !ok:
		f.fault(name, "must be a string")
	case n == 1 && strings.ContainsRune(f.event.Source, utf8.RuneError) && apier.HasHalfSurrogate(value):
		f.fault(name, "contains half of a surrogate pair (\\ud800 to \\udfff), which is no character")
	}
}

func (f *fields) fault(name, reason string) {
	f.faults = append(f.faults, apier.FieldError{Field: name, Reason: reason})
}

// maxReadDepth is where encoding/json stops. What is deeper is not even known to be JSON.
const maxReadDepth = 10_000

// checkJSON fails with the place where JSON stops being JSON. maxDepth is for the words.
func checkJSON(body []byte, maxDepth int) error {
	if json.Valid(body) { // the usual case, without a copy
		return nil
	}
	var syntax *json.SyntaxError
	err := json.Unmarshal(body, new(json.RawMessage))
	switch {
	case apier.IsDeeper(body, maxReadDepth):
		return invalid([]apier.FieldError{tooDeep(body, "", maxDepth)})
	case len(bytes.TrimSpace(body)) == 0:
		return apier.Errorf(apier.CodeMalformed, "The body is empty; JSON is expected.")
	case errors.As(err, &syntax):
		return apier.Errorf(apier.CodeMalformed, "The body is not valid JSON at %s: %s.", place(body, faultOffset(syntax)), syntaxWords(body, syntax))
	default:
		return apier.Errorf(apier.CodeMalformed, "The body is not valid JSON.")
	}
}

// tooDeep names the member, of the object or of an object in the array, that has too many levels.
func tooDeep(body []byte, path string, maxDepth int) apier.FieldError {
	if maxDepth <= 0 {
		maxDepth = maxReadDepth
	}
	return apier.FieldError{Field: path + deepMember(body, maxDepth), Reason: apier.DepthProblem(body, maxDepth)}
}

// deepMember returns the path of the member in which the limit is passed, of what may be no valid JSON.
func deepMember(body []byte, limit int) string {
	var inArray [3]bool // by level, from 1
	var index [3]int
	var name [3]string
	for i, depth := 0, 0; i < len(body); i++ {
		shallow := depth > 0 && depth < len(name)
		switch body[i] {
		case '"':
			end := closingQuote(body, i)
			if shallow {
				name[depth], _ = unquote(body[i:min(end+1, len(body))])
			}
			i = end
		case ',':
			if shallow {
				index[depth]++
			}
		case '{', '[':
			if depth++; depth > limit {
				if inArray[1] {
					return fmt.Sprintf("[%d].%s", index[1], name[2])
				}
				return name[1]
			}
			if depth < len(name) {
				inArray[depth], index[depth] = body[i] == '[', 0
			}
		case '}', ']':
			depth--
		}
	}
	return ""
}

// syntaxWords says what is wrong in terms of characters: encoding/json names the byte, which may be a part of one.
func syntaxWords(body []byte, syntax *json.SyntaxError) string {
	words := syntax.Error()
	at := faultOffset(syntax)
	if rest, ok := strings.CutPrefix(words, "invalid character "); ok && at >= 0 && at < len(body) && body[at] >= utf8.RuneSelf {
		if _, why, found := strings.Cut(rest, "' "); found {
			r, _ := utf8.DecodeRune(body[at:])
			return "invalid character " + strconv.QuoteRune(r) + " " + why
		}
	}
	return words
}

// faultOffset gives the offset of the byte at fault; where the JSON just ends, that after the last.
func faultOffset(syntax *json.SyntaxError) int {
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		return int(syntax.Offset)
	}
	return int(syntax.Offset) - 1
}

// splitBatch gives the events of a batch: a JSON array, or NDJSON, one object a line.
func splitBatch(body []byte, maxDepth int) ([]json.RawMessage, error) {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := checkJSON(body, maxDepth); err != nil {
			return nil, err
		}
		return elements(trimmed), nil
	}
	var items []json.RawMessage
	offset := 0
	for line := range bytes.Lines(body) {
		if text := bytes.TrimSpace(line); len(text) > 0 {
			if !json.Valid(text) {
				if apier.IsDeeper(text, maxReadDepth) {
					return nil, invalid([]apier.FieldError{tooDeep(text, "["+strconv.Itoa(len(items))+"].", maxDepth)})
				}
				return nil, badLine(body, offset, line)
			}
			items = append(items, text)
		}
		offset += len(line)
	}
	return items, nil
}

func badLine(body []byte, offset int, line []byte) error {
	var syntax *json.SyntaxError
	words := "it is no JSON"
	if errors.As(json.Unmarshal(bytes.TrimRight(line, " \t\r\n"), new(json.RawMessage)), &syntax) {
		words = syntaxWords(line, syntax)
		offset += faultOffset(syntax)
	}
	return apier.Errorf(apier.CodeMalformed, "The batch is not valid NDJSON at %s: %s. Send a JSON array, or NDJSON with one object a line.", place(body, offset), words)
}

// maxFaults bounds an answer: a request of megabytes could name millions.
const maxFaults = 1000

func invalid(faults []apier.FieldError) error {
	words := make([]string, 0, len(faults))
	for _, f := range faults[:min(len(faults), 3)] {
		words = append(words, f.Field+" "+f.Reason)
	}
	if more := len(faults) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return &apier.Error{Code: apier.CodeInvalid, Message: "Nothing was stored: " + strings.Join(words, "; ") + ".", Fields: faults[:min(len(faults), maxFaults)]}
}
