package delivery

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"pgregory.net/rapid"

	"github.com/apier/apier"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"8.8.8.8": "", "93.184.216.34": "", "172.15.255.255": "", "172.32.0.0": "", "100.128.0.0": "", "2606:4700::1111": "", "2a00:1450:4001:81b::200e": "",
		"127.0.0.1": "loopback", "127.255.255.254": "loopback", "0.0.0.0": "unspecified", "0.1.2.3": "unspecified",
		"10.0.0.1": "private", "172.16.0.1": "private", "172.31.255.255": "private", "192.168.1.1": "private", "100.64.0.1": "NAT",
		"169.254.1.1": "link-local", "192.0.0.8": "protocols", "192.0.2.1": "documentation", "198.18.0.1": "benchmarks",
		"198.51.100.1": "documentation", "203.0.113.7": "documentation", "192.88.99.1": "6to4", "224.0.0.1": "multicast",
		"239.255.255.250": "multicast", "240.0.0.1": "reserved", "255.255.255.255": "reserved",
		"::": "unspecified", "::1": "loopback", "::ffff:127.0.0.1": "loopback", "::ffff:10.1.2.3": "private", "::127.0.0.1": "disguise",
		"64:ff9b::7f00:1": "NAT64", "64:ff9b:1::7f00:1": "NAT64", "2002:7f00:1::": "6to4", "2001::7f00:1": "Teredo", "2001:10::1": "protocols",
		"2001:db8::1": "documentation", "3fff::1": "documentation", "fc00::1": "private", "fd12:3456::1": "private", "fe80::1": "link-local",
		"fe80::1%eth0": "link-local", "fec0::1": "site-local", "ff02::1": "multicast", "100::1": "sink", "4000::1": "outside",
		"169.254.169.254": "metadata", "::ffff:169.254.169.254": "metadata", "64:ff9b::a9fe:a9fe": "metadata", "2002:a9fe:a9fe::1": "metadata",
		"2001:0:1::5601:5601": "metadata", "fd00:ec2::254": "metadata", "100.100.100.200": "metadata", "168.63.129.16": "metadata",
	} {
		got := Guard{}.fault("h", netip.MustParseAddr(text))
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Whoever makes an endpoint learns at once what its address alone tells; names are judged when they are dialled.
func TestGuardJudgesHostsByTheirSpelling(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"shop.example": "", "8.8.8.8": "", "2606:4700::1111": "", "localhost.example": "", "": "",
		"127.0.0.1": "loopback", "::1": "loopback", "localhost": "loopback", "LOCALHOST.": "loopback", "10.0.0.1": "--delivery-allow", "169.254.169.254": "nothing allows that",
	} {
		if err := (Guard{}).CheckHost(host); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", host, err, want)
		}
	}
	if err := (Guard{AllowPrivate: true}).CheckHost("localhost"); err != nil {
		t.Error(err)
	}
	if err := (Guard{Hosts: []string{"localhost"}}).CheckHost("localhost"); err != nil {
		t.Error(err)
	}
}

func TestGuardOpens(t *testing.T) {
	t.Parallel()
	listed, err := ParseAllowed([]string{"10.1.0.0/16", "127.0.0.5", "Hooks.Internal.", "169.254.0.0/16", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		guard      Guard
		host, addr string
		open       bool
	}{
		{Guard{AllowPrivate: true}, "h", "127.0.0.1", true},
		{Guard{AllowPrivate: true}, "h", "::1", true},
		{Guard{AllowPrivate: true}, "h", "10.0.0.1", true},
		{Guard{AllowPrivate: true}, "h", "fd12::1", true},
		{Guard{AllowPrivate: true}, "h", "0.0.0.0", false},
		{Guard{AllowPrivate: true}, "h", "169.254.1.1", false},
		{Guard{AllowPrivate: true}, "h", "169.254.169.254", false},
		{Guard{AllowPrivate: true}, "h", "fd00:ec2::254", false},
		{Guard{AllowPrivate: true}, "h", "::ffff:169.254.169.254", false},
		{listed, "h", "10.1.2.3", true},
		{listed, "h", "10.2.2.3", false},
		{listed, "h", "127.0.0.5", true},
		{listed, "h", "127.0.0.6", false},
		{listed, "hooks.internal", "192.168.7.7", true},
		{listed, "HOOKS.internal.", "192.168.7.7", true},
		{listed, "evil.hooks.internal", "192.168.7.7", false},
		{listed, "hooks.internal", "169.254.169.254", false},
		{listed, "h", "169.254.169.254", false},
		{listed, "h", "fd00:ec2::254", false},
		{listed, "h", "169.254.10.1", true},
	} {
		if why := c.guard.fault(c.host, netip.MustParseAddr(c.addr)); (why == "") != c.open {
			t.Errorf("%+v %s %s: %q, open %v", c.guard, c.host, c.addr, why, c.open)
		}
	}
	for _, text := range []string{"", "10.0.0.0/33", "http://x", "a b"} {
		if _, err := ParseAllowed([]string{text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// What a library made for this refuses, the guard refuses.
func TestGuardIsNoWeakerThanALibrary(t *testing.T) {
	t.Parallel()
	library := ssrf.New()
	rapid.Check(t, func(t *rapid.T) {
		var addr netip.Addr
		if rapid.Bool().Draw(t, "v4") {
			addr = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "bytes")))
		} else {
			raw := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
			head := rapid.SampledFrom([]string{"2000::", "2001::", "2002::", "64:ff9b::", "::ffff:0:0", "fe80::", "2001:db8::", "3fff::", "2606::", "5f00::"}).Draw(t, "head")
			prefix := netip.MustParseAddr(head).As16()
			copy(raw[:], prefix[:rapid.SampledFrom([]int{2, 4, 6, 12}).Draw(t, "keep")])
			addr = netip.AddrFrom16(raw)
		}
		addr = addr.Unmap() // the library refuses the form; the guard judges what is connected to
		if library.SafeAddr(addr) != nil && (Guard{}).fault("h", addr) == "" {
			t.Fatalf("the library refuses %s", addr)
		}
	})
}

// Names and forms that lead inside, through the whole dialer.
func TestGuardAtConnectTime(t *testing.T) {
	t.Parallel()
	listener := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	guard := Guard{resolver: resolveTo(t, "127.0.0.1")}
	for _, host := range []string{"localhost", "127.0.0.1", "::ffff:127.0.0.1", "::1", "0.0.0.0", "inside.example", "127.0.0.1.nip.example", "[::]"} {
		conn, err := guard.DialContext(t.Context(), "tcp", net.JoinHostPort(strings.Trim(host, "[]"), port))
		var blocked *blockedError
		if err == nil {
			_ = conn.Close()
		}
		if !errors.As(err, &blocked) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1"} { // are names here, never numbers
		guard := Guard{resolver: resolveTo(t, "")}
		if conn, err := guard.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); err == nil {
			_ = conn.Close()
			t.Errorf("%s connects", host)
		}
	}
}

// A name that is public when it is looked at and inside when it is connected to.
func TestGuardAgainstRebinding(t *testing.T) {
	t.Parallel()
	listener := listen(t, "127.0.0.2:0")
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	guard := Guard{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, resolver: resolveTo(t, "127.0.0.2", "127.0.0.1")}
	first, err := guard.DialContext(t.Context(), "tcp", "rebinding.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	var blocked *blockedError
	if conn, err := guard.DialContext(t.Context(), "tcp", "rebinding.example:"+port); !errors.As(err, &blocked) {
		t.Errorf("the second time: %v %v", conn, err)
	}
}

// A refusal tells nobody what a name leads to: not the address, and not the kind of its network. Only what the URL itself
// spells is named.
func TestBlockedNamesTellNoAddress(t *testing.T) {
	t.Parallel()
	texts := map[string]bool{}
	for _, addr := range []string{"10.0.0.7", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.9"} {
		a, _ := sendBy(t, Guard{resolver: resolveTo(t, addr)}, messageTo("http://inside.example/", 10_000))
		if a.ErrorKind != apier.ErrorBlocked || strings.Contains(a.ErrorMessage, addr) {
			t.Errorf("%s: %s %q", addr, a.ErrorKind, a.ErrorMessage)
		}
		texts[a.ErrorMessage] = true
	}
	if len(texts) != 1 {
		t.Errorf("the words tell networks apart: %v", texts)
	}
	for _, host := range []string{"10.0.0.7", "[::ffff:10.0.0.7]", "[64:ff9b::a00:7]", "[fd00::1]"} {
		if a, _ := sendBy(t, Guard{}, messageTo("http://"+host+"/", 10_000)); a.ErrorKind != apier.ErrorBlocked {
			t.Errorf("%s: %s %q", host, a.ErrorKind, a.ErrorMessage)
		}
	}
}

// A name server that hangs costs those names their time and no others, and a look-up ends with the attempt.
func TestASlowNameServer(t *testing.T) {
	t.Parallel()
	listener := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	working, asked, release := resolveTo(t, "127.0.0.1"), make(chan struct{}, 100), make(chan struct{})
	defer close(release) // look-ups that several wait for go on without them
	hangs := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, net.ErrClosed
	}}
	ended := make(chan error, 20)
	patient, stop := context.WithCancel(t.Context())
	for range cap(ended) {
		go func() {
			ctx, hold := holdConns(patient)
			defer hold.release()
			_, err := Guard{AllowPrivate: true, resolver: hangs}.DialContext(ctx, "tcp", "slow.example:"+port)
			ended <- err
		}()
	}
	<-asked
	conn, err := Guard{AllowPrivate: true, resolver: working}.DialContext(t.Context(), "tcp", "quick.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	stop()
	for range cap(ended) {
		if err := <-ended; err == nil {
			t.Error("connected")
		}
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	ctx, hold := holdConns(short)
	defer hold.release()
	// The transport dials without the request's deadline: the hold carries it.
	if _, err := (Guard{AllowPrivate: true, resolver: hangs}).DialContext(context.WithoutCancel(ctx), "tcp", "slow.example:"+port); !isTimeout(err) {
		t.Errorf("a look-up beyond its time: %v", err)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// resolveTo is a resolver whose answers to A are these in turn, the last for ever; "": no such name.
func resolveTo(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	var asked atomic.Int64
	go func() {
		for buffer := make([]byte, 1500); ; {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			answer := ""
			if isA(buffer[:n]) {
				answer = answers[min(int(asked.Add(1)), len(answers))-1]
			}
			_, _ = server.WriteTo(dnsAnswer(buffer[:n], answer, slices.Contains(answers, "")), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func question(query []byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	return query[12 : end+5]
}

func isA(query []byte) bool { q := question(query); return q[len(q)-3] == 1 }

// dnsAnswer is RFC 1035, sections 4.1.1 to 4.1.3: one A record, or none.
func dnsAnswer(query []byte, address string, missing bool) []byte {
	flags, count := uint16(0x8180), uint16(0)
	if missing {
		flags |= 3
	}
	if address != "" {
		count = 1
	}
	out := append([]byte(nil), query[:2]...)
	for _, n := range []uint16{flags, 1, count, 0, 0} {
		out = binary.BigEndian.AppendUint16(out, n)
	}
	out = append(out, question(query)...)
	if count == 0 {
		return out
	}
	ip := netip.MustParseAddr(address).As4()
	return append(append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
}
