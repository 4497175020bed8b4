package delivery

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Guard keeps webhooks out of the inside of the network. It looks at the address that is connected to, after all
// resolution, so that no name, however it is written or changes, gets around it. The zero value allows public
// addresses only.
type Guard struct {
	AllowPrivate bool           // for development: everything but metadata services
	Prefixes     []netip.Prefix // that are allowed besides
	Hosts        []string       // by name, whatever they resolve to; metadata services excepted
}

// ParseAllowed reads addresses, prefixes and host names.
func ParseAllowed(texts []string) (g Guard, err error) {
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			g.Prefixes = append(g.Prefixes, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		if prefix, err := netip.ParsePrefix(text); err == nil {
			g.Prefixes = append(g.Prefixes, prefix.Masked())
			continue
		}
		if text == "" || strings.ContainsAny(text, "/: ") {
			return g, fmt.Errorf("has %q; write a host name, an address such as 10.0.0.7 or a prefix such as 10.0.0.0/8", text)
		}
		g.Hosts = append(g.Hosts, strings.ToLower(text))
	}
	return g, nil
}

// blockedError is a connection that the guard refused.
type blockedError struct{ addr netip.Addr }

func (e *blockedError) Error() string {
	return fmt.Sprintf("the address %s is not public, and webhooks do not go there", e.addr)
}

// special holds what is not the public internet: the special-purpose registries of RFC 6890 and its updates, what
// translates or tunnels into IPv4, and multicast.
func special() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32",
		"2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}

// metadata holds the addresses where clouds hand out credentials. Nothing opens them.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"),
		netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"), netip.MustParseAddr("fd00:ec2::254"),
		netip.MustParseAddr("fd00:ec2::23"), netip.MustParseAddr("fd20:ce::254"),
	}
}

// dialer connects where the guard allows it.
type dialer struct {
	guard    Guard
	special  []netip.Prefix
	metadata []netip.Addr
}

func newDialer(g Guard) *dialer { return &dialer{guard: g, special: special(), metadata: metadata()} }

// DialContext is that of net.Dialer, guarded.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	byName := slices.Contains(d.guard.Hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	inner := net.Dialer{
		KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return d.check(address, byName)
		},
	}
	return inner.DialContext(ctx, network, address)
}

// check is asked just before a socket connects to an address. embedded reaches the IPv4 address inside of an IPv6 one.
func (d *dialer) check(address string, byName bool) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address to connect to: %w", err)
	}
	addr := target.Addr().WithZone("")
	for _, a := range embedded(addr) {
		if slices.Contains(d.metadata, a) {
			return &blockedError{addr}
		}
	}
	if d.guard.AllowPrivate || byName || d.listed(addr.Unmap()) {
		return nil
	}
	for _, a := range embedded(addr) {
		if slices.ContainsFunc(d.special, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return &blockedError{addr}
		}
	}
	return nil
}

func (d *dialer) listed(addr netip.Addr) bool {
	return slices.ContainsFunc(d.guard.Prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// embedded gives an address and the IPv4 address that it stands for: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
func embedded(addr netip.Addr) []netip.Addr {
	if addr.Is4() {
		return []netip.Addr{addr}
	}
	if addr.Is4In6() {
		return []netip.Addr{addr.Unmap()}
	}
	raw := addr.As16()
	all := []netip.Addr{addr}
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr), netip.MustParsePrefix("::/96").Contains(addr):
		all = append(all, netip.AddrFrom4([4]byte(raw[12:])))
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		all = append(all, netip.AddrFrom4([4]byte(raw[2:6])))
	}
	return all
}
