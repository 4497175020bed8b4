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
	AllowPrivate bool           // loopback, private and shared networks too: for development
	Prefixes     []netip.Prefix // allowed besides
	Hosts        []string       // by name, in lower case, whatever they resolve to

	resolver *net.Resolver // nil: the system's
}

const metadataService = "a cloud's metadata service"

// blockedError says that an address was refused. Which one, and why, is said only to those who spelled it: to others it
// would tell what a name leads to inside.
type blockedError struct {
	spelled bool // the host itself is the address
	addr    netip.Addr
	why     string
}

func (e *blockedError) Error() string {
	if !e.spelled {
		return "blocked: the host leads to an address that is not public, and webhooks do not go there; the operator can allow it by --delivery-allow"
	}
	remedy := "the operator can allow it by --delivery-allow"
	if e.why == metadataService {
		remedy = "nothing allows that"
	}
	return fmt.Sprintf("the address %s is not public but %s, and webhooks do not go there; %s", e.addr, e.why, remedy)
}

// DialContext connects to an address that the guard lets through, before the attempt in ctx is over; it fits
// http.Transport.
func (g Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	until := dialBefore(ctx)
	dialer := net.Dialer{
		Deadline: until, KeepAlive: 30 * time.Second, Resolver: g.resolver,
		ControlContext: func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			return g.check(host, resolved)
		},
	}
	if dialer.Resolver == nil { // Go's own has no limit of look-ups under way: a name server that hangs delays its names only
		dialer.Resolver = &net.Resolver{PreferGo: true}
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return timed(conn, until), nil
}

// check judges "address:port" as the operating system is about to see it.
func (g Guard) check(host, resolved string) error {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return &blockedError{why: "not an address"}
	}
	return g.checkAddr(host, at.Addr())
}

func (g Guard) checkAddr(host string, addr netip.Addr) error {
	if why := g.fault(host, addr); why != "" {
		return &blockedError{isSpelled(host), addr, why}
	}
	return nil
}

// isSpelled reports whether a host tells its address by itself.
func isSpelled(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || isLocalhost(host)
}

func isLocalhost(host string) bool {
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// CheckHost refuses a URL's host that is an address, or localhost, where no webhook will go, so that whoever makes an
// endpoint can be told at once. Any other name is judged by what it leads to when it is dialled.
func (g Guard) CheckHost(host string) error {
	spelled := host
	if isLocalhost(host) {
		spelled = "127.0.0.1"
	}
	if addr, err := netip.ParseAddr(spelled); err == nil {
		return g.checkAddr(host, addr)
	}
	return nil
}

// fault says what an address is, if it must not be reached. What hands out a cloud's credentials is refused
// whatever is allowed.
func (g Guard) fault(host string, addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	inner := embedded(addr)
	if isMetadata(addr) || isMetadata(inner) {
		return metadataService
	}
	if g.allows(host, addr) {
		return ""
	}
	for _, r := range reserved() {
		if r.prefix.Contains(addr) {
			if r.private && g.AllowPrivate {
				return ""
			}
			return r.name
		}
	}
	if addr.Is6() && !netip.MustParsePrefix("2000::/3").Contains(addr) {
		return "outside the public Internet"
	}
	return ""
}

func (g Guard) allows(host string, addr netip.Addr) bool {
	return slices.Contains(g.Hosts, strings.TrimSuffix(strings.ToLower(host), ".")) ||
		slices.ContainsFunc(g.Prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// ParseAllowed reads addresses, prefixes and host names.
func ParseAllowed(texts []string) (g Guard, err error) {
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			g.Prefixes = append(g.Prefixes, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
		} else if prefix, err := netip.ParsePrefix(text); err == nil {
			g.Prefixes = append(g.Prefixes, prefix.Masked())
		} else if isHostName(text) {
			g.Hosts = append(g.Hosts, strings.TrimSuffix(strings.ToLower(text), "."))
		} else {
			return g, fmt.Errorf("has %q; write a host name, an address such as 10.0.0.7 or a prefix such as 10.0.0.0/8", text)
		}
	}
	return g, nil
}

func isHostName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
