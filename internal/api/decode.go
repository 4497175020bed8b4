package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/apier/apier"
)

// readBody reads a body of at most limit bytes that must be UTF-8.
func readBody(c *call, limit int) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, int64(limit)))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, apier.Errorf(apier.CodeTooLarge, "The request body is over %d bytes. Send less at once, or raise --max-payload-bytes or --max-batch-bytes.", limit)
	}
	if err != nil {
		return nil, apier.Errorf(apier.CodeMalformed, "The request body ended too early.")
	}
	if !utf8.Valid(body) {
		return nil, apier.Errorf(apier.CodeMalformed, "The body is not valid UTF-8 at %s.", place(body, invalidUTF8(body)))
	}
	return body, nil
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

// decodeEvent reads one event. path names it in errors: "" alone, "[3]." in a batch.
func decodeEvent(raw []byte, path string, maxPayload int) (apier.NewEvent, []apier.FieldError) {
	var e apier.NewEvent
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	faults := []apier.FieldError(nil)
	if err := d.Decode(&e); err != nil {
		faults = diagnose(raw)
	} else {
		faults = e.Validate(maxPayload)
	}
	for i := range faults {
		faults[i].Field = path + faults[i].Field
	}
	return e, faults
}

// diagnose lists every field at fault in JSON that does not fit an event.
func diagnose(raw []byte) []apier.FieldError {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return []apier.FieldError{{Field: "event", Reason: "must be a JSON object with type, source and payload"}}
	}
	var e apier.NewEvent
	var faults []apier.FieldError
	text := func(name string, into *string) {
		if value, ok := fields[name]; ok && json.Unmarshal(value, into) != nil {
			faults = append(faults, apier.FieldError{Field: name, Reason: "must be a string"})
			*into = "x" // has its fault already
		}
		delete(fields, name)
	}
	text("type", &e.Type)
	text("source", &e.Source)
	e.Payload = fields["payload"]
	delete(fields, "payload")
	faults = append(faults, e.Validate(len(raw))...)
	unknown := make([]string, 0, len(fields))
	for name := range fields {
		unknown = append(unknown, name)
	}
	sort.Strings(unknown)
	for _, name := range unknown {
		faults = append(faults, apier.FieldError{Field: name, Reason: "is not a field of an event; put it into payload"})
	}
	return faults
}

// checkJSON fails with the place where JSON stops being JSON.
func checkJSON(body []byte) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(body, new(json.RawMessage))
	switch {
	case err == nil:
		return nil
	case len(bytes.TrimSpace(body)) == 0:
		return apier.Errorf(apier.CodeMalformed, "The body is empty; JSON is expected.")
	case errors.As(err, &syntax):
		words := strings.TrimPrefix(syntax.Error(), "json: ")
		return apier.Errorf(apier.CodeMalformed, "The body is not valid JSON at %s: %s.", place(body, int(syntax.Offset)-1), words)
	default:
		return apier.Errorf(apier.CodeMalformed, "The body is not valid JSON.")
	}
}

// splitBatch gives the events of a batch: a JSON array, or NDJSON, one object a line.
func splitBatch(body []byte) ([]json.RawMessage, error) {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := checkJSON(body); err != nil {
			return nil, err
		}
		var items []json.RawMessage
		return items, json.Unmarshal(body, &items)
	}
	var items []json.RawMessage
	offset := 0
	for line := range bytes.Lines(body) {
		if text := bytes.TrimSpace(line); len(text) > 0 {
			if !json.Valid(text) {
				return nil, apier.Errorf(apier.CodeMalformed, "Line %d of the batch is not valid JSON. Send a JSON array, or NDJSON with one object a line.", bytes.Count(body[:offset], []byte("\n"))+1)
			}
			items = append(items, text)
		}
		offset += len(line)
	}
	return items, nil
}

func invalid(faults []apier.FieldError) error {
	words := make([]string, 0, len(faults))
	for _, f := range faults[:min(len(faults), 3)] {
		words = append(words, f.Field+" "+f.Reason)
	}
	if more := len(faults) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return &apier.Error{Code: apier.CodeInvalid, Message: "Nothing was stored: " + strings.Join(words, "; ") + ".", Fields: faults}
}
