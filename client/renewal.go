package client

import (
	"encoding/json"
	"time"

	"github.com/apier/apier"
)

// How far ahead of its end a token is renewed, in milliseconds: so much, or a share of its life where that is less.
const (
	renewalLead  = 60_000
	renewalShare = 4
	// A warning that names an end further ahead than this, or one that is past, was made by another clock.
	longestWarning = 600_000
	soonestRepeat  = 1000
)

// renewal is how the token of one connection stands. The token in force is the one the server has accepted; another
// that was offered takes its place when the server says so.
type renewal struct {
	inForce string
	offered string // and not answered yet; "": none
	wanted  bool   // the server has warned of the end, and there is no other token yet
	since   instant
	ends    instant // 0: not known
	at      instant // when to ask for another; 0: not at all
}

// askAt returns when to ask for another token.
func (r *renewal) askAt() instant {
	if r.at == 0 {
		return never
	}
	return r.at
}

// warned takes the warning that the token in force ends at that moment, by our clock; 0: not known.
func (r *renewal) warned(now, ends instant) {
	r.wanted, r.ends, r.at = true, ends, now
	if ends == 0 {
		r.ends = now + renewalLead
		return
	}
	r.at = max(now, ends-min(renewalLead, (ends-r.since)/renewalShare))
}

// repeat asks again in half of the time that is left, or after a while that the server named.
func (r *renewal) repeat(now instant, after int64) {
	wait := max(soonestRepeat, (r.ends-now)/2)
	if after > 0 {
		wait = instant(after)
	}
	if r.at = now + wait; r.at >= r.ends {
		r.at = 0
	}
}

// auth takes what the server says of tokens.
func (c *core) auth(f *Frame, data authData) {
	r, now := &c.link.renewal, c.env.now()
	switch data.Status {
	case apier.AuthExpiring:
		r.warned(now, endOf(f.Timestamp, data.ExpiresAt, now))
		if r.at <= now {
			c.askRenewal()
		}
	case apier.AuthOK:
		if r.offered != "" {
			r.inForce = r.offered
		}
		*r = renewal{inForce: r.inForce, since: now}
		c.channels.forgive(apier.CodeForbidden) // it may permit more
		c.syncSoon()
	}
	c.arm()
}

// endOf returns the end of a token by our clock: the server's clock may be another one, so what counts is how far ahead
// of its own now it is. 0: what the server says makes no sense.
func endOf(sent string, end json.RawMessage, now instant) instant {
	var at time.Time
	if json.Unmarshal(end, &at) != nil {
		return 0
	}
	base := now.time()
	if t, err := time.Parse(time.RFC3339, sent); err == nil {
		base = t
	}
	left := at.Sub(base).Milliseconds()
	if left <= 0 || left > longestWarning {
		return 0
	}
	return now + instant(left)
}

// askRenewal asks for another token.
func (c *core) askRenewal() {
	c.link.renewal.at = 0
	if c.env.hasTokenSource() {
		c.env.renewToken(c.link)
	} else {
		c.tokenRenewed(c.link, c.token)
	}
}

// tokenRenewed offers a token. It is in force once the server says so; the same one again, or none, is asked for again.
func (c *core) tokenRenewed(l *link, token string) {
	if l != c.link {
		return
	}
	r := &l.renewal
	if token == "" || token == r.inForce {
		if c.env.hasTokenSource() {
			r.repeat(c.env.now(), 0)
			c.arm()
		}
		return
	}
	if token == r.offered {
		return
	}
	data := jsonOf(struct {
		Token string `json:"token"`
	}{token})
	if !l.send(encodeMessage(Message{Type: apier.FrameAuth, Data: data})) {
		r.repeat(c.env.now(), soonestRepeat)
		return
	}
	r.offered = token
}

// renewalRefused keeps the token in force; the newest is tried again, at the latest with the next connection.
func (c *core) renewalRefused(forNow bool, after int64) {
	r := &c.link.renewal
	r.offered = ""
	if !r.wanted {
		return
	}
	if forNow && after == 0 {
		after = firstRepeat
	}
	r.repeat(c.env.now(), after)
	c.arm()
}
