//go:build linux

package proc

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 50 16 17 18"
	for _, name := range []string{"(apier)", "(a b)", "(a) S 1 (b)"} {
		got, err := parseStat([]byte("42 " + name + rest))
		if err != nil || got != 3*time.Second {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "42 (apier) S 1", "42 (apier) S 1 2 3 4 5 6 7 8 9 10 x 50"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestParseKiB(t *testing.T) {
	t.Parallel()
	text := []byte("Name:\tapier\nVmHWM:\t 99 kB\nVmRSS:\t    1234 kB\n")
	if got, err := parseKiB(text, "VmRSS:"); err != nil || got != 1234<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := parseKiB(text, "VmSwap:"); err == nil {
		t.Error("a line was found that is not there")
	}
}

func TestOfThisProcess(t *testing.T) {
	t.Parallel()
	if rss, err := RSS(os.Getpid()); err != nil || rss < 1<<20 {
		t.Errorf("RSS: %d, %v", rss, err)
	}
	if _, err := CPU(os.Getpid()); err != nil {
		t.Error(err)
	}
	if m := Describe(t.TempDir()); m.Cores < 1 || m.MemoryGiB <= 0 || m.Kernel == "" {
		t.Errorf("machine: %+v", m)
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	before, err := parseBusy("cpu  100 0 50 9000 10 5 5 20 0 0\ncpu0 1\n")
	if err != nil || before.All != 1600*time.Millisecond || before.Stole != 200*time.Millisecond {
		t.Fatalf("%+v, %v", before, err)
	}
	after := Busy{All: before.All + 8*time.Second, Own: 6 * time.Second, Stole: before.Stole + time.Second, At: before.At.Add(10 * time.Second)}
	if got := after.Others(before, 2); got != 15 {
		t.Errorf("got %v %%, want 15", got)
	}
	if _, err := parseBusy("cpu 1 2"); err == nil {
		t.Error("a short line was read")
	}
	if _, err := Now(); err != nil {
		t.Error(err)
	}
}
