package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apier/apier"
)

const good = `{"type":"order.created","source":"shop","payload":{"n":1}}`

func TestCreateEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	answer := w.do(t, "POST", "/api/events", good)
	var r receipt
	answer.want(t, http.StatusCreated, &r)
	if _, ok := apier.ParseEventID(string(r.ID)); !ok || r.Status != "pending" || r.Seq != 1 || r.Timestamp.Time() != w.clock.Now() {
		t.Errorf("receipt %s", answer.body)
	}
	if answer.header.Get("Cache-Control") != "no-store" || answer.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("headers %v", answer.header)
	}
}

func TestPayloadStaysByteForByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, payload := range []string{
		`{}`,
		`{ "b" : 1 , "a" : [ 1.0 , 1e2, -0 ] }`,
		`{"a":1,"a":2}`,
		`{"html":"<b>&amp;</b>","esc":"\u003c\/\ud83d\ude00 😀","nul":"\u0000","line":"\u2028"}`,
		`{"big":12345678901234567890123456789.000000000000000000001}`,
		"{\"tab\":\t1}",
		"{\"lines\":\n  [1,\r\n   2]}",
		`{"lone":"\ud800"}`,
	} {
		r := w.create(t, "a.b", "s", payload)
		inline := strings.NewReplacer("\n", " ", "\r", " ").Replace(payload)
		for path, want := range map[string]string{
			"/api/events/" + string(r.ID):                             payload,
			"/api/events?limit=1":                                     payload,
			"/api/inbox?order=desc&limit=1":                           payload,
			"/api/events/export?search=" + string(r.ID):               payload,
			"/api/events/export?format=ndjson&search=" + string(r.ID): inline,
		} {
			body := w.do(t, "GET", path, "").body
			if !bytes.Contains(body, []byte(`"payload":`+want+`,"created_at"`)) {
				t.Errorf("%s changed %q: %s", path, payload, body)
			}
		}
	}
}

func TestASourceIsReadAsItWasMeant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for escaped, want := range map[string]string{`\ud83d\ude00`: "😀", `\ufffd \uFFFD �`: "� � �", `\\ud83d`: `\ud83d`} {
		var got receipt
		w.do(t, "POST", "/api/events", `{"type":"a.b","payload":{},"source":"`+escaped+`"}`).want(t, 201, &got)
		var e eventBody
		if w.do(t, "GET", "/api/events/"+string(got.ID), "").want(t, 200, &e); e.Source != want {
			t.Errorf("%s was stored as %q", escaped, e.Source)
		}
	}
}

func TestACompressedBodyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, path := range []string{"/api/events", "/api/events/batch", "/api/endpoints"} {
		answer := w.do(t, "POST", path, good, append(as(w.admin), "Content-Encoding", "gzip")...)
		if answer.refused(t, 415, apier.CodeUnsupportedMedia); answer.header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: %v", path, answer.header)
		}
	}
	w.do(t, "POST", "/api/events", good, "Content-Encoding", "identity").want(t, 201, nil)
}

func TestCreateEventRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{MaxPayload: 1000}})
	before := w.seq(t)
	for _, tc := range []struct {
		name, body string
		status     int
		code       apier.Code
		fields     []string
		detail     string // part of
	}{
		{"empty", ``, 400, apier.CodeMalformed, nil, "empty"},
		{"blank", " \n", 400, apier.CodeMalformed, nil, "empty"},
		{"word", "{\n  \"type\": oops\n}", 400, apier.CodeMalformed, nil, "line 2, column 11"},
		{"after a wide character", "{\"ü\": oops}", 400, apier.CodeMalformed, nil, "line 1, column 7"},
		{"cut off", `{"type":"a.b"`, 400, apier.CodeMalformed, nil, "line 1, column 14"},
		{"second value", good + " {}", 400, apier.CodeMalformed, nil, fmt.Sprintf("line 1, column %d", len(good)+2)},
		{"invalid UTF-8", "{\n\"type\":\"\xff\"}", 400, apier.CodeMalformed, nil, "not valid UTF-8 at line 2, column 9"},
		{"cut rune", "{\"type\":\"\xc3\"}", 400, apier.CodeMalformed, nil, "line 1, column 10"},
		{"UTF-16 surrogate", "{\"type\":\"\xed\xa0\x80\"}", 400, apier.CodeMalformed, nil, "not valid UTF-8"},
		{"too deep", strings.Repeat("[", 20_000), 413, apier.CodeTooLarge, nil, ""},
		{"array", `[` + good + `]`, 422, apier.CodeInvalid, []string{"event"}, ""},
		{"null", `null`, 422, apier.CodeInvalid, []string{"event"}, ""},
		{"string", `"x"`, 422, apier.CodeInvalid, []string{"event"}, ""},
		{"nothing", `{}`, 422, apier.CodeInvalid, []string{"type", "source", "payload"}, "Nothing was stored"},
		{"all wrong", `{"type":1,"source":[],"payload":"x","id":"evt_1","also":2}`, 422, apier.CodeInvalid, []string{"type", "source", "payload", "id", "also"}, "and 2 more"},
		{"nulls", `{"type":null,"source":null,"payload":null}`, 422, apier.CodeInvalid, []string{"type", "source", "payload"}, ""},
		{"bad type", `{"type":"order created","source":"s","payload":{}}`, 422, apier.CodeInvalid, []string{"type"}, "' '"},
		{"long type", `{"type":"` + strings.Repeat("a", 129) + `","source":"s","payload":{}}`, 422, apier.CodeInvalid, []string{"type"}, "129"},
		{"long source", `{"type":"a.b","source":"` + strings.Repeat("ü", 65) + `","payload":{}}`, 422, apier.CodeInvalid, []string{"source"}, "130"},
		{"unprintable source", `{"type":"a.b","source":"a\u0007b","payload":{}}`, 422, apier.CodeInvalid, []string{"source"}, "U+0007"},
		{"half a pair", `{"type":"a.b","source":"a\\\ud83d b","payload":{}}`, 422, apier.CodeInvalid, []string{"source"}, "surrogate"},
		{"the other half", `{"type":"a.b","source":"\ude00","payload":{}}`, 422, apier.CodeInvalid, []string{"source"}, "surrogate"},
		{"array payload", `{"type":"a.b","source":"s","payload":[1]}`, 422, apier.CodeInvalid, []string{"payload"}, "object"},
		{"other case", `{"Type":"a.b","source":"s","payload":{}}`, 422, apier.CodeInvalid, []string{"type", "Type"}, ""},
		{"payload twice", `{"type":"a.b","source":"s","payload":{},"payload":{"x":1}}`, 422, apier.CodeInvalid, []string{"payload"}, "more than once"},
		{"long payload", `{"type":"a.b","source":"s","payload":{"x":"` + strings.Repeat("x", 993) + `"}}`, 413, apier.CodeTooLarge, nil, "1001 bytes"},
		{"long body", `{"type":"a.b","source":"s","payload":{"x":"` + strings.Repeat("x", 10_000) + `"}}`, 413, apier.CodeTooLarge, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := w.do(t, "POST", "/api/events", tc.body).refused(t, tc.status, tc.code)
			var fields []string
			for _, f := range p.Errors {
				fields = append(fields, f.Field)
				if f.Reason == "" {
					t.Errorf("%s: no reason", f.Field)
				}
			}
			if !slices.Equal(fields, tc.fields) {
				t.Errorf("fields %v, want %v", fields, tc.fields)
			}
			if !strings.Contains(p.Detail, tc.detail) {
				t.Errorf("%q does not hold %q", p.Detail, tc.detail)
			}
			if now := w.seq(t); now != before {
				t.Errorf("something was stored: seq %d → %d", before, now)
			}
		})
	}
}

func TestLimitsAreInclusive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{MaxPayload: 1000}})
	w.create(t, strings.Repeat("a", 128), strings.Repeat("ü", 64), `{"x":"`+strings.Repeat("x", 992)+`"}`)
}

func TestDefaultPayloadLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	fill := apier.MaxPayloadSize - len(`{"x":""}`)
	w.create(t, "a.b", "s", `{"x":"`+strings.Repeat("x", fill)+`"}`)
	body := `{"type":"a.b","source":"s","payload":{"x":"` + strings.Repeat("x", fill+1) + `"}}`
	w.do(t, "POST", "/api/events", body).refused(t, 413, apier.CodeTooLarge)
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	key := []string{"Idempotency-Key", "order-1"}
	for _, tc := range []struct{ path, body, other string }{
		{"/api/events", good, strings.Replace(good, "1", "2", 1)},
		{"/api/events/batch", "[" + good + "," + good + "]", "[" + good + "]"},
	} {
		key[1] += "x"
		first := w.do(t, "POST", tc.path, tc.body, key...)
		first.want(t, 201, nil)
		after := w.seq(t)
		again := w.do(t, "POST", tc.path, tc.body, key...)
		again.want(t, 201, nil)
		if !bytes.Equal(first.body, again.body) || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: %s then %s", tc.path, first.body, again.body)
		}
		w.do(t, "POST", tc.path, tc.other, key...).refused(t, 409, apier.CodeConflict)
		if w.seq(t) != after {
			t.Errorf("%s: the replay or the conflict stored something", tc.path)
		}
	}
	before := w.seq(t)
	w.do(t, "POST", "/api/events/batch", good, key[0], "one more").want(t, 201, nil)
	w.do(t, "POST", "/api/events", good, key[0], "one more").refused(t, 409, apier.CodeConflict) // another path is another request
	w.do(t, "POST", "/api/events", good, append(as(w.foreign), key[0], "one more")...).want(t, 201, nil)
	if got := w.seq(t); got != before+1 { // that of the other tenant is another's
		t.Errorf("seq %d → %d", before, got)
	}
}

// A dry run says what storing would say, and to whom the event would go; it stores nothing, whatever else the request has.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	endpoint := func(body string) (e struct{ ID apier.EndpointID }) {
		w.do(t, "POST", "/api/endpoints", body, as(w.admin)...).want(t, 201, &e)
		return e
	}
	orders := endpoint(`{"url":"https://shop.example/a","types":["order.*"]}`)
	large := endpoint(`{"url":"https://shop.example/b","filter":{"payload.total":{"gte":100}}}`)
	off := endpoint(`{"url":"https://shop.example/c","paused":true}`)
	before := w.seq(t)
	type tried struct {
		DryRun    bool               `json:"dry_run"`
		Endpoints []apier.EndpointID `json:"endpoints"`
		Events    []struct {
			Endpoints []apier.EndpointID `json:"endpoints"`
		} `json:"events"`
	}
	var one, many tried
	const order, user = `{"type":"order.made","source":"s","payload":{"total":100}}`, `{"type":"user.made","source":"s","payload":{"total":99}}`
	w.do(t, "POST", "/api/events?dry_run=true", order, "Idempotency-Key", "a").want(t, 200, &one)
	w.do(t, "POST", "/api/events/batch?dry_run=true", "["+user+","+order+"]").want(t, 200, &many)
	all := []apier.EndpointID{orders.ID, large.ID, off.ID}
	if !one.DryRun || !slices.Equal(one.Endpoints, all) {
		t.Errorf("got %+v, want %v", one, all)
	}
	if !many.DryRun || len(many.Events) != 2 || !slices.Equal(many.Events[0].Endpoints, all[2:]) || !slices.Equal(many.Events[1].Endpoints, all) {
		t.Errorf("got %+v", many)
	}
	w.do(t, "POST", "/api/events?dry_run=true", order, as(w.foreign)...).want(t, 200, &one)
	if len(one.Endpoints) != 0 {
		t.Errorf("another tenant is told of %v", one.Endpoints)
	}
	w.do(t, "POST", "/api/events?dry_run=true", `{"type":"order.made"}`).refused(t, 422, apier.CodeInvalid)
	for _, query := range []string{"dry_run=yes", "dry_run=", "dryrun=true", "dry_run=true&x=1"} {
		w.do(t, "POST", "/api/events?"+query, order).refused(t, 422, apier.CodeInvalid)
		w.do(t, "POST", "/api/events/batch?"+query, "["+order+"]").refused(t, 422, apier.CodeInvalid)
	}
	if got := w.seq(t); got != before {
		t.Errorf("seq went from %d to %d: something was stored", before, got)
	}
	w.do(t, "POST", "/api/events?dry_run=false", order, "Idempotency-Key", "a").want(t, 201, nil)
}

func TestIdempotencyKeyForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.do(t, "POST", "/api/events", good, "Idempotency-Key", strings.Repeat("k", 255)).want(t, 201, nil)
	before := w.seq(t)
	w.do(t, "POST", "/api/events", good, "Idempotency-Key", strings.Repeat("k", 256)).refused(t, 422, apier.CodeInvalid)
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/api/events", strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + w.key}, "Idempotency-Key": {"a", "b"}}
	response, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 422 || w.seq(t) != before {
		t.Errorf("two keys: %d", response.StatusCode)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	second := strings.Replace(good, "order.created", "order.paid", 1)
	for _, body := range []string{
		"[" + good + "," + second + "]",
		" \r\n[\n" + good + ",\n" + second + "\n]\n",
		good + "\n" + second,
		good + "\r\n\r\n  \n" + second + "\r\n",
	} {
		var answer struct{ Events []receipt }
		w.do(t, "POST", "/api/events/batch", body).want(t, 201, &answer)
		if len(answer.Events) != 2 || answer.Events[0].Seq >= answer.Events[1].Seq {
			t.Fatalf("%q: %+v", body, answer)
		}
		for i, typ := range []string{"order.created", "order.paid"} {
			var e eventBody
			w.do(t, "GET", "/api/events/"+string(answer.Events[i].ID), "").want(t, 200, &e)
			if e.Type != typ || e.Seq != answer.Events[i].Seq {
				t.Errorf("%q: %d is %+v", body, i, e)
			}
		}
	}
}

func TestBatchOfTheMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var answer struct{ Events []receipt }
	w.do(t, "POST", "/api/events/batch", strings.Repeat(good+"\n", apier.MaxBatch)).want(t, 201, &answer)
	if len(answer.Events) != apier.MaxBatch {
		t.Errorf("%d receipts", len(answer.Events))
	}
	before := w.seq(t)
	for _, body := range []string{strings.Repeat(good+"\n", apier.MaxBatch+1), "[" + strings.Repeat(good+",", apier.MaxBatch) + good + "]"} {
		p := w.do(t, "POST", "/api/events/batch", body).refused(t, 422, apier.CodeInvalid)
		if !strings.Contains(p.Detail, "1001") || w.seq(t) != before {
			t.Error(p.Detail)
		}
	}
}

func TestBatchRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{MaxPayload: 100, MaxBatchBytes: 20_000}})
	long := `{"type":"a.b","source":"s","payload":{"x":"` + strings.Repeat("x", 100) + `"}}`
	before := w.seq(t)
	for _, tc := range []struct {
		name, body string
		status     int
		fields     []string
		detail     string
	}{
		{"nothing", "", 422, nil, "1 to 1000"},
		{"empty array", "[]", 422, nil, "has 0"},
		{"array, one wrong", "[" + good + `,{"type":"x y","source":"s","payload":{},"z":1}]`, 422, []string{"[1].type", "[1].z"}, "[1].type"},
		{"NDJSON, two wrong", good + "\n{}\n" + good + "\n7\n", 422, []string{"[1].type", "[1].source", "[1].payload", "[3].event"}, ""},
		{"long payload", good + "\n" + long, 422, []string{"[1].payload"}, ""},
		{"array in array", "[[" + good + "]]", 422, []string{"[0].event"}, ""},
		{"array not closed", "[" + good, 400, nil, fmt.Sprintf("line 1, column %d", len(good)+2)},
		{"array, bad JSON", "[" + good + ",\n{oops}]", 400, nil, "line 2, column 2"},
		{"NDJSON, bad JSON", good + "\n\n  {\"type\": oops}\n" + good, 400, nil, "line 3, column 12"},
		{"pretty object", "{\n\"type\":\"a.b\"\n}", 400, nil, "line 1, column 2"},
		{"invalid UTF-8", good + "\n\xff", 400, nil, "line 2, column 1"},
		{"too long", strings.Repeat(good+"\n", 400), 413, nil, "20000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code := map[int]apier.Code{422: apier.CodeInvalid, 400: apier.CodeMalformed, 413: apier.CodeTooLarge}[tc.status]
			p := w.do(t, "POST", "/api/events/batch", tc.body).refused(t, tc.status, code)
			var fields []string
			for _, f := range p.Errors {
				fields = append(fields, f.Field)
			}
			if !slices.Equal(fields, tc.fields) || !strings.Contains(p.Detail, tc.detail) {
				t.Errorf("fields %v, detail %q", fields, p.Detail)
			}
			if w.seq(t) != before {
				t.Error("something was stored")
			}
		})
	}
}

func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var body strings.Builder
	for i := range 5000 {
		body.WriteString(`,"f` + strconv.Itoa(i) + `":0`)
	}
	p := w.do(t, "POST", "/api/events", "{"+body.String()[1:]+"}").refused(t, 422, apier.CodeInvalid)
	if len(p.Errors) != maxFaults || !strings.Contains(p.Detail, "and 5000 more") {
		t.Errorf("%d faults, %q", len(p.Errors), p.Detail)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for _, seed := range []string{good, `{}`, `[]`, `null`, `{"type":1,"payload":[],"x":{}}`, `{"payload":{"a":1},"payload":{}}`, `{"type":"\ud800"}`, ` {"a" : [1,"]}\\"] ,"b":-1e5}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !utf8.Valid(raw) || checkJSON(raw, 0) != nil { // as readBody and checkJSON ensure
			return
		}
		checkMembers(t, raw)
		event, faults := decodeEvent(raw, "[7].", apier.PayloadLimits{Bytes: 1000, Depth: apier.MaxDepth})
		for _, fault := range faults {
			if !strings.HasPrefix(fault.Field, "[7].") || fault.Reason == "" {
				t.Fatalf("%q: fault %+v", raw, fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		if again := event.Validate(apier.PayloadLimits{Bytes: 1000, Depth: apier.MaxDepth}); again != nil {
			t.Fatalf("%q passed with %v", raw, again)
		}
		if !bytes.Contains(raw, event.Payload) || !json.Valid(event.Payload) {
			t.Fatalf("%q gave the payload %q", raw, event.Payload)
		}
	})
}

// checkMembers compares with encoding/json, which keeps the last of members with the same name.
func checkMembers(t *testing.T, raw []byte) {
	t.Helper()
	got := map[string]json.RawMessage{}
	object := members(raw, func(quoted, value []byte) {
		name, ok := unquote(quoted)
		if !ok {
			t.Fatalf("%q: name %q", raw, quoted)
		}
		got[name] = value
	})
	var want map[string]json.RawMessage
	err := json.Unmarshal(raw, &want)
	if object != (err == nil && want != nil) {
		t.Fatalf("%q: object %v, encoding/json says %v", raw, object, err)
	}
	if object && !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		t.Fatalf("%q: %q, encoding/json says %q", raw, got, want)
	}
}

func FuzzSplitBatch(f *testing.F) {
	for _, seed := range []string{"[" + good + "]", good + "\n" + good, "", "[]", "[[1],2]", "\r\n{}\r\n{", "\xef\xbb\xbf{}", "[1]\n[2]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := splitBatch(body, apier.MaxDepth)
		if err != nil {
			if apier.AsError(err).Code != apier.CodeMalformed {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		rest := body
		for _, item := range items {
			at := bytes.Index(rest, item)
			if at < 0 || !json.Valid(item) {
				t.Fatalf("%q gave %q", body, item)
			}
			rest = rest[at+len(item):]
		}
	})
}
