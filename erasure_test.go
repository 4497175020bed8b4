package apier_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/apier/apier"
)

func TestSelection(t *testing.T) {
	t.Parallel()
	e := apier.Event{Type: "order.created", Source: "shop", CreatedAt: 1000, Payload: []byte(`{"customer":{"id":7}}`)}
	for name, c := range map[string]struct {
		s    apier.Selection
		want bool
	}{
		"nothing said":   {apier.Selection{}, true},
		"type":           {apier.Selection{Types: []string{"user.*", "order.*"}}, true},
		"another type":   {apier.Selection{Types: []string{"user.*"}}, false},
		"source":         {apier.Selection{Source: "shop"}, true},
		"another source": {apier.Selection{Source: "till"}, false},
		"between":        {apier.Selection{CreatedAfter: 999, CreatedBefore: 1001}, true},
		"not after":      {apier.Selection{CreatedAfter: 1000}, false},
		"not before":     {apier.Selection{CreatedBefore: 1000}, false},
		"filter":         {apier.Selection{Filter: []byte(`{"payload.customer.id":7}`)}, true},
		"another value":  {apier.Selection{Filter: []byte(`{"payload.customer.id":8}`)}, false},
		"all must hold":  {apier.Selection{Source: "shop", Filter: []byte(`{"payload.customer.id":8}`)}, false},
	} {
		matches, faults := c.s.Matcher()
		if len(faults) > 0 || matches(&e) != c.want {
			t.Errorf("%s: want %v, faults %v", name, c.want, faults)
		}
		encoded, err := json.Marshal(c.s)
		if err != nil {
			t.Fatal(err)
		}
		var again apier.Selection
		if err := json.Unmarshal(encoded, &again); err != nil || !reflect.DeepEqual(again, c.s) {
			t.Errorf("%s: %s becomes %+v, %v", name, encoded, again, err)
		}
	}
	if _, faults := (apier.Selection{Filter: []byte(`{"nowhere":1}`)}).Matcher(); len(faults) == 0 {
		t.Error("a filter on nothing")
	}
}

func TestIDsOfWebhooksAndErasures(t *testing.T) {
	t.Parallel()
	raw := [16]byte{1, 2, 3}
	if got, ok := apier.ParseWebhookID(string(apier.FormatWebhookID(raw))); !ok || got != raw {
		t.Errorf("webhook %v %v", got, ok)
	}
	if got, ok := apier.ParseErasureID(string(apier.FormatErasureID(raw))); !ok || got != raw {
		t.Errorf("erasure %v %v", got, ok)
	}
	for _, wrong := range []string{"", "whk_", "evt_06d86tnnr1x3372y4yw09mvfm4"} {
		if _, ok := apier.ParseWebhookID(wrong); ok {
			t.Errorf("%q is no webhook", wrong)
		}
	}
}

func TestWebhookJSON(t *testing.T) {
	t.Parallel()
	refused, err := json.Marshal(&apier.Webhook{ID: "whk_1", ReceivedAt: 1000, StatusCode: 401, Reason: "no", Size: 5, Seq: 3})
	want := `{"id":"whk_1","received_at":"1970-01-01T00:00:01.000Z","verified":false,"status_code":401,"reason":"no","endpoint_id":null,` +
		`"webhook_id":null,"event_type":null,"replayed":false,"address":"","size":5,"headers":{},"body":"","body_truncated":false,"seq":3}`
	if err != nil || string(refused) != want {
		t.Errorf("%s, %v; want %s", refused, err, want)
	}
	odd := apier.Webhook{Verified: true, Size: 3, Body: []byte("a\xff")}
	var shown struct {
		Body      string
		Truncated bool `json:"body_truncated"`
	}
	encoded, err := json.Marshal(&odd)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &shown); err != nil || shown.Body != "a\ufffd" || !shown.Truncated {
		t.Errorf("%s: %+v, %v", encoded, shown, err)
	}
}

func TestErasedEventJSON(t *testing.T) {
	t.Parallel()
	e := apier.Event{ID: "evt_1", Payload: []byte("{}"), Erased: true, DeliveryLatencyMS: -1}
	created := apier.AppendChange(nil, &apier.Change{Kind: apier.Created, At: e.UpdatedAt, Event: e}, nil)
	for _, text := range [][]byte{e.AppendJSON(nil), created} {
		var got struct {
			Payload map[string]any
			Erased  bool
			Data    struct {
				Payload map[string]any
				Erased  bool
			}
		}
		if err := json.Unmarshal(text, &got); err != nil || !got.Erased && !got.Data.Erased {
			t.Errorf("%s: %v", text, err)
		}
	}
}
