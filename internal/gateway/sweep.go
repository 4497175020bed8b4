package gateway

import (
	"context"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
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
// steps. The end of a token is a time of the wall clock, Unix milliseconds; 0 means never.
func due(now, lastRead, lastPing, wall, expires int64, warned bool, pingAfter time.Duration, o Options) duty {
	silent := time.Duration(now-lastRead) * time.Millisecond
	sincePing := time.Duration(now-lastPing) * time.Millisecond
	switch {
	case expires > 0 && wall >= expires:
		return dutyExpired
	case silent >= o.SilenceTimeout:
		return dutySilent
	case expires > 0 && !warned && wall >= expires-o.ExpiryWarning.Milliseconds():
		return dutyExpiring
	case silent >= pingAfter && sincePing >= pingAfter:
		return dutyPing
	}
	return dutyNone
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
	switch due(now, c.lastRead.Load(), c.lastPing.Load(), int64(wall), int64(expiry(c.id)), c.warned, c.pingAfter, c.g.opt) {
	case dutyExpired:
		c.endLocked(apier.CloseUnauthorized, "token_expired")
	case dutySilent:
		c.endLocked(apier.CloseTimeout, "silent")
	case dutyExpiring:
		c.warned = true
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
