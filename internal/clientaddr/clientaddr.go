// Package clientaddr tells which address a request comes from, and which addresses count as one for a limit.
package clientaddr

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Of returns the address that a request comes from: the nearest that is not a trusted proxy. Where a proxy names none, or
// something else than an address, it is the proxy's own.
func Of(r *http.Request, trusted []netip.Prefix) string {
	return clientAddr(r.RemoteAddr, strings.Join(r.Header.Values("X-Forwarded-For"), ","), trusted)
}

func clientAddr(remote, forwarded string, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0 && isTrusted(host, trusted); i-- {
		hop := strings.Trim(hops[i], ` "`)
		if hop == "" {
			continue
		}
		addr, err := withoutPort(hop)
		if err != nil { // "unknown", or what a client made up: each would count as another's
			return host
		}
		host = addr.WithZone("").Unmap().String()
	}
	return host
}

// withoutPort returns the address of an entry, which some proxies write with the port of the connection. With it, each
// connection of a client would count as another's.
func withoutPort(hop string) (netip.Addr, error) {
	if at, err := netip.ParseAddrPort(hop); err == nil {
		return at.Addr(), nil
	}
	return netip.ParseAddr(strings.Trim(hop, "[]"))
}

func isTrusted(host string, trusted []netip.Prefix) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range trusted {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// DefaultIPv6Bits is the prefix that a provider hands to one customer: RFC 6177.
const DefaultIPv6Bits = 64

// LimitKey returns what an address counts as for a limit per address. An IPv6 address counts as its network of
// ipv6Bits (0: [DefaultIPv6Bits]), since one customer has all of it. An IPv4 address counts as itself, also when it is
// written as an IPv6 one. What is no address counts as itself.
func LimitKey(addr string, ipv6Bits int) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	if ipv6Bits == 0 {
		ipv6Bits = DefaultIPv6Bits
	}
	network, err := ip.Prefix(ipv6Bits)
	if err != nil {
		return addr
	}
	return network.String()
}
