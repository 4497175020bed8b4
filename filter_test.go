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
