package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/apier/apier"
)

// oddBodies are values that a program in a hurry sends, each as a body and as a member of one.
var oddBodies = []string{
	``, `null`, `[]`, `{}`, `true`, `"x"`, `1`, `-0`, `1e400`, `[null]`, `[[]]`, `[{}]`, `{"":1}`, `{"a":null}`, `"\ud800"`, `"\u0000"`,
}

// TestNoBodyFailsAHandler: whatever a body holds or leaves out, the answer is no 500. A selection that was missing, or
// null, once ended POST /api/operations in a panic.
func TestNoBodyFailsAHandler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, r := range table() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if method == "GET" {
			continue
		}
		path = strings.NewReplacer("{id}", "evt_1", "{name}", "g").Replace(path)
		for _, body := range bodiesFor(t, r.pattern) {
			if got := w.do(t, method, path, body); got.status == 500 {
				t.Errorf("%s with %.80s: %d %s", r.pattern, body, got.status, got.body)
			}
		}
	}
}

// bodiesFor returns the odd bodies, and objects of one member of the route's document with each of them as its value.
func bodiesFor(t *testing.T, pattern string) []string {
	t.Helper()
	bodies := append([]string(nil), oddBodies...)
	for _, name := range membersOf(t, pattern) {
		for _, value := range oddBodies[1:] {
			bodies = append(bodies, fmt.Sprintf(`{%q:%s}`, name, value))
		}
	}
	return bodies
}

func TestAnOperationNeedsASelection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, body := range []string{``, `{}`, `{"kind":"acknowledge"}`, `{"kind":"acknowledge","selection":null}`} {
		p := w.do(t, "POST", "/api/operations", body).refused(t, 422, apier.CodeInvalid)
		if last := p.Errors[len(p.Errors)-1].Field; last != "selection" {
			t.Errorf("%s: the problem is with %s, want selection", body, last)
		}
	}
}

// membersOf returns the members that the document names for the body of a route.
func membersOf(t *testing.T, pattern string) (names []string) {
	t.Helper()
	_, tree := readDocument(t)
	method, path, _ := strings.Cut(pattern, " ")
	operation := tree["paths"].(map[string]any)[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
	body, ok := operation["requestBody"].(map[string]any)
	if !ok {
		return nil
	}
	if ref, is := body["$ref"].(string); is {
		body = resolve(tree, ref)
	}
	content, _ := body["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	schema, _ := media["schema"].(map[string]any)
	if ref, is := schema["$ref"].(string); is {
		schema = resolve(tree, ref)
	}
	properties, _ := schema["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}
