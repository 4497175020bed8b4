package gateway

import (
	"testing"
	"time"

	"github.com/apier/apier/internal/auth"
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

// A frame of many channels costs more than one of one, and what is missing is told as a wait.
func TestMeterChargesForManyChannels(t *testing.T) {
	t.Parallel()
	const now = time.Hour
	m := newMeter(Options{MessagesPerSec: 10, MessageBurst: 5}.withDefaults())
	if m.take(now) != withinRate {
		t.Fatal("the first message is refused")
	}
	m.charge(9) // four were left, so five are owed
	if m.take(now) != overRate || m.wait() != 600*time.Millisecond {
		t.Fatalf("after the charge it is to wait %v, want 600 ms", m.wait())
	}
	if m.take(now+599*time.Millisecond) == withinRate || m.take(now+600*time.Millisecond) != withinRate {
		t.Error("the wait is not what it takes")
	}
}

// A token is warned of 60 s ahead, and one that does not live long a share of its life ahead (C4).
func TestWarningIsAShareOfTheLife(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	g := &Gateway{opt: Options{Now: func() time.Time { return now }}.withDefaults()}
	for life, lead := range map[time.Duration]time.Duration{
		time.Hour: time.Minute, 4 * time.Minute: time.Minute, 2 * time.Minute: 30 * time.Second, 30 * time.Second: 7500 * time.Millisecond,
	} {
		want := now.Add(life - lead).UnixMilli()
		if got := g.warnAt(auth.Identity{ExpiresAt: now.Add(life)}); got != want {
			t.Errorf("a token of %v is warned of at %d, want %d", life, got, want)
		}
	}
	if g.warnAt(auth.Identity{}) != 0 {
		t.Error("a token without an end is warned of")
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	const s = 1000
	for name, tc := range map[string]struct {
		now, read, ping, expires, warnAt int64
		want                             duty
	}{
		"fresh":           {now: 10 * s, want: dutyNone},
		"silent 25 s":     {now: 25 * s, want: dutyPing},
		"pinged already":  {now: 30 * s, ping: 25 * s, want: dutyNone},
		"pinged long ago": {now: 50 * s, ping: 25 * s, want: dutyPing},
		"silent 60 s":     {now: 60 * s, ping: 50 * s, want: dutySilent},
		"a sign of life":  {now: 60 * s, read: 50 * s, want: dutyNone},
		"expires soon":    {now: 10 * s, expires: 60 * s, warnAt: 10 * s, want: dutyExpiring},
		"not soon yet":    {now: 10 * s, expires: 60 * s, warnAt: 11 * s, want: dutyNone},
		"told already":    {now: 10 * s, expires: 60 * s, want: dutyNone},
		"expired":         {now: 60 * s, read: 59 * s, expires: 60 * s, want: dutyExpired},
	} {
		if got := due(tc.now, tc.read, tc.ping, tc.now, tc.expires, tc.warnAt, 25*time.Second, o); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
