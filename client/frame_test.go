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
			if change, ok := frame.decoded.(Change); ok && (change.Event.ID == "" || change.Kind != apier.Deleted && !change.Event.Status.Valid()) {
				t.Fatalf("%+v", change)
			}
		}
	})
}

// What was taken for good is told wherever an event is: who holds its payload drops it.
func TestAnErasedEventIsToldAsOne(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../protocol/frames/event_update_erased_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	change, ok := readMessage(g.Frame, &Stats{})[0].decoded.(Change)
	if !ok || !change.Event.Erased || string(change.Event.Payload) != "{}" {
		t.Errorf("%+v", change)
	}
	var e storedEvent
	if err := json.Unmarshal([]byte(`{"id":"evt_1","payload":{},"erased":true}`), &e); err != nil || !e.Erased {
		t.Errorf("%+v, %v", e, err)
	}
}
