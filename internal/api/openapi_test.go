package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/problem"
)

func readDocument(t *testing.T) (typed document, tree map[string]any) {
	t.Helper()
	if err := json.Unmarshal(openAPIDocument, &typed); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(openAPIDocument, &tree); err != nil {
		t.Fatal(err)
	}
	return typed, tree
}

func (p pathItem) operations() map[string]*operation {
	all := map[string]*operation{"GET": p.Get, "POST": p.Post, "PUT": p.Put, "PATCH": p.Patch, "DELETE": p.Delete}
	maps.DeleteFunc(all, func(_ string, op *operation) bool { return op == nil })
	return all
}

func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	d, tree := readDocument(t)
	got := map[string]string{}
	for _, path := range d.Paths {
		for method, op := range path.Value.operations() {
			got[method+" "+path.Name] = scopeOf(op)
		}
		for key := range tree["paths"].(map[string]any)[path.Name].(map[string]any) {
			if !slices.Contains([]string{"get", "post", "put", "patch", "delete", "parameters"}, key) {
				t.Errorf("%s: %s is not read by the docs page", path.Name, key)
			}
		}
	}
	want := map[string]string{}
	for _, r := range table() {
		want[r.pattern] = r.scope
	}
	if !maps.Equal(got, want) {
		t.Errorf("the document has\n%v\nthe table has\n%v", got, want)
	}
}

func TestDocumentIsWhole(t *testing.T) {
	t.Parallel()
	d, tree := readDocument(t)
	ids, tags := map[string]bool{}, map[string]bool{}
	for _, tag := range d.Tags {
		tags[tag.Name] = true
	}
	for _, path := range d.Paths {
		for method, op := range path.Value.operations() {
			name := method + " " + path.Name
			if op.Summary == "" || op.ID == "" || ids[op.ID] || len(op.Tags) != 1 || !tags[op.Tags[0]] || len(op.Responses) == 0 {
				t.Errorf("%s: summary, one known tag, an own id and answers are needed: %+v", name, op)
			}
			ids[op.ID] = true
			declared := map[string]bool{}
			for _, p := range slices.Concat(path.Value.Parameters, op.Parameters) {
				p = d.parameter(p)
				declared[p.In+" "+p.Name] = true
				if p.Name == "" || p.Description == "" {
					t.Errorf("%s: parameter %+v", name, p)
				}
			}
			for _, m := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(path.Name, -1) {
				if !declared["path "+m[1]] {
					t.Errorf("%s: {%s} is not described", name, m[1])
				}
			}
			for _, need := range answersOf(op, declared) {
				if !slices.ContainsFunc(op.Responses, func(r entry[response]) bool { return r.Name == need }) {
					t.Errorf("%s: the answer %s is not described", name, need)
				}
			}
		}
	}
	references := 0
	walk(tree, func(node map[string]any) {
		if ref, ok := node["$ref"].(string); ok {
			references++
			if resolve(tree, ref) == nil {
				t.Errorf("%s points nowhere", ref)
			}
		}
	})
	if references == 0 {
		t.Error("no reference was found")
	}
}

// answersOf gives the statuses that an operation can give for its kind, and its parameters, alone.
func answersOf(op *operation, parameters map[string]bool) []string {
	var need []string
	if scopeOf(op) != "" {
		need = append(need, "401", "403", "429", "500", "503")
	}
	if op.RequestBody != nil {
		need = append(need, "400")
	}
	for name := range parameters {
		if strings.HasPrefix(name, "query ") {
			need = append(need, "422")
		}
	}
	return need
}

func walk(node any, visit func(map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		visit(n)
		for _, child := range n {
			walk(child, visit)
		}
	case []any:
		for _, child := range n {
			walk(child, visit)
		}
	}
}

func resolve(tree map[string]any, ref string) map[string]any {
	node := tree
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		next, ok := node[part].(map[string]any)
		if !ok {
			return nil
		}
		node = next
	}
	return node
}

// conform compares a value with a schema of the document and gives what does not fit. Objects may have
// no property that the schema does not name, unless it names none.
func conform(tree map[string]any, schema map[string]any, value any, path string) []string {
	if ref, ok := schema["$ref"].(string); ok {
		return conform(tree, resolve(tree, ref), value, path)
	}
	if kinds, ok := schema["oneOf"].([]any); ok {
		return conformToOne(tree, kinds, value, path)
	}
	if types := schemaTypes(schema); len(types) > 0 && !slices.ContainsFunc(types, func(s string) bool { return isType(s, value) }) {
		return []string{fmt.Sprintf("%s: %v is not %v", path, value, types)}
	}
	var faults []string
	switch v := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				faults = append(faults, path+": "+name.(string)+" is missing")
			}
		}
		for name, member := range v {
			if of, ok := properties[name].(map[string]any); ok {
				faults = append(faults, conform(tree, of, member, path+"."+name)...)
			} else if properties != nil {
				faults = append(faults, path+": "+name+" is not described")
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, item := range v {
			faults = append(faults, conform(tree, items, item, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case string:
		if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, any(v)) {
			faults = append(faults, path+": "+v+" is not in the enum")
		}
		if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
			faults = append(faults, path+": "+v+" does not match "+pattern)
		}
	}
	return faults
}

// conformToOne compares a value with alternatives, exactly one of which has to fit.
func conformToOne(tree map[string]any, kinds []any, value any, path string) []string {
	var faults []string
	fits := 0
	for _, kind := range kinds {
		found := conform(tree, kind.(map[string]any), value, path)
		faults = append(faults, found...)
		if len(found) == 0 {
			fits++
		}
	}
	if fits == 1 {
		return nil
	}
	return append(faults, fmt.Sprintf("%s: %d of the alternatives fit", path, fits))
}

func schemaTypes(schema map[string]any) []string {
	switch t := schema["type"].(type) {
	case string:
		return []string{t}
	case []any:
		names := make([]string, len(t))
		for i := range t {
			names[i] = t[i].(string)
		}
		return names
	}
	return nil
}

func isType(name string, value any) bool {
	switch v := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case string:
		return name == "string"
	case []any:
		return name == "array"
	default:
		return name == "object"
	}
}

func TestExamplesConform(t *testing.T) {
	t.Parallel()
	_, tree := readDocument(t)
	checked := 0
	walk(tree, func(node map[string]any) {
		schema, ok := node["schema"].(map[string]any)
		if !ok {
			return
		}
		if example, ok := node["example"]; ok {
			checked++
			for _, fault := range conform(tree, schema, example, "example") {
				t.Error(fault)
			}
		}
		if problem, ok := node["example"].(map[string]any); ok && problem["code"] != nil {
			checkProblemExample(t, problem)
		}
	})
	if checked < 30 {
		t.Errorf("only %d examples were found", checked)
	}
}

func checkProblemExample(t *testing.T, example map[string]any) {
	t.Helper()
	status := problem.Status(apier.Code(example["code"].(string)))
	if example["status"] != float64(status) || example["title"] != http.StatusText(status) {
		t.Errorf("the code of %v belongs to %d", example, status)
	}
}

// bodies gives every example of the request body of an operation.
func bodies(m media) []json.RawMessage {
	all := []json.RawMessage{}
	if m.Example != nil {
		all = append(all, m.Example)
	}
	for _, e := range m.Examples {
		all = append(all, e.Value.Value)
	}
	return all
}

func TestRequestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	d, _ := readDocument(t)
	samples := w.samples(t)
	sent := 0
	for _, path := range d.Paths {
		for _, m := range postBody(path.Value) {
			if m.Name == "application/x-www-form-urlencoded" {
				continue // with a key that no server has
			}
			if strings.HasPrefix(path.Name, "/api/inbox/{id}") {
				continue // of a lease that must be there first
			}
			for _, example := range bodies(m.Value) {
				sent++
				if answer := w.do(t, "POST", samples.path(path.Name), text(example), append(as(w.admin), "Content-Type", m.Name)...); answer.status >= 300 {
					t.Errorf("%s: %d %s", path.Name, answer.status, answer.body)
				}
			}
		}
	}
	if sent != 13 {
		t.Errorf("%d examples were sent", sent)
	}
}

func postBody(p pathItem) ordered[media] {
	if p.Post == nil || p.Post.RequestBody == nil {
		return nil
	}
	return p.Post.RequestBody.Content
}

// TestAnswersConform holds what the server says to what the document says.
func TestAnswersConform(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{Config: map[string]any{"version": "test"}}})
	_, tree := readDocument(t)
	w.create(t, "order.created", "shop", `{"n":1}`)
	failed := w.create(t, "order.created", "shop", `{"n":2}`)
	w.fail(t, failed.ID, "connection refused")
	var token tokenAnswer
	w.do(t, "POST", "/api/token", "username=api&password="+w.admin, "Content-Type", "application/x-www-form-urlencoded").want(t, 200, &token)
	for _, r := range table() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if method == "DELETE" || path == "/api/docs" || path == "/api/webhook" {
			continue
		}
		samples := w.samples(t)
		_, concretePath, body := concrete(r, samples)
		headers := as(token.AccessToken)
		if path == "/api/token" {
			body, headers = "username=api&password="+w.key, append(headers, "Content-Type", "application/x-www-form-urlencoded")
		}
		switch path {
		case "/api/inbox/{id}/nack", "/api/inbox/{id}/extend":
			w.do(t, "PUT", "/api/inbox/groups/billing", `{"from":"start"}`, headers...).want(t, 200, nil)
			w.do(t, "GET", "/api/inbox?lease_seconds=60&limit=1000&group=billing", "", headers...).want(t, 200, nil)
		case "/api/webhooks/logs":
			w.do(t, "POST", "/api/webhook", "", "Authorization", "").want(t, 401, nil)
		}
		answer := w.do(t, method, concretePath, body, headers...)
		var value any
		answer.want(t, goodStatus(r.pattern), &value)
		content := documented(tree, path, strings.ToLower(method), fmt.Sprint(answer.status))["content"].(map[string]any)
		described, ok := content[answer.header.Get("Content-Type")].(map[string]any)
		if !ok {
			t.Errorf("%s: the type %q is not described", r.pattern, answer.header.Get("Content-Type"))
			continue
		}
		for _, fault := range conform(tree, described["schema"].(map[string]any), value, r.pattern) {
			t.Error(fault)
		}
	}
}

func goodStatus(pattern string) int {
	switch pattern {
	case "POST /api/events", "POST /api/events/batch", "POST /api/endpoints":
		return 201
	case "POST /api/endpoints/{id}/recover", "POST /api/events/erase", "POST /api/operations":
		return 202
	}
	return 200
}

func documented(tree map[string]any, path, method, status string) map[string]any {
	operation := tree["paths"].(map[string]any)[path].(map[string]any)[method].(map[string]any)
	answer := operation["responses"].(map[string]any)[status].(map[string]any)
	if ref, ok := answer["$ref"].(string); ok {
		return resolve(tree, ref)
	}
	return answer
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	answer := w.do(t, "GET", "/api/openapi.json", "", "Authorization", "")
	if answer.status != 200 || !bytes.Equal(answer.body, openAPIDocument) {
		t.Errorf("%d, %d bytes", answer.status, len(answer.body))
	}
	if h := answer.header; h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != describedFor || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	answer := w.do(t, "GET", "/api/docs", "", "Authorization", "")
	page := string(answer.body)
	if answer.status != 200 || answer.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", answer.status, answer.header)
	}
	// E23: with its own icon a browser asks for no /favicon.ico, which the policy would refuse.
	icons := strings.NewReplacer(`<link rel="icon" type="image/svg+xml" href="/favicon.svg">`, "", `<img src="/favicon.svg"`, "")
	if policy := answer.header.Get("Content-Security-Policy"); icons.Replace(page) == page || !strings.Contains(policy, "img-src 'self';") {
		t.Errorf("the page has no icon: %s", policy)
	}
	page = icons.Replace(page)
	for _, forbidden := range []string{"<script", "<link", "<img", "<iframe", " style=", " src=", "@import", "url(", "ZgotmplZ", "%!", "javascript:"} {
		if strings.Contains(strings.ToLower(page), strings.ToLower(forbidden)) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	if handler := regexp.MustCompile(`<[^>]+\son\w+=`).FindString(page); handler != "" {
		t.Errorf("the page holds %s", handler)
	}
	_, rest, _ := strings.Cut(page, "<style>")
	style, rest, _ := strings.Cut(rest, "</style>")
	hash := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "';"
	if csp := answer.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, want) || strings.Contains(rest, "<style") {
		t.Errorf("policy %q", csp)
	}
	for _, r := range table() {
		_, path, _ := strings.Cut(r.pattern, " ")
		if !strings.Contains(page, path+"</code>") {
			t.Errorf("the page has no %s", r.pattern)
		}
	}
	if !strings.Contains(page, "npx wscat -c") || !strings.Contains(page, "apier.v1") {
		t.Error("the page does not tell how to connect")
	}
	checkLinks(t, page)
}

func checkLinks(t *testing.T, page string) {
	t.Helper()
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("the id %s stands twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if name, local := strings.CutPrefix(m[1], "#"); local && !ids[name] || !local && m[1] != "/" && m[1] != "openapi.json" {
			t.Errorf("the link %s leads nowhere", m[1])
		}
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	d, _ := readDocument(t)
	got := map[string]string{}
	for _, g := range newDocsView(&d).Groups {
		for _, o := range g.Operations {
			got[o.ID] = o.Curl
			if strings.Count(o.Curl, "'")%2 != 0 || strings.Count(o.Curl, `'`) > 2 {
				t.Errorf("%s: a shell reads this otherwise: %s", o.ID, o.Curl)
			}
		}
	}
	auth := " \\\n  -H \"Authorization: Bearer $KEY\""
	for id, want := range map[string]string{
		"createToken":  "curl \"$APIER/api/token\" \\\n  -d \"username=api\" \\\n  -d \"password=$KEY\"",
		"refreshToken": `curl -X POST "$APIER/api/token/refresh"` + auth,
		"createEvent":  `curl "$APIER/api/events"` + auth + " \\\n  -H \"Content-Type: application/json\" \\\n  -d '" + `{"type":"order.created","source":"shop","payload":{"order_id":"A-1042","total_cents":4990,"currency":"EUR"}}'`,
		"listEvents":   `curl "$APIER/api/events?type=order.*&limit=20"` + auth,
		"deleteEvent":  `curl -X DELETE "$APIER/api/events/evt_06d86tnnr1x3372y4yw09mvfm4"` + auth,
		"getHealth":    `curl "$APIER/api/health"`,
	} {
		if got[id] != want {
			t.Errorf("%s:\n%s\nwant\n%s", id, got[id], want)
		}
	}
}
