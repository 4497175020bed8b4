// Package doctor finds out why a WebSocket does not connect. It goes the way that a connection goes, one
// step after the other (URL, name, TCP, TLS, HTTP, upgrade, origin, credential, session, ping and pong,
// idle time), and says at the first step that fails what is wrong and what to do.
//
// It needs nothing of the server but its network side, so it can be pointed at any deployment, through
// whatever proxies stand before it. The credential is sent to the server and appears nowhere else.
package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"
)

// Status of a finding.
type Status string

// What a step can find.
const (
	OK   Status = "ok"
	Warn Status = "warn" // works, and may not for long or not for everybody
	Fail Status = "FAIL" // no connection comes about; the steps that need it are not tried
	Skip Status = "skip" // not tried, for a reason that Detail has
)

// Finding is what one step found.
type Finding struct {
	Step   string // one word
	Status Status
	Detail string // what was seen, one line
	Advice string // what to do; "": nothing
}

// Options of an examination. The zero value has the defaults in brackets.
type Options struct {
	Token  string        // a token or an API key; "": the steps that need one are skipped
	Origin string        // of the page that cannot connect, such as https://shop.example; "": as a program connects
	Idle   time.Duration // how long to keep the connection silent; 0: that step is skipped
	Wait   time.Duration // for each answer [10 s]
	TLS    *tls.Config   // [the system's roots]
	Names  *net.Resolver // of hosts [the system's]
	Now    func() time.Time
}

// Outcome sums an examination up.
type Outcome struct {
	Failed  bool // a step failed, or the examination was interrupted
	Unknown int  // steps that were not tried for want of a token: nothing is known of them
}

// Examine takes every step and calls tell with each finding at once. begin, if not nil, is called with what a long step
// does before it starts.
func Examine(ctx context.Context, address string, opt Options, tell func(Finding), begin func(what string)) Outcome {
	if opt.Wait <= 0 {
		opt.Wait = 10 * time.Second
	}
	if opt.Names == nil {
		opt.Names = net.DefaultResolver
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if begin == nil {
		begin = func(string) {}
	}
	x := &examination{Options: opt, begin: begin}
	defer x.close()
	var sum Outcome
	for _, s := range steps() {
		f := s.take(x, ctx, address)
		f.Step = s.name
		tell(f)
		if f.Status == Fail || ctx.Err() != nil {
			sum.Failed = true
			return sum
		}
		if s.signedIn && x.Token == "" {
			sum.Unknown++
		}
	}
	return sum
}

// examination is what the steps hand on to each other.
type examination struct {
	Options
	begin func(string)

	target    *url.URL // ws or wss
	addresses []net.IP
	skew      time.Duration // how far the server's clock is ahead, if that is worth a word
	live      *socket
	session   session
}

func (x *examination) close() {
	if x.live != nil {
		x.live.close()
	}
}

type step struct {
	name     string
	signedIn bool // needs a token
	take     func(x *examination, ctx context.Context, address string) Finding
}

func steps() []step {
	return []step{
		{"url", false, (*examination).readURL},
		{"dns", false, (*examination).resolve},
		{"tcp", false, (*examination).connect},
		{"tls", false, (*examination).handshake},
		{"http", false, (*examination).health},
		{"upgrade", false, (*examination).upgradeAnonymously},
		{"origin", false, (*examination).checkOrigin},
		{"token", true, (*examination).readToken},
		{"connect", true, (*examination).signIn},
		{"session", true, (*examination).greet},
		{"ping", true, (*examination).pingPong},
		{"idle", true, (*examination).stayIdle},
	}
}
