package gateway

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	start := time.Minute
	m := newMeter(Options{}.withDefaults())
	for i := range 40 {
		if v := m.take(start); v != withinRate {
			t.Fatalf("message %d of the burst: %v", i, v)
		}
	}
	if v := m.take(start); v != overRate {
		t.Fatalf("message 41: %v", v)
	}
	if v := m.take(start + 50*time.Millisecond); v != withinRate {
		t.Fatalf("a 20th of a second later: %v", v)
	}
	for ms := 60; ms < 10_000; ms += 10 { // 100 a second for ten seconds
		if v := m.take(start + time.Duration(ms)*time.Millisecond); v == flooding {
			t.Fatalf("ended after %d ms", ms)
		}
	}
	if v := m.take(start + 10_001*time.Millisecond); v != flooding && m.take(start+10_002*time.Millisecond) != flooding {
		t.Fatal("a flood of ten seconds goes on")
	}
	if v := m.take(start + 12*time.Second); v != withinRate {
		t.Fatalf("after a pause: %v", v)
	}
	if m.over {
		t.Fatal("the pause did not clear the flood")
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	const s = 1000
	for name, tc := range map[string]struct {
		now, read, ping, expires int64
		warned                   bool
		want                     duty
	}{
		"fresh":           {now: 10 * s, want: dutyNone},
		"silent 25 s":     {now: 25 * s, want: dutyPing},
		"pinged already":  {now: 30 * s, ping: 25 * s, want: dutyNone},
		"pinged long ago": {now: 50 * s, ping: 25 * s, want: dutyPing},
		"silent 60 s":     {now: 60 * s, ping: 50 * s, want: dutySilent},
		"a sign of life":  {now: 60 * s, read: 50 * s, want: dutyNone},
		"expires soon":    {now: 10 * s, expires: 60 * s, want: dutyExpiring},
		"told already":    {now: 10 * s, expires: 60 * s, warned: true, want: dutyNone},
		"expired":         {now: 60 * s, read: 59 * s, expires: 60 * s, warned: true, want: dutyExpired},
	} {
		if got := due(tc.now, tc.read, tc.ping, tc.now, tc.expires, tc.warned, 25*time.Second, o); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
