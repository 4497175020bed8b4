package gateway

import (
	"context"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

// sweep watches the clock for all connections at once, instead of timers for each.
func (g *Gateway) sweep(ctx context.Context) {
	tick := time.NewTicker(g.opt.SweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.sweepOnce()
		}
	}
}

func (g *Gateway) sweepOnce() {
	wall, steady := g.now(), g.steady()
	for _, c := range g.snapshot() {
		c.check(wall, steady)
	}
}

// duty is what the clock asks of a connection.
type duty uint8

const (
	dutyNone duty = iota
	dutyPing
	dutySilent
	dutyExpired
	dutyExpiring
)

// due decides what is to be done for a connection. now, lastRead and lastPing are milliseconds of a clock that never
// steps. The end of a token, and the warning of it, are times of the wall clock, Unix milliseconds; 0 means never.
func due(now, lastRead, lastPing, wall, expires, warnAt int64, pingAfter time.Duration, o Options) duty {
	silent := time.Duration(now-lastRead) * time.Millisecond
	sincePing := time.Duration(now-lastPing) * time.Millisecond
	switch {
	case expires > 0 && wall >= expires:
		return dutyExpired
	case silent >= o.SilenceTimeout:
		return dutySilent
	case warnAt > 0 && wall >= warnAt:
		return dutyExpiring
	case silent >= pingAfter && sincePing >= pingAfter:
		return dutyPing
	}
	return dutyNone
}

// warningShare is the share of what is left of a token's life that a warning comes ahead of its end, at most: a
// token of 30 s would else be warned of as soon as it is there.
const warningShare = 4

// warnAt returns when to tell a client that its token is about to expire, in Unix milliseconds; 0: never.
func (g *Gateway) warnAt(id auth.Identity) int64 {
	if id.ExpiresAt.IsZero() {
		return 0
	}
	left := id.ExpiresAt.Sub(g.opt.Now())
	return id.ExpiresAt.Add(-min(g.opt.ExpiryWarning, left/warningShare)).UnixMilli()
}

func (c *conn) check(wall apier.Timestamp, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == phaseClosing && now >= c.closeBy {
		c.abortLocked()
	}
	if c.phase != phaseOpen {
		return
	}
	switch due(now, c.lastRead.Load(), c.lastPing.Load(), int64(wall), int64(expiry(c.id)), c.warnAt, c.pingAfter, c.g.opt) {
	case dutyExpired:
		c.endLocked(apier.CloseUnauthorized, "token_expired")
	case dutySilent:
		c.endLocked(apier.CloseTimeout, "silent")
	case dutyExpiring:
		c.warnAt = 0
		if c.v1 {
			c.sendLocked(textMessage(apier.AppendAuth(nil, "", apier.AuthExpiring, expiry(c.id), c.g.now())))
		}
	case dutyPing:
		c.lastPing.Store(now)
		c.sendLocked(appendMessage(nil, ws.OpPing, nil))
	}
}

// recheckKeys ends the connections whose API key was revoked.
func (g *Gateway) recheckKeys(ctx context.Context) {
	tick := time.NewTicker(5 * g.opt.SweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, c := range g.snapshot() {
				c.checkKey(ctx)
			}
		}
	}
}

func (c *conn) checkKey(ctx context.Context) {
	c.mu.Lock()
	id := c.id
	c.mu.Unlock()
	if err := c.g.auth.CheckKey(ctx, id); err == nil || apier.AsError(err).Code != apier.CodeUnauthorized {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id.KeyID == id.KeyID { // else it has a token of another key by now
		c.endLocked(apier.CloseUnauthorized, "key_revoked")
	}
}
