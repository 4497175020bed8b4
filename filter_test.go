package apier_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apier/apier"
)

const filteredPayload = `{"amount":100,"big":9007199254740993,"country":"DE","paid":true,"note":null,"items":[{"sku":"A-1"},{"sku":"B-2"}],"a":{"b":{"c":"deep"}},"tags":["x","y"]}`

func TestFilterMatch(t *testing.T) {
	t.Parallel()
	e := apier.Event{Type: "order.created", Source: "shop", Payload: json.RawMessage(filteredPayload)}
	for filter, want := range map[string]bool{
		``: true, `null`: true, `{}`: true,
		`{"type":"order.created"}`: true, `{"source":"other"}`: false, `{"type":{"prefix":"order."},"source":"shop"}`: true,
		`{"payload.amount":100}`: true, `{"payload.amount":100.0}`: true, `{"payload.amount":1e2}`: true, `{"payload.amount":"100"}`: false,
		`{"payload.amount":{"gte":100,"lt":101}}`: true, `{"payload.amount":{"gt":100}}`: false, `{"payload.amount":{"lte":99.5}}`: false,
		`{"payload.big":9007199254740993}`: true, `{"payload.big":9007199254740992}`: false, `{"payload.big":{"gt":9007199254740992}}`: true, // exact beyond 2^53
		`{"payload.country":["AT","DE"]}`: true, `{"payload.country":{"in":["AT","CH"]}}`: false, `{"payload.country":{"gt":"DD"}}`: true,
		`{"payload.country":{"prefix":"D","suffix":"E","contains":"DE"}}`: true, `{"payload.amount":{"prefix":"1"}}`: false,
		`{"payload.paid":true}`: true, `{"payload.paid":false}`: false, `{"payload.note":null}`: true, `{"payload.none":null}`: false,
		`{"payload.note":{"exists":true}}`: true, `{"payload.none":{"exists":false}}`: true, `{"payload.none":{"ne":3}}`: true, `{"payload.amount":{"ne":100}}`: false,
		`{"payload.items.1.sku":"B-2"}`: true, `{"payload.items.2.sku":{"exists":true}}`: false, `{"payload.items.-1.sku":{"exists":true}}`: false, `{"payload.items.x":1}`: false,
		`{"payload.a.b.c":"deep"}`: true, `{"payload.a":{"eq":{"b":{"c":"deep"}}}}`: true, `{"payload.tags":{"eq":["x","y"]}}`: true, `{"payload.tags":{"eq":["y","x"]}}`: false,
		`{"payload":{"exists":true}}`:                    true,
		`{"any":[{"source":"x"},{"payload.paid":true}]}`: true, `{"any":[{"source":"x"}]}`: false, `{"not":{"source":"x"}}`: true, `{"not":{"any":[{"source":"shop"}]}}`: false,
		`{"source":"shop","not":{"payload.amount":{"lt":50}},"any":[{"payload.country":"DE"}]}`: true,
	} {
		f, faults := apier.ParseFilter(json.RawMessage(filter))
		if len(faults) > 0 {
			t.Errorf("%s: %v", filter, faults)
			continue
		}
		if got := f.Match(&e); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}

// Values are compared, exactly and wherever they stand: in arrays, under names with dots, beyond 64 bits.
func TestFilterComparesValues(t *testing.T) {
	t.Parallel()
	e := apier.Event{Type: "a", Source: "s", Payload: json.RawMessage(`{"tags":["eu-west","us"],"labels":[{"name":"a"},{"name":"b","n":[1,2]}],
		"metadata":{"app.kubernetes.io/name":"web","a*b":1,"c\\d":2},"big":18446744073709551614,"one":1.0,"huge":1e400,"tiny":1e-400,
		"money":12345678901234567.89,"amounts":[1,10],"grid":[[1,2],[3]],"members":{"x":{"ok":true},"y":{"ok":false}},"dup":1,"dup":2}`)}
	for filter, want := range map[string]bool{
		`{"payload.tags":{"contains":"eu"}}`: true, `{"payload.tags":"us"}`: true, `{"payload.tags":"eu"}`: false, `{"payload.tags":["x","us"]}`: true,
		`{"payload.tags":{"prefix":"eu","suffix":"s"}}`: false, `{"payload.tags":{"ne":"us"}}`: false, `{"payload.tags":{"ne":"x"}}`: true,
		`{"payload.tags.*":"us"}`: true, `{"payload.labels.*.name":"b"}`: true, `{"payload.labels.*.name":"c"}`: false, `{"payload.labels.name":"b"}`: false,
		`{"payload.labels.*.n":2}`: true, `{"payload.labels.*.name":{"ne":"b"}}`: false, `{"payload.labels.*.z":{"exists":false}}`: true,
		`{"payload.members.*.ok":false}`: true, `{"payload.*.*.ok":true}`: true, `{"payload.grid.*.*":3}`: true, `{"payload.grid":3}`: false,
		`{"payload.amounts":{"gt":1,"lt":10}}`: false, `{"payload.amounts":{"gt":1,"lt":11}}`: true,
		`{"payload.metadata.app\\.kubernetes\\.io/name":"web"}`: true, `{"payload.metadata.app.kubernetes.io/name":"web"}`: false,
		`{"payload.metadata.a\\*b":1}`: true, `{"payload.metadata.c\\\\d":2}`: true,
		`{"payload.big":18446744073709551615}`: false, `{"payload.big":18446744073709551614}`: true, `{"payload.big":18446744073709551614.0}`: true,
		`{"payload.big":{"lt":18446744073709551615}}`: true, `{"payload.big":{"gt":18446744073709551613.9}}`: true, `{"payload.one":1}`: true, `{"payload.one":1E0}`: true, `{"payload.one":0.1e+1}`: true,
		`{"payload.huge":1e400}`: true, `{"payload.huge":1e401}`: false, `{"payload.huge":{"gt":1e399}}`: true, `{"payload.tiny":{"gt":0}}`: true, `{"payload.tiny":{"lt":-0.0}}`: false,
		`{"payload.money":12345678901234567.89}`: true, `{"payload.money":12345678901234567.9}`: false, `{"payload.dup":2}`: true,
		`{"payload.huge":{"lt":1e99999999999999999999}}`: true, `{"payload.tiny":{"gt":1e-99999999999999999999}}`: true,
	} {
		f, faults := apier.ParseFilter(json.RawMessage(filter))
		if len(faults)+len(apier.CheckFilter(json.RawMessage(filter))) > 0 {
			t.Errorf("%s: %v %v", filter, faults, f.Problems())
			continue
		}
		if got := f.Match(&e); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}

// A condition that can never match is named; it stays compiled, for those that were stored before.
func TestFilterThatCanNeverMatchIsNamed(t *testing.T) {
	t.Parallel()
	for filter, field := range map[string]string{
		`{"payload.a":{"gt":5,"lt":3}}`: "filter.payload.a", `{"payload.a":{"gte":5,"lt":5.0}}`: "filter.payload.a", `{"payload.a":{"gte":5,"lte":"x"}}`: "filter.payload.a",
		`{"payload.a":{"gte":5,"prefix":"x"}}`: "filter.payload.a", `{"payload.a":{"lt":""}}`: "filter.payload.a", `{"payload.a":{"eq":5,"ne":5}}`: "filter.payload.a",
		`{"payload.a":{"eq":5,"gt":10}}`: "filter.payload.a", `{"payload.a":{"in":[1,2],"gt":10}}`: "filter.payload.a", `{"payload.a":{"eq":"x","in":["y"]}}`: "filter.payload.a",
		`{"payload.a":{"prefix":"b","lt":"a"}}`: "filter.payload.a", `{"payload.a":{"exists":false,"eq":1}}`: "filter.payload.a",
		`{"type":5}`: "filter.type.eq", `{"type":"order created"}`: "filter.type.eq", `{"type":{"prefix":"ü"}}`: "filter.type.prefix", `{"source":[1,null]}`: "filter.source.in",
		`{"source":{"gt":5}}`: "filter.source.gt", `{"source":{"exists":false}}`: "filter.source.exists", `{"payload":5}`: "filter.payload.eq", `{"payload":{"exists":false}}`: "filter.payload.exists",
		`{"payload.lab*":1}`: "filter.payload.lab*", `{"payload.a\\b":1}`: `filter.payload.a\b`, `{"payload.a":1,"payload.a":2}`: "filter", `{"not":{}}`: "filter.not",
		`{"source":"x","not":{"source":"x"}}`: "filter.not", `{"any":[{"source":"x"},{"type":5}]}`: "filter.any[1].type.eq",
	} {
		f, faults := apier.ParseFilter(json.RawMessage(filter))
		if len(faults) > 0 || len(f.Problems()) != 1 || f.Problems()[0].Field != field {
			t.Errorf("%s: faults %v, problems %v, want one of %s", filter, faults, f.Problems(), field)
			continue
		}
		if got := apier.CheckFilter(json.RawMessage(filter)); len(got) != 1 || apier.FilterProblem(json.RawMessage(filter)) == "" {
			t.Errorf("%s: CheckFilter tells %v", filter, got)
		}
		f.Match(&apier.Event{Type: "a", Source: "s", Payload: json.RawMessage(`{"a":1}`)})
	}
	if problem := apier.FilterProblem(json.RawMessage(`{"payload.a":{"gte":5,"lte":5}}`)); problem != "" {
		t.Errorf("a range of one value is no problem, not %q", problem)
	}
}

// The payload is decoded once for any number of filters.
func TestDecodedPayloadIsDecodedOnce(t *testing.T) {
	f, _ := apier.ParseFilter(json.RawMessage(`{"payload.a":1}`))
	in := (&apier.Event{Payload: json.RawMessage(`{"a":1,"b":[` + strings.Repeat(`{},`, 1000) + `1]}`)}).Decoded()
	if !f.MatchDecoded(in) {
		t.Fatal("no match")
	}
	if n := testing.AllocsPerRun(100, func() { f.MatchDecoded(in) }); n > 10 {
		t.Errorf("a second filter took %v allocations", n)
	}
}

func TestFilterFaultsNameTheirPath(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"not":`, 6) + `{}` + strings.Repeat(`}`, 6)
	for filter, field := range map[string]string{
		`[]`: "filter", `3`: "filter", `"x"`: "filter", `{`: "filter", deep: "filter.not.not.not.not.not",
		`{"` + strings.Repeat("x", apier.MaxFilterSize) + `":1}`: "filter",
		`{"amount":1}`: "filter.amount", `{"payload..a":1}`: "filter.payload..a", `{"payload.a.":1}`: "filter.payload.a.", `{"type.x":1}`: "filter.type.x",
		`{"payload.a":{}}`: "filter.payload.a", `{"payload.a":{"like":1}}`: "filter.payload.a", `{"payload.a":{"gt":true}}`: "filter.payload.a.gt",
		`{"payload.a":{"prefix":1}}`: "filter.payload.a.prefix", `{"payload.a":{"exists":1}}`: "filter.payload.a.exists", `{"payload.a":[]}`: "filter.payload.a.in",
		`{"any":{}}`: "filter.any", `{"any":[]}`: "filter.any", `{"any":[3]}`: "filter.any[0]", `{"not":3}`: "filter.not", `{"any":[{},{"x":1}]}`: "filter.any[1].x",
	} {
		_, faults := apier.ParseFilter(json.RawMessage(filter))
		if len(faults) != 1 || faults[0].Field != field || faults[0].Reason == "" {
			t.Errorf("%.60s: %v, want %s", filter, faults, field)
		}
	}
}

// Whatever is parsed without a fault can be matched with anything, and its negation says the opposite.
func FuzzFilter(f *testing.F) {
	f.Add(`{"payload.amount":{"gte":100}}`, filteredPayload)
	f.Add(`{"any":[{"type":"a"},{"not":{"payload.a.0":[1,"x",null]}}]}`, `{"a":[1]}`)
	f.Add(`{"payload.a":{"eq":{"b":[1e400]}}}`, `{"a":{"b":[1e400]}}`)
	f.Fuzz(func(t *testing.T, filter, payload string) {
		compiled, faults := apier.ParseFilter(json.RawMessage(filter))
		if len(faults) > 0 || !json.Valid([]byte(payload)) {
			return
		}
		e := apier.Event{Type: "a", Source: "s", Payload: json.RawMessage(payload)}
		if opposite, faults := apier.ParseFilter(json.RawMessage(`{"not":` + orNothing(filter) + `}`)); len(faults) == 0 && opposite.Match(&e) == compiled.Match(&e) {
			t.Errorf("%s and its negation agree on %s", filter, payload)
		}
	})
}

func orNothing(filter string) string {
	if trimmed := strings.TrimSpace(filter); trimmed == "" || trimmed == "null" {
		return "{}"
	}
	return filter
}

func TestPayloadText(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"country": "DE", "amount": "100", "big": "9007199254740993", "paid": "true", "note": "", "none": "", "a.b": `{"c":"deep"}`, "items.0.sku": "A-1", "country.x": "",
		"payload.country": "DE", "payload.items.0.sku": "A-1", "payload": "",
	} {
		if got := apier.PayloadText(json.RawMessage(filteredPayload), path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestAFilterWithHalfOfASurrogatePairIsNamed(t *testing.T) {
	t.Parallel()
	for raw, named := range map[string]bool{
		`{"payload.\ud800":1}`: true, `{"payload.a":"x\udc00"}`: true, `{"payload.a":"\ud83d\ud83d\ude00"}`: true,
		`{"payload.a":"\uD83D"}`: true, `{"payload.a":"\ud83d\n"}`: true,
		`{"payload.a":"\ud83d\ude00"}`: false, `{"payload.a":"\\ud800"}`: false, `{"payload.a":"\ufffd \u00e9 \n"}`: false,
		`{"payload.a":"\ud83d\ude00\ud83d\ude00"}`: false, `{"payload.a":"😀"}`: false,
	} {
		if problem := apier.FilterProblem([]byte(raw)); strings.Contains(problem, "surrogate") != named {
			t.Errorf("%s: %q, named should be %v", raw, problem, named)
		}
	}
}
