package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

// nested returns an object with so many levels.
func nested(levels int) string {
	return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

func eventOf(payload string) string { return `{"type":"a.b","source":"s","payload":` + payload + `}` }

// The limit of levels is the same for one event, a batch, NDJSON, a dry run, and all else that takes JSON.
func TestDepthIsLimitedEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	good := eventOf("{}")
	for _, levels := range []int{101, 9998, 20_000} {
		deep := eventOf(nested(levels))
		for name, tc := range map[string]struct{ method, path, body, field string }{
			"alone":       {"POST", "/api/events", deep, "payload"},
			"dry run":     {"POST", "/api/events?dry_run=true", deep, "payload"},
			"batch":       {"POST", "/api/events/batch", "[" + good + "," + deep + "]", "[1].payload"},
			"NDJSON":      {"POST", "/api/events/batch", good + "\n\n" + deep + "\n", "[1].payload"},
			"dry batch":   {"POST", "/api/events/batch?dry_run=true", "[" + deep + "]", "[0].payload"},
			"filter":      {"POST", "/api/endpoints", `{"url":"https://x.example","filter":{"payload.a":{"eq":` + nested(levels) + `}}}`, "filter"},
			"headers":     {"POST", "/api/endpoints", `{"url":"https://x.example","headers":` + nested(levels) + `}`, "headers"},
			"group":       {"PUT", "/api/inbox/groups/g", `{"filter":` + nested(levels) + `}`, "filter"},
			"erasure":     {"POST", "/api/events/erase", `{"filter":` + nested(levels) + `}`, "filter"},
			"test filter": {"POST", "/api/endpoints/filter-test", `{"filter":` + nested(levels) + `}`, "filter"},
			"signature":   {"POST", "/api/webhooks/verify", `{"headers":` + nested(levels) + `}`, "headers"},
		} {
			p := w.do(t, tc.method, tc.path, tc.body, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
			if len(p.Errors) != 1 || p.Errors[0].Field != tc.field || !strings.Contains(p.Errors[0].Reason, "100 are allowed (--max-depth)") {
				t.Errorf("%d levels, %s: %+v", levels, name, p.Errors)
			}
		}
	}
	w.create(t, "a.b", "s", nested(100))
	if got := w.seq(t); got != 1 {
		t.Errorf("%d changes, want that of the one event of 100 levels", got)
	}
}

func TestDepthLimitIsASetting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{MaxDepth: 5}})
	w.create(t, "a.b", "s", nested(5))
	p := w.do(t, "POST", "/api/events", eventOf(nested(6))).refused(t, 422, apier.CodeInvalid)
	if want := "is nested 6 levels deep, at most 5 are allowed (--max-depth)"; p.Errors[0].Reason != want {
		t.Errorf("%q, want %q", p.Errors[0].Reason, want)
	}
}

// A payload that was stored before the limit costs its neighbours nothing: the page can be read, and the
// item says what is wrong with it and where it is whole.
func TestAnOldDeepPayloadBreaksNoPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	deep := nested(9998)
	events := []apier.NewEvent{
		{Type: "a.b", Source: "s", Payload: json.RawMessage(`{"n":1}`)},
		{Type: "a.b", Source: "s", Payload: json.RawMessage(deep)},
		{Type: "a.b", Source: "s", Payload: json.RawMessage(`{"n":3}`)},
	}
	receipts, err := w.store.Append(t.Context(), auth.DefaultTenant, events, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := receipts.Events[1].ID
	whole := w.do(t, "GET", "/api/events/"+string(id), "")
	if !bytes.Contains(whole.body, []byte(`"payload":`+deep+`,`)) || !bytes.Contains(whole.body, []byte(`"payload_problem":"is nested 9998 levels`)) {
		t.Errorf("GET of the event alone: %.200s … %.100s", whole.body, whole.body[len(whole.body)-100:])
	}
	for _, path := range []string{
		"/api/events", "/api/inbox", "/api/inbox?after=0", "/api/events/export", "/api/events/export?format=ndjson", "/api/inbox?lease_seconds=30",
	} {
		body := w.do(t, "GET", path, "").body
		if apier.Depth(body) > 10 {
			t.Errorf("%s has %d levels", path, apier.Depth(body))
		}
		for _, part := range []string{`{"n":1}`, `{"n":3}`, `"payload":{},"payload_problem":"is nested 9998 levels deep, at most 100 are allowed (--max-depth); GET /api/events/{id} has it"`} {
			if n := bytes.Count(body, []byte(part)); n != 1 {
				t.Errorf("%s has %s %d times", path, part, n)
			}
		}
	}
	if csv := w.do(t, "GET", "/api/events/export?format=csv", "").body; !bytes.Contains(csv, []byte(strings.Repeat("[", 9997))) {
		t.Error("the table lacks the payload, which is text there")
	}
}

// Odd values are accepted, and stay byte for byte on every way out.
func TestOddValuesStayByteForByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	payload := `{"id":18446744073709551615,"order_id":9007199254740993,"amount":12345678901234567.89,"z":1.0,"e":1E2,"x":1e400,` +
		`"dup":1,"dup":2,"b":{"10":1,"2":2},"s":"\ud800 \u0000 M\u00fcller https:\/\/x <&>", "sp" :  [ ] }`
	id := w.create(t, "a.b", "s", payload).ID
	for _, path := range []string{
		"/api/events", "/api/events/" + string(id), "/api/inbox", "/api/inbox?after=0", "/api/events/export", "/api/events/export?format=ndjson",
		"/api/inbox?lease_seconds=30", "/api/events?search=M%C3%BCller",
	} {
		if body := w.do(t, "GET", path, "").body; !bytes.Contains(body, []byte(`"payload":`+payload+`,`)) {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// A byte order mark is dropped, UTF-16 is named, and so is the character that is at fault.
func TestWordsAboutEncodingsAreForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.do(t, "POST", "/api/events", "\ufeff"+eventOf(`{"a":1}`)).want(t, 201, nil)
	w.do(t, "POST", "/api/events/batch", "\ufeff["+eventOf(`{}`)+"]").want(t, 201, nil)
	w.do(t, "POST", "/api/events/batch", "\ufeff"+eventOf(`{}`)+"\n"+eventOf(`{}`)).want(t, 201, nil)
	w.do(t, "POST", "/api/endpoints", "\ufeff"+`{"url":"https://x.example"}`, as(w.admin)...).want(t, 201, nil)
	var wide []byte
	for _, unit := range utf16.Encode([]rune(eventOf("{}"))) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	for name, tc := range map[string]struct{ body, words string }{
		"UTF-16":          {string(wide), "The body is UTF-16; JSON is sent as UTF-8."},
		"UTF-16, marked":  {"\xff\xfe" + string(wide), "The body is UTF-16; JSON is sent as UTF-8."},
		"a character":     {`{"type":ü}`, "invalid character 'ü' looking"},
		"a control":       {"{\x01}", `invalid character '\x01' looking`},
		"NDJSON":          {`{"a":ü}`, "not valid NDJSON at line 1, column 6: invalid character 'ü'"},
		"type":            {`{"type":"bücher","source":"s","payload":{}}`, "type contains 'ü';"},
		"type, unprinted": {`{"type":"a\u202eb","source":"s","payload":{}}`, `type contains '\u202e';`},
		"source, unshown": {`{"type":"a","source":"a\u202eb","payload":{}}`, "source contains the unprintable character U+202E"},
		"glob":            {`{"url":"https://x.example","types":["bü*"]}`, "types[0] contains 'ü';"},
	} {
		path, status := "/api/events", 422
		switch {
		case name == "NDJSON":
			path, status = "/api/events/batch", 400
		case name == "glob":
			path = "/api/endpoints"
		case !strings.Contains(name, "type") && !strings.Contains(name, "source"):
			status = 400
		}
		got := w.do(t, "POST", path, tc.body, as(w.admin)...)
		var p problemBody
		got.want(t, status, &p)
		if !strings.Contains(p.Detail, tc.words) {
			t.Errorf("%s: %s, want %s", name, p.Detail, tc.words)
		}
	}
}

// Names are read by people: what makes one look like another is refused, and the same name is one name.
func TestOneRuleForNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, bad := range []string{`a\u202eb`, `a\u0000b`, `a\nb`, `a\u200bb`, `\ufeffa`, `a\u0085b`} {
		p := w.do(t, "POST", "/api/endpoints", `{"url":"https://x.example","description":"`+bad+`"}`, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
		if len(p.Errors) != 1 || p.Errors[0].Field != "description" {
			t.Errorf("%s: %+v", bad, p.Errors)
		}
		w.do(t, "POST", "/api/events", `{"type":"a","source":"`+bad+`","payload":{}}`).refused(t, 422, apier.CodeInvalid)
	}
	e := w.newEndpoint(t, `{"description":"Mu\u0308ller"}`)
	var shown struct{ Description string }
	w.do(t, "GET", "/api/endpoints/"+string(e.ID), "", as(w.admin)...).want(t, 200, &shown)
	w.do(t, "POST", "/api/events", `{"type":"a","source":"Mu\u0308ller","payload":{"n":"Mu\u0308ller"}}`).want(t, 201, nil)
	if shown.Description != "M\u00fcller" {
		t.Errorf("the description is %q", shown.Description)
	}
	for _, spelled := range []string{"M%C3%BCller", "Mu%CC%88ller"} {
		var page pageBody
		w.do(t, "GET", "/api/events?source="+spelled, "").want(t, 200, &page)
		if len(page.Events) != 1 || page.Events[0].Source != "M\u00fcller" {
			t.Errorf("source=%s: %+v", spelled, page.Events)
		}
	}
}

// What was stored under older rules stays, is flagged, and does not stand in the way of other changes.
func TestWhatWasStoredUnderOlderRulesStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	old := apier.Endpoint{
		URL: "https://x.example", Description: "a\u202eb", OrderKey: "a.*",
		Filter: json.RawMessage(`{"payload.n":{"gt":5,"lt":3}}`),
	}.WithDefaults()
	e, err := w.store.CreateEndpoint(t.Context(), auth.DefaultTenant, old, []byte("s"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.PutGroup(t.Context(), auth.DefaultTenant, store.NewGroup{Name: "g", Filter: old.Filter}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Description   string
		FilterProblem string `json:"filter_problem"`
		MaxInFlight   int    `json:"max_in_flight"`
	}
	path := "/api/endpoints/" + string(e.ID)
	w.do(t, "PATCH", path, `{"max_in_flight":7}`, as(w.admin)...).want(t, 200, &got)
	if got.MaxInFlight != 7 || got.Description != old.Description || got.FilterProblem != "filter.payload.n can never hold: no value is at once gt 5 and lt 3" {
		t.Errorf("%+v", got)
	}
	for _, change := range []string{`{"filter":{"payload.n":{"gt":5,"lt":3}}}`, `{"description":"a\u202eb"}`, `{"order_key":"a.*"}`} {
		w.do(t, "PATCH", path, change, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
	}
	w.do(t, "PUT", "/api/inbox/groups/g", `{"types":["a"],"filter":`+string(old.Filter)+`}`).want(t, 200, &got)
	if got.FilterProblem == "" {
		t.Error("the group's filter is not flagged")
	}
	p := w.do(t, "PUT", "/api/inbox/groups/h", fmt.Sprintf(`{"filter":%s}`, old.Filter)).refused(t, 422, apier.CodeInvalid)
	if p.Errors[0].Field != "filter.payload.n" {
		t.Errorf("%+v", p.Errors)
	}
}

// A search compares values: how a sender spells them does not matter, nor does how the searcher does.
func TestSearchComparesValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.create(t, "customer.seen", "s\u00dcD", `{"name":"M\u00fcller","url":"https:\/\/x.example","text":"say \"hi\"","id":18446744073709551615}`)
	for text, want := range map[string]int{
		"Müller": 1, "MÜLLER": 1, "Mu\u0308ller": 1, "u00fc": 0, "https://x": 1, `say "hi"`: 1, "SÜD": 1, "süd": 1, "TOMER.SEEN": 1,
		"18446744073709551615": 1, "name": 1, `"name":"M`: 0, "evt_": 1, "EVT_": 1, "%": 0,
	} {
		for _, path := range []string{"/api/events?search=", "/api/events/export?format=ndjson&search="} {
			body := w.do(t, "GET", path+url.QueryEscape(text), "").body
			if got := bytes.Count(body, []byte("customer.seen")); got != want {
				t.Errorf("%s%s finds %d, want %d", path, text, got, want)
			}
		}
	}
}
