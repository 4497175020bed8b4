package apier_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/apier/apier"
)

func TestEventIDRoundTrip(t *testing.T) {
	t.Parallel()
	for _, uuid := range [][16]byte{{}, {0xff, 0xff, 15: 0xff}, {1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 15: 9}} {
		id := apier.FormatEventID(uuid)
		if got, ok := apier.ParseEventID(string(id)); !ok || got != uuid {
			t.Errorf("%s: got %v %v", id, got, ok)
		}
	}
	valid := string(apier.FormatEventID([16]byte{1}))
	for _, bad := range []string{"", "evt_", valid[:29], valid + "0", strings.ToUpper(valid), "key_" + valid[4:], valid[:29] + "1"} {
		if _, ok := apier.ParseEventID(bad); ok {
			t.Errorf("%q passes for an id", bad)
		}
	}
}

func TestValidateNamesEveryField(t *testing.T) {
	t.Parallel()
	good := apier.NewEvent{Type: "order.created", Source: "shop", Payload: json.RawMessage(`{}`)}
	if faults := good.Validate(apier.PayloadLimits{Bytes: 100, Depth: 3}); faults != nil {
		t.Errorf("a good event has faults: %v", faults)
	}
	for name, tc := range map[string]struct {
		event apier.NewEvent
		want  string
	}{
		"nothing":       {apier.NewEvent{}, "type source payload"},
		"bad type":      {apier.NewEvent{Type: "a b", Source: "s", Payload: good.Payload}, "type"},
		"long type":     {apier.NewEvent{Type: strings.Repeat("x", 129), Source: "s", Payload: good.Payload}, "type"},
		"long source":   {apier.NewEvent{Type: "a", Source: strings.Repeat("x", 129), Payload: good.Payload}, "source"},
		"control":       {apier.NewEvent{Type: "a", Source: "s\n", Payload: good.Payload}, "source"},
		"array payload": {apier.NewEvent{Type: "a", Source: "s", Payload: json.RawMessage(` [1]`)}, "payload"},
		"null payload":  {apier.NewEvent{Type: "a", Source: "s", Payload: json.RawMessage(`null`)}, "payload"},
		"large payload": {apier.NewEvent{Type: "a", Source: "s", Payload: json.RawMessage(`{"x":"` + strings.Repeat("y", 100) + `"}`)}, "payload"},
	} {
		var got []string
		for _, f := range tc.event.Validate(apier.PayloadLimits{Bytes: 100, Depth: 3}) {
			got = append(got, f.Field)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: got %v, want %s", name, got, tc.want)
		}
	}
}

func TestEventJSONKeepsThePayloadsBytes(t *testing.T) {
	t.Parallel()
	e := sampleEvent()
	e.Payload = json.RawMessage("{ \"a\" : 1.0,\n \"html\":\"<b>\" }")
	e.Source = "quote\" and \u2028"
	got := e.AppendJSON(nil)
	if !json.Valid(got) || !strings.Contains(string(got), string(e.Payload)) {
		t.Errorf("got %s", got)
	}
	var back struct {
		Source    string
		CreatedAt apier.Timestamp `json:"created_at"`
	}
	if err := json.Unmarshal(got, &back); err != nil || back.Source != e.Source || back.CreatedAt != e.CreatedAt {
		t.Errorf("got %+v %v", back, err)
	}
}

// What a Go program writes of an event is what the API shows, and it reads that again.
func TestAnEventIsTheSameInJSON(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]apier.Event{
		"pending":                          {ID: "evt_1", Type: "order.paid", Source: "shop", Payload: json.RawMessage(`{"a":1.0}`), Status: apier.StatusPending, CreatedAt: 1, UpdatedAt: 2, DeliveryLatencyMS: -1, Seq: 7},
		"delivered":                        {ID: "evt_1", Payload: json.RawMessage(`{}`), Status: apier.StatusDelivered, DeliveryAttempts: 2, LastDeliveryAttempt: 3, ErrorMessage: "503", Erased: true},
		"of a change, without its payload": {ID: "evt_1", Type: "order.paid", DeliveryLatencyMS: -1},
	} {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.Payload != nil && string(raw) != string(e.AppendJSON(nil)) {
			t.Errorf("%s: %s", name, raw)
		}
		var again apier.Event
		if err := json.Unmarshal(raw, &again); err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("%s: %+v, want %+v; %v", name, again, e, err)
		}
	}
}
