package client

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/search"
)

const vectorFolder = "../protocol/vectors"

// vectorFile is one file of protocol/vectors; its README says what every word means.
type vectorFile struct {
	Kind  string            `json:"kind"`
	About string            `json:"about"`
	Cases []json.RawMessage `json:"cases"`
}

// TestVectors runs every vector there is. The TypeScript client runs the same ones, so the two cannot drift.
func TestVectors(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(vectorFolder)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, entry := range entries {
		if entry.Name() == "README.md" {
			continue
		}
		ran++
		t.Run(strings.TrimSuffix(entry.Name(), ".json"), func(t *testing.T) {
			t.Parallel()
			runVectorFile(t, filepath.Join(vectorFolder, entry.Name()))
		})
	}
	if ran == 0 {
		t.Fatal("there are no vectors")
	}
}

func runVectorFile(t *testing.T, path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := strictly[vectorFile](t, raw)
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		name := struct {
			Name string `json:"name"`
		}{}
		if err := json.Unmarshal(c, &name); err != nil || name.Name == "" {
			t.Fatalf("a case without a name: %s", c)
		}
		t.Run(name.Name, func(t *testing.T) {
			t.Parallel()
			switch file.Kind {
			case "backoff":
				runBackoff(t, c)
			case "close":
				runClose(t, c)
			case "quality":
				runQuality(t, c)
			case "script":
				runScript(t, c)
			case "search":
				runSearch(t, c)
			default:
				t.Fatalf("this side does not know the kind %q", file.Kind)
			}
		})
	}
}

// strictly decodes, and fails on a field that this side does not know.
func strictly[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// runSearch runs the server's search: the Go client leaves that to it.
func runSearch(t *testing.T, raw []byte) {
	c := strictly[struct {
		Name    string `json:"name"`
		Search  string `json:"search"`
		Payload string `json:"payload"`
		Match   bool   `json:"match"`
	}](t, raw)
	if got := search.New(c.Search).InJSON([]byte(c.Payload)); got != c.Match {
		t.Errorf("got %v, want %v", got, c.Match)
	}
}

func runBackoff(t *testing.T, raw []byte) {
	c := strictly[struct {
		Name    string  `json:"name"`
		Attempt int     `json:"attempt"`
		Initial int64   `json:"initial_reconnect_delay_ms"`
		Max     int64   `json:"max_reconnect_delay_ms"`
		Jitter  string  `json:"jitter"`
		Random  float64 `json:"random"`
		Delay   int64   `json:"delay_ms"`
	}](t, raw)
	if got := backoffDelay(c.Attempt, c.Initial, c.Max, jitterNamed(t, c.Jitter), c.Random); got != c.Delay {
		t.Errorf("got %d, want %d", got, c.Delay)
	}
}

func jitterNamed(t *testing.T, name string) Jitter {
	switch name {
	case "", "guide":
		return JitterGuide
	case "full":
		return JitterFull
	}
	t.Fatalf("this side does not know the jitter %q", name)
	return 0
}

func runClose(t *testing.T, raw []byte) {
	c := strictly[struct {
		Name       string          `json:"name"`
		Code       apier.CloseCode `json:"code"`
		Reason     string          `json:"reason"`
		Retry      bool            `json:"retry"`
		Refresh    bool            `json:"refresh_token"`
		RetryAfter *int64          `json:"retry_after_ms"`
		Word       *string         `json:"word"`
	}](t, raw)
	want := closeDecision{retry: c.Retry, refreshToken: c.Refresh, retryAfter: noAdvice}
	if c.RetryAfter != nil {
		want.retryAfter = *c.RetryAfter
	}
	if c.Word != nil {
		want.word = *c.Word
	}
	if got := decideClose(c.Code, c.Reason); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func runQuality(t *testing.T, raw []byte) {
	c := strictly[struct {
		Name   string  `json:"name"`
		RTT    float64 `json:"rtt_ms"`
		Jitter float64 `json:"jitter_ms"`
		Missed int     `json:"missed_pongs"`
		Level  Level   `json:"level"`
	}](t, raw)
	if got := qualityLevel(c.RTT, c.Jitter, c.Missed); got != c.Level {
		t.Errorf("got %q, want %q", got, c.Level)
	}
}
