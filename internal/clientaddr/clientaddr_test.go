package clientaddr

import (
	"net/netip"
	"testing"
)

func TestOf(t *testing.T) {
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
		{"10.0.0.1:80", "unknown", "10.0.0.1"}, // what is no address names nobody, and is no way around a limit
		{"10.0.0.1:80", "203.0.113.9, _hidden1, 10.0.0.2", "10.0.0.2"},
		{"10.0.0.1:80", "010.1.1.1", "10.0.0.1"},
		{"10.0.0.1:80", `"[2001:db8::7]:80"`, "2001:db8::7"},
		{"10.0.0.1:80", "fe80::1%eth7", "fe80::1"},
		{"10.0.0.1:80", ",, 198.51.100.7 ,", "198.51.100.7"},
		{"[::1]:80", "", "::1"},
	} {
		if got := clientAddr(tc.remote, tc.forwarded, trusted); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
}

// FAULTS D5: an IPv6 network of one customer counts as one address, a mapped IPv4 address as IPv4.
func TestLimitKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		addr string
		bits int
		want string
	}{
		{"2001:db8:1:2::7", 0, "2001:db8:1:2::/64"},
		{"2001:db8:1:2:ffff:ffff:ffff:ffff", 0, "2001:db8:1:2::/64"},
		{"2001:db8:1:3::7", 0, "2001:db8:1:3::/64"},
		{"2001:db8:1:2::7", 48, "2001:db8:1::/48"},
		{"2001:db8:1:2::7", 128, "2001:db8:1:2::7/128"},
		{"::ffff:198.51.100.7", 0, "198.51.100.7"},
		{"198.51.100.7", 0, "198.51.100.7"},
		{"fe80::1%eth0", 0, "fe80::/64"},
		{"unknown", 0, "unknown"},
	} {
		if got := LimitKey(tc.addr, tc.bits); got != tc.want {
			t.Errorf("%s in a /%d: got %s, want %s", tc.addr, tc.bits, got, tc.want)
		}
	}
}
