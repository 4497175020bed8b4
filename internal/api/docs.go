package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

//go:embed docs.html
var docsTemplate string //nolint:gochecknoglobals // go:embed needs a package variable; nothing writes to it

// docsPage is the page as it is served.
type docsPage struct {
	html fixedText
	csp  string
}

// docs answers GET /api/docs.
func (a *API) docs(c *call) error {
	page, err := a.page()
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Security-Policy", page.csp)
	h.Set("Referrer-Policy", "no-referrer")
	return page.html.serve(c, "text/html; charset=utf-8")
}

// renderDocs makes the page from the OpenAPI document. The policy permits the page's one style by its
// hash, and the icon: no script, no other asset, no frame around it.
func renderDocs() (docsPage, error) {
	var d document
	if err := json.Unmarshal(openAPIDocument, &d); err != nil {
		return docsPage{}, fmt.Errorf("render docs: read openapi.json: %w", err)
	}
	t, err := template.New("docs").Funcs(template.FuncMap{"prose": prose, "spec": typeOf}).Parse(docsTemplate)
	if err != nil {
		return docsPage{}, fmt.Errorf("render docs: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, newDocsView(&d)); err != nil {
		return docsPage{}, fmt.Errorf("render docs: %w", err)
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindSubmatch(page.Bytes())
	if style == nil {
		return docsPage{}, fmt.Errorf("render docs: the page has no style")
	}
	hash := sha256.Sum256(style[1])
	csp := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return docsPage{newFixedText(page.Bytes()), csp}, nil
}

type docsView struct {
	Title, Summary, Description string
	Groups                      []docsGroup
	Schemas                     []entry[schema]
}

type docsGroup struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Scope, Summary, Description string
	Parameters                                    []parameter
	Body                                          []string // media types
	BodySchema                                    schema
	Curl                                          string
	Answers                                       []docsAnswer
}

type docsAnswer struct {
	Status, Description, Example string
}

func newDocsView(d *document) docsView {
	v := docsView{Title: d.Info.Title, Summary: d.Info.Summary, Description: d.Info.Description, Schemas: d.Components.Schemas}
	for _, tag := range d.Tags {
		g := docsGroup{Name: tag.Name, Description: tag.Description}
		for _, path := range d.Paths {
			for _, m := range []entry[*operation]{
				{http.MethodPost, path.Value.Post},
				{http.MethodGet, path.Value.Get},
				{http.MethodPut, path.Value.Put},
				{http.MethodPatch, path.Value.Patch},
				{http.MethodDelete, path.Value.Delete},
			} {
				if m.Value != nil && slices.Contains(m.Value.Tags, tag.Name) {
					g.Operations = append(g.Operations, d.operation(path, m.Name, m.Value))
				}
			}
		}
		v.Groups = append(v.Groups, g)
	}
	return v
}

func (d *document) operation(path entry[pathItem], method string, op *operation) docsOperation {
	o := docsOperation{
		ID: op.ID, Method: method, Path: path.Name, Scope: scopeOf(op), Summary: op.Summary, Description: op.Description,
	}
	for _, p := range slices.Concat(path.Value.Parameters, op.Parameters) {
		o.Parameters = append(o.Parameters, d.parameter(p))
	}
	if op.RequestBody != nil {
		for _, m := range op.RequestBody.Content {
			o.Body = append(o.Body, m.Name)
		}
		o.BodySchema = op.RequestBody.Content[0].Value.Schema
	}
	for _, r := range op.Responses {
		answer := d.response(r.Value)
		a := docsAnswer{Status: r.Name, Description: answer.Description}
		if r.Name[0] == '2' {
			for _, m := range answer.Content {
				a.Example += text(m.Value.example())
			}
		}
		o.Answers = append(o.Answers, a)
	}
	o.Curl = curl(o, op)
	return o
}

// scopeOf gives the scope that an operation needs; "": no credential is needed.
func scopeOf(op *operation) string {
	for _, requirement := range op.Security {
		return strings.Join(requirement["bearer"], " ")
	}
	return ""
}

// sampleKey is the API key of the document's examples; in commands the reader's own stands instead.
const sampleKey = "apier_mfrggzdfmztwq2lknnwg23tpobyxe43u"

// curl gives a command that does what the operation does, for a shell that knows APIER and KEY.
func curl(o docsOperation, op *operation) string {
	path := o.Path
	for _, p := range o.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", text(p.Example))
		}
	}
	command := `curl "$APIER` + path + op.CurlQuery + `"`
	if o.Method != http.MethodGet && (o.Method != http.MethodPost || op.RequestBody == nil) {
		command = `curl -X ` + o.Method + ` "$APIER` + path + `"`
	}
	if o.Scope != "" {
		command += " \\\n  -H \"Authorization: Bearer $KEY\""
	}
	if op.RequestBody == nil {
		return command
	}
	body := op.RequestBody.Content[0]
	if body.Name == "application/x-www-form-urlencoded" {
		return command + formArguments(body.Value.example())
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body.Value.example()); err != nil {
		return command
	}
	return command + " \\\n  -H \"Content-Type: " + body.Name + "\" \\\n  -d '" + compact.String() + "'"
}

func formArguments(example json.RawMessage) string {
	var form ordered[string]
	_ = json.Unmarshal(example, &form) // a test reads every example
	arguments := ""
	for _, field := range form {
		value := url.QueryEscape(field.Value)
		if field.Value == sampleKey {
			value = "$KEY"
		}
		arguments += " \\\n  -d \"" + field.Name + "=" + value + "\""
	}
	return arguments
}

// text shows an example: strings as they are, all else as indented JSON.
func text(example json.RawMessage) string {
	var s string
	if json.Unmarshal(example, &s) == nil {
		return s
	}
	var indented bytes.Buffer
	_ = json.Indent(&indented, example, "", "  ") // a test reads every example
	return indented.String()
}

// docsType is a schema in few words, and the name of the schema to look at.
type docsType struct{ Words, Name string }

func typeOf(s schema) docsType {
	switch {
	case s.Ref != "":
		return docsType{"", refName(s.Ref)}
	case len(s.OneOf) > 0:
		names := make([]string, len(s.OneOf))
		for i, one := range s.OneOf {
			names[i] = typeOf(one).Name
		}
		return docsType{Words: strings.Join(names, " or ")}
	case s.Items != nil:
		of := typeOf(*s.Items)
		return docsType{strings.TrimSpace("array of " + of.Words), of.Name}
	case len(s.Enum) > 0:
		return docsType{Words: strings.Join(s.Enum, " | ")}
	case s.Minimum != nil && s.Maximum != nil:
		return docsType{Words: fmt.Sprintf("%s, %d to %d", strings.Join(s.Type, " or "), *s.Minimum, *s.Maximum)}
	default:
		return docsType{Words: strings.Join(s.Type, " or ")}
	}
}

type span struct {
	Text string
	Code bool
}

// prose cuts a description at its backticks.
func prose(description string) []span {
	var spans []span
	for i, part := range strings.Split(description, "`") {
		if part != "" {
			spans = append(spans, span{part, i%2 == 1})
		}
	}
	return spans
}
