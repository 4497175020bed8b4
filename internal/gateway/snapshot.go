package gateway

import (
	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/hub"
)

// told is what a snapshot has told already: of its channel, changes up to seq are not to follow it.
type told struct {
	channel apier.Channel
	seq     apier.Seq
}

// covers reports whether a change was in the snapshot. Attempts never are.
func (t told) covers(c *apier.Change) bool {
	switch c.Kind {
	case apier.Created, apier.Updated, apier.Deleted:
		return c.Event.ID == t.channel.EventID() && c.Seq <= t.seq
	case apier.EndpointChanged:
		id := c.Gone
		if c.Endpoint != nil {
			id = c.Endpoint.ID
		}
		return id == t.channel.EndpointID() && c.Seq <= t.seq
	default:
		return false
	}
}

// tell sends the state of a channel to a subscriber, joined to the stream exactly: the stream stands still from before
// the store is read until the state is queued, and what the state tells is left out of the stream behind it, unless
// another channel brings it. Called by the reader, with mu held; it lets go of mu while it reads.
func (c *conn) tell(channel apier.Channel) {
	if !c.v1 || !channel.HasState() || c.phase != phaseOpen {
		return
	}
	c.paused = true
	head := c.log.Head().Seq
	c.mu.Unlock()
	wire, seq, err := c.stateNow(channel, head)
	c.mu.Lock()
	c.paused = false
	if err != nil {
		c.g.opt.Log.Error("websocket: cannot read a snapshot", "tenant", c.holder.tenant, "channel", channel.String(), "cause", err)
		c.endLocked(apier.CloseTryAgainLater, apier.CloseReason("unavailable", c.g.opt.RefusalRetryAfter))
		return
	}
	c.sendLocked(wire)
	if seq > c.cursor.Seq {
		c.told = append(c.told, told{channel, seq})
	}
	if c.catchUp {
		c.startWriter()
	}
}

// stateNow gives the frame that tells the state of a channel, and up to where it tells the changes of an event or
// endpoint. head is where the log stood before.
func (c *conn) stateNow(channel apier.Channel, head apier.Seq) (wire []byte, seq apier.Seq, err error) {
	if channel.IsMetrics() { // of which the newest come last, whatever was told before
		return c.g.metricsNow(c), 0, nil
	}
	s, err := c.g.stateOf(c.holder.tenant, channel)
	if s.Seq == 0 { // there is nothing; what the log held before the look is in that
		s.Seq = head
	}
	return textMessage(apier.AppendSnapshot(nil, channel, s, c.g.now())), s.Seq, err
}

// stateOf reads within the same bound as those that catch up.
func (g *Gateway) stateOf(tenant apier.TenantID, channel apier.Channel) (s apier.Snapshot, err error) {
	if err := g.beginRead(); err != nil {
		return s, err
	}
	defer g.endRead()
	return g.history.Snapshot(g.ctx, tenant, channel)
}

// metricsLife is how long metrics are told to others, ms: rates go down, and what has outlived its retention leaves,
// without a change that would publish others.
const metricsLife = 1000

// metricsNow gives the frame of a tenant's metrics: the newest in the log, or those of the store for the first who
// asks after a while. Whatever changes meanwhile is published again.
func (g *Gateway) metricsNow(c *conn) []byte {
	m, ok := c.log.Metrics()
	now := g.now() // before they are read: what is published meanwhile may be newer
	if !ok || now-m.At >= metricsLife {
		if g.beginRead() != nil {
			return nil
		}
		read, err := g.history.Metrics(g.ctx, c.holder.tenant)
		g.endRead()
		switch {
		case err == nil:
			m = hub.MetricsAt{Metrics: read, At: now}
			c.log.Seed(m.Metrics, m.At)
		case !ok: // they come with their next change
			g.opt.Log.Error("websocket: cannot read the metrics", "tenant", c.holder.tenant, "cause", err)
			return nil
		}
	}
	return appendMessage(nil, ws.OpText, apier.AppendMetrics(nil, m.Metrics, m.At, &apier.V1{Channel: "metrics"}))
}

// untold gives a batch less what snapshots have told, and forgets those that the cursor has passed.
func (c *conn) untold(batch hub.Batch, to apier.Seq) hub.Batch {
	var rest []apier.Change
	for i := range batch.Changes {
		if !c.wasTold(&batch.Changes[i]) {
			rest = append(rest, batch.Changes[i])
		}
	}
	batch.Changes = rest
	kept := c.told[:0]
	for _, t := range c.told {
		if t.seq > to {
			kept = append(kept, t)
		}
	}
	if c.told = kept; len(kept) == 0 {
		c.told = nil
	}
	return batch
}

// wasTold reports whether snapshots have told a change to all who want it: who follows another channel that brings it,
// such as events, may look at no snapshot.
func (c *conn) wasTold(change *apier.Change) bool {
	rest := c.subs
	for _, t := range c.told {
		if t.covers(change) {
			rest = rest.Without(t.channel)
		}
	}
	if rest == c.subs {
		return false
	}
	_, wanted := rest.Match(change)
	return !wanted
}

// ownBatch is what batchCache.next gives, for this connection alone.
func (c *conn) ownBatch() encoded {
	batch, ok := c.log.Since(c.cursor)
	if !ok {
		return encoded{behind: true}
	}
	rest := c.untold(batch, batch.To.Seq)
	wire, frames := encodeBatch(rest, c.subs, c.v1, c.deflate, c.g.now())
	return encoded{wire: wire, frames: frames, to: batch.To, more: batch.More}
}
