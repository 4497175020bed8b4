package auth

import "testing"

// FAULTS D2: a default port is the same whether it is written or not.
func TestSameHost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		origin, host string
		want         bool
	}{
		{"https://x", "x", true},
		{"https://x", "x:443", true},
		{"https://X:443", "x", true},
		{"http://x", "x:80", true},
		{"http://x:8080", "x:8080", true},
		{"https://[2001:db8::1]", "[2001:db8::1]:443", true},
		{"http://x", "x:443", false},
		{"https://x:8443", "x", false},
		{"https://x", "y", false},
		{"https://x.evil.example", "x", false},
		{"null", "x", false},
		{"", "", false},
	} {
		if got := SameHost(tc.origin, tc.host); got != tc.want {
			t.Errorf("%s at %s: %v", tc.origin, tc.host, got)
		}
	}
}
