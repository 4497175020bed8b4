package client

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apier/apier"
)

type golden struct {
	Direction string          `json:"direction"`
	Frame     json.RawMessage `json:"frame"`
	Text      *string         `json:"raw"`
}

// TestGoldenFrames reads every frame that a server sends, and refuses what is none.
func TestGoldenFrames(t *testing.T) {
	t.Parallel()
	for pattern, valid := range map[string]bool{"../protocol/frames/*.json": true, "../protocol/frames/invalid/server_*.json": false} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal(paths, err)
		}
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(raw, &g); err != nil {
				t.Fatal(path, err)
			}
			if g.Direction == "client" {
				continue
			}
			text := []byte(g.Frame)
			if g.Text != nil {
				text = []byte(*g.Text)
			}
			var stats Stats
			frames := readMessage(text, &stats)
			isEmptyBatch := strings.Contains(string(text), `"batch"`)
			if ok := stats == (Stats{}) && (len(frames) > 0 || isEmptyBatch); ok != valid {
				t.Errorf("%s: %d frames, %+v", path, len(frames), stats)
			}
		}
	}
}

func FuzzReadMessage(f *testing.F) {
	paths, _ := filepath.Glob("../protocol/frames/*.json")
	for _, path := range paths {
		raw, _ := os.ReadFile(path)
		var g golden
		_ = json.Unmarshal(raw, &g)
		f.Add([]byte(g.Frame))
	}
	f.Add([]byte(`{"type":"batch","data":[{"type":"batch","data":[]},7]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := newFakeWorld(&scriptOptions{})
		c := newCore(w, defaultSettings(), nil)
		w.core = c
		c.connect()
		c.opened(w.last().link)
		c.received(w.last().link, []byte(`{"type":"session","data":{"session":"s","seq":1,"resumed":false,"channels":["events"]}}`))
		c.received(w.last().link, raw)
		if c.status().State != Connected {
			t.Fatalf("a frame ended the connection: %+v", c.status())
		}
		for _, frame := range readMessage(raw, &Stats{}) {
			if change, ok := frame.decoded.(Change); ok && change.IsEvent() && (change.Event.ID == "" || change.Kind != apier.Deleted && !change.Event.Status.Valid()) {
				t.Fatalf("%+v", change)
			}
		}
	})
}

// goldenChange gives the change that a golden frame of the protocol tells of.
func goldenChange(t *testing.T, name string) (c Change, ok bool) {
	t.Helper()
	raw, err := os.ReadFile("../protocol/frames/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	c, ok = readMessage(g.Frame, &Stats{})[0].decoded.(Change)
	return c, ok
}

// What was taken for good is told wherever an event is: who holds its payload drops it.
func TestAnErasedEventIsToldAsOne(t *testing.T) {
	t.Parallel()
	change, ok := goldenChange(t, "event_update_erased_v1")
	if !ok || !change.Event.Erased || string(change.Event.Payload) != "{}" {
		t.Errorf("%+v", change)
	}
	var e apier.Event
	if err := json.Unmarshal([]byte(`{"id":"evt_1","payload":{},"erased":true}`), &e); err != nil || !e.Erased {
		t.Errorf("%+v, %v", e, err)
	}
}

// Each frame of what webhooks do is a change of its kind, with the seq of the frame.
func TestFramesOfWebhooksAreChanges(t *testing.T) {
	t.Parallel()
	for name, fits := range map[string]func(Change) bool{
		"delivery_update_v1": func(c Change) bool {
			return c.Kind == apier.DeliveryChanged && c.Delivery != nil && c.Delivery.Status == apier.DeliveryPending && c.Delivery.ErrorKind == apier.ErrorHTTP5xx &&
				c.Delivery.DueAt > c.Delivery.CreatedAt && c.Event.ID == c.Delivery.EventID && c.Event.Type == "order.created" && c.Event.Seq == 45
		},
		"endpoint_update_v1": func(c Change) bool {
			return c.Kind == apier.EndpointChanged && c.Endpoint != nil && c.Endpoint.Delivered == 12 && c.Gone == "" && c.Event.Seq == 46
		},
		"endpoint_update_deleted": func(c Change) bool {
			return c.Kind == apier.EndpointChanged && c.Endpoint == nil && c.Gone == "ep_0636q3rrrw7h7b3m3r2v5t4w0g" && c.Event.Seq == 47
		},
		"recovery_update_v1": func(c Change) bool {
			return c.Kind == apier.RecoveryChanged && c.Recovery != nil && c.Recovery.Done == 50 && c.Recovery.Status == apier.RecoveryRunning && c.Event.Seq == 48
		},
		"webhook_received_v1": func(c Change) bool {
			return c.Kind == apier.WebhookReceived && c.Webhook != nil && string(c.Webhook.Body) == `{"order":"A7"}` && c.Webhook.Verified && c.Event.Seq == 49
		},
	} {
		change, ok := goldenChange(t, name)
		if !ok || !fits(change) || change.IsEvent() || change.Channel == "" {
			t.Errorf("%s: %+v", name, change)
		}
	}
	var stats Stats
	for _, text := range []string{
		`{"type":"delivery_update","data":{}}`, `{"type":"endpoint_update","data":{"deleted":true}}`, `{"type":"recovery_update"}`,
		`{"type":"webhook_received","data":{"id":7}}`, `{"type":"snapshot","data":{"channel":"event:evt_1","seq":1,"state":{}}}`,
		`{"type":"snapshot","data":{"seq":1,"state":null}}`,
	} {
		readMessage([]byte(text), &stats)
	}
	if stats.Refused != 6 {
		t.Errorf("%+v", stats)
	}
}
