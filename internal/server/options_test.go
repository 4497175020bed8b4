package server

import (
	"net/netip"
	"testing"
)

// A client's address is always read as IPv4 where it is one, however the proxies are written.
func TestPrefixesOfIPv4MayBeWrittenAsIPv6(t *testing.T) {
	t.Parallel()
	for text, inside := range map[string]string{
		"10.0.0.1": "10.0.0.1", "10.0.0.0/8": "10.9.9.9", "2001:db8::/32": "2001:db8::1",
		"::ffff:10.0.0.1": "10.0.0.1", "::ffff:10.0.0.0/104": "10.9.9.9",
	} {
		prefixes, err := parsePrefixes([]string{text})
		if err != nil {
			t.Fatal(err)
		}
		if !prefixes[0].Contains(netip.MustParseAddr(inside)) {
			t.Errorf("%s is read as %v, without %s", text, prefixes, inside)
		}
		if prefixes[0].Contains(netip.MustParseAddr("11.0.0.1")) {
			t.Errorf("%s is read as %v, with 11.0.0.1", text, prefixes)
		}
	}
}
