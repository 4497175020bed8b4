package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddr gives the address that a request comes from: the nearest that is not a trusted proxy.
func ClientAddr(r *http.Request, trusted []netip.Prefix) string {
	return clientAddr(r.RemoteAddr, strings.Join(r.Header.Values("X-Forwarded-For"), ","), trusted)
}

func clientAddr(remote, forwarded string, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0 && isTrusted(host, trusted); i-- {
		if hop := strings.TrimSpace(hops[i]); hop != "" {
			host = withoutPort(hop)
		}
	}
	return host
}

// withoutPort gives the address of an entry, which some proxies write with the port of the connection. With it, each
// connection of a client would count as another's.
func withoutPort(hop string) string {
	if at, err := netip.ParseAddrPort(hop); err == nil {
		return at.Addr().Unmap().String()
	}
	if addr, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
		return addr.Unmap().String()
	}
	return hop
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
