package server

import "testing"

func TestTheCollectorsHeadroomFollowsTheLoad(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tc := range []struct {
		name                      string
		previous, perSecond, live uint64
		headroom                  uint64
		percent                   int
	}{
		{"quiet", 0, mib, 8 * mib, mib / 4, 100},
		{"a crowd connects", 0, 30 * mib, 8 * mib, 30 * mib / 4, 100},
		{"busy", 0, 160 * mib, 8 * mib, 40 * mib, 500},
		{"busier than there is room", 0, 1000 * mib, 8 * mib, 64 * mib, 800},
		{"a large heap has room of its own", 0, 1000 * mib, 200 * mib, 64 * mib, 100},
		{"just over", 64 * mib, 0, 8 * mib, 32 * mib, 400},
		{"nothing lives", 0, 1000 * mib, 0, 64 * mib, 6400},
	} {
		headroom := headroomFor(tc.previous, tc.perSecond)
		if percent := percentFor(tc.live, headroom); headroom != tc.headroom || percent != tc.percent {
			t.Errorf("%s: got %d bytes, %d %%, want %d, %d", tc.name, headroom, percent, tc.headroom, tc.percent)
		}
	}
}

func TestTheCollectorIsLeftAloneOverLittle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b int
		want bool
	}{{100, 100, false}, {100, 120, false}, {100, 130, true}, {400, 310, true}, {400, 330, false}} {
		if differs(tc.a, tc.b) != tc.want || differs(tc.b, tc.a) != tc.want {
			t.Errorf("%d and %d: want %v", tc.a, tc.b, tc.want)
		}
	}
}
