package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed openapi.json
var openAPIDocument []byte //nolint:gochecknoglobals // go:embed needs a package variable; nothing writes to it

// describedFor is how long a client may keep the description: an upgrade shows within minutes.
const describedFor = "public, max-age=300"

// openAPI answers GET /api/openapi.json.
func (a *API) openAPI(c *call) error {
	return a.openAPIText().serve(c, "application/json")
}

// document is what the docs page shows of the OpenAPI document, in the document's order.
type document struct {
	Info struct {
		Title, Summary, Description string
	}
	Tags       []struct{ Name, Description string }
	Paths      ordered[pathItem]
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    ordered[schema]
	}
}

type pathItem struct {
	Parameters                    []parameter
	Get, Post, Put, Patch, Delete *operation
}

type operation struct {
	Tags                 []string
	ID                   string `json:"operationId"`
	Summary, Description string
	Security             []map[string][]string
	Parameters           []parameter
	RequestBody          *struct{ Content ordered[media] }
	Responses            ordered[response]
	CurlQuery            string `json:"x-curl-query"`
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                schema
	Example               json.RawMessage
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     ordered[media]
}

type media struct {
	Schema   schema
	Example  json.RawMessage
	Examples ordered[struct{ Value json.RawMessage }]
}

// example gives the first example; nil: none.
func (m media) example() json.RawMessage {
	if m.Example == nil && len(m.Examples) > 0 {
		return m.Examples[0].Value.Value
	}
	return m.Example
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        words
	Description string
	Enum        []string
	Minimum     *int64
	Maximum     *int64
	Default     json.RawMessage
	Items       *schema
	OneOf       []schema
	Properties  ordered[schema]
	Required    []string
}

// words is a string or an array of strings.
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(w))
}

// ordered is a JSON object whose order counts.
type ordered[T any] []entry[T]

type entry[T any] struct {
	Name  string
	Value T
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("an object is expected: %w", err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		e := entry[T]{Name: fmt.Sprint(name)}
		if err := d.Decode(&e.Value); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		*o = append(*o, e)
	}
	return nil
}

// refName gives the last part of a reference such as #/components/schemas/Event.
func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func (d *document) parameter(p parameter) parameter {
	if p.Ref != "" {
		return d.Components.Parameters[refName(p.Ref)]
	}
	return p
}

func (d *document) response(r response) response {
	if r.Ref != "" {
		return d.Components.Responses[refName(r.Ref)]
	}
	return r
}
