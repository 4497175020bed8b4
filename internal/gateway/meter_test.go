package gateway

import (
	"net/netip"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	m := newMeter(Options{}.withDefaults())
	for i := range 40 {
		if v := m.take(start); v != withinRate {
			t.Fatalf("message %d of the burst: %v", i, v)
		}
	}
	if v := m.take(start); v != overRate {
		t.Fatalf("message 41: %v", v)
	}
	if v := m.take(start.Add(50 * time.Millisecond)); v != withinRate {
		t.Fatalf("a 20th of a second later: %v", v)
	}
	for ms := 60; ms < 10_000; ms += 10 { // 100 a second for ten seconds
		if v := m.take(start.Add(time.Duration(ms) * time.Millisecond)); v == flooding {
			t.Fatalf("ended after %d ms", ms)
		}
	}
	if v := m.take(start.Add(10_001 * time.Millisecond)); v != flooding && m.take(start.Add(10_002*time.Millisecond)) != flooding {
		t.Fatal("a flood of ten seconds goes on")
	}
	if v := m.take(start.Add(12 * time.Second)); v != withinRate {
		t.Fatalf("after a pause: %v", v)
	}
	if !m.since.IsZero() {
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
		if got := due(tc.now, tc.read, tc.ping, tc.expires, tc.warned, 25*time.Second, o); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestClientAddr(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:80", "", "192.0.2.1"},
		{"192.0.2.1:80", "198.51.100.7", "192.0.2.1"}, // not through a proxy of ours: its word counts for nothing
		{"10.0.0.1:80", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:80", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"},
		{"10.0.0.1:80", "", "10.0.0.1"},
		{"10.0.0.1:80", "198.51.100.7:49152", "198.51.100.7"}, // some proxies name the port too, another for each connection
		{"10.0.0.1:80", "[2001:db8::7]:49152, 10.0.0.2:443", "2001:db8::7"},
		{"10.0.0.1:80", "[2001:db8::7]", "2001:db8::7"},
		{"10.0.0.1:80", "::ffff:198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:80", "unknown", "unknown"},
		{"[::1]:80", "", "::1"},
	} {
		if got := clientAddr(tc.remote, tc.forwarded, trusted); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
}
