package delivery

import (
	"net/netip"
	"slices"
)

// network is a range of addresses that are not of the public Internet.
type network struct {
	prefix  netip.Prefix
	name    string
	private bool // opened by Guard.AllowPrivate
}

// reserved follows IANA's registries of special-purpose addresses (RFC 6890 and its successors) and of multicast.
func reserved() []network {
	return []network{
		{netip.MustParsePrefix("0.0.0.0/8"), "this network (unspecified)", false},
		{netip.MustParsePrefix("10.0.0.0/8"), "a private network", true},
		{netip.MustParsePrefix("100.64.0.0/10"), "a network shared behind carrier NAT", true},
		{netip.MustParsePrefix("127.0.0.0/8"), "loopback", true},
		{netip.MustParsePrefix("169.254.0.0/16"), "link-local", false},
		{netip.MustParsePrefix("172.16.0.0/12"), "a private network", true},
		{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols", false},
		{netip.MustParsePrefix("192.0.2.0/24"), "for documentation", false},
		{netip.MustParsePrefix("192.31.196.0/24"), "an AS112 sink", false},
		{netip.MustParsePrefix("192.52.193.0/24"), "a multicast relay", false},
		{netip.MustParsePrefix("192.88.99.0/24"), "a 6to4 relay", false},
		{netip.MustParsePrefix("192.168.0.0/16"), "a private network", true},
		{netip.MustParsePrefix("192.175.48.0/24"), "an AS112 sink", false},
		{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks", true},
		{netip.MustParsePrefix("198.51.100.0/24"), "for documentation", false},
		{netip.MustParsePrefix("203.0.113.0/24"), "for documentation", false},
		{netip.MustParsePrefix("224.0.0.0/4"), "multicast", false},
		{netip.MustParsePrefix("240.0.0.0/4"), "reserved", false},
		{netip.MustParsePrefix("::1/128"), "loopback", true},
		{netip.MustParsePrefix("::/96"), "unspecified, or IPv4 in disguise", false},
		{netip.MustParsePrefix("64:ff9b::/96"), "NAT64: IPv4 in disguise", false},
		{netip.MustParsePrefix("64:ff9b:1::/48"), "NAT64: IPv4 in disguise", false},
		{netip.MustParsePrefix("100::/64"), "a sink", false},
		{netip.MustParsePrefix("2001::/32"), "Teredo: IPv4 in disguise", false},
		{netip.MustParsePrefix("2001::/23"), "reserved for protocols", false},
		{netip.MustParsePrefix("2001:db8::/32"), "for documentation", false},
		{netip.MustParsePrefix("2002::/16"), "6to4: IPv4 in disguise", false},
		{netip.MustParsePrefix("2620:4f:8000::/48"), "an AS112 sink", false},
		{netip.MustParsePrefix("3fff::/20"), "for documentation", false},
		{netip.MustParsePrefix("fc00::/7"), "a private network", true},
		{netip.MustParsePrefix("fe80::/10"), "link-local", false},
		{netip.MustParsePrefix("fec0::/10"), "site-local", false},
		{netip.MustParsePrefix("ff00::/8"), "multicast", false},
	}
}

// isMetadata knows the services that give a cloud's machine its credentials: AWS (and most others), its containers,
// Google over IPv6, Alibaba, Azure, Oracle.
func isMetadata(addr netip.Addr) bool {
	return addr.IsValid() && slices.Contains([]string{
		"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253", "fd00:ec2::254", "fd00:ec2::23", "fd00:ec2::253",
		"fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
	}, addr.String())
}

// embedded gives the IPv4 address inside an IPv6 one: compatible, NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380).
func embedded(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return netip.Addr{}
	}
	b := addr.As16()
	switch {
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0:
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
	case b[0] == 0 && b[1] == 0, b[0] == 0 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b:
		return netip.AddrFrom4([4]byte(b[12:16]))
	default:
		return netip.Addr{}
	}
}
