//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGoal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		g     goal
		value float64
		met   bool
	}{
		{atLeast(0.6), 0.6, true},
		{atLeast(0.6), 0.59, false},
		{atMost(4), 4, true},
		{atMost(4), 4.01, false},
		{below(50), 49.9, true},
		{below(50), 50, false},
	} {
		if got := c.g.met(c.value); got != c.met {
			t.Errorf("%v %s %v: %v", c.value, c.g.sign, c.g.bound, got)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{45000: "45000", 12.34: "12.3", 0.456: "0.46", 0: "0.00"} {
		if got := number(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
}

func TestReportSaysPlainlyWhatWasMissedAndWhatFailed(t *testing.T) {
	t.Parallel()
	r := &report{Date: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Commit: "abc", Failures: []string{"idle: broke"}}
	r.section("Ingest")
	r.add("ratio", "×", []float64{0.5, 0.4, 0.9}, atLeast(0.6))
	r.add("p99", "ms", []float64{20}, below(50))
	r.add("bare", "events/s", []float64{20_000}, goal{})
	dir := t.TempDir()
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "2026-11-22-abc.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 of 2 goals met", "Not met: Ingest: ratio is 0.50 ×, the goal is ≥ 0.60", "FAILED: idle: broke",
		"| ratio | 0.50 | 0.40 – 0.90 | × | ≥ 0.60 | NOT MET |", "| p99 | 20.0 |", "| < 50.0 | met |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "2026-11-22-abc.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(data, &back); err != nil || len(back.Sections[0].Figures[0].Rounds) != 3 {
		t.Errorf("%v, %+v", err, back)
	}
}
