package gateway

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/apier/apier"
)

// Who gives a page of the open connections of a tenant, oldest first, and how many there are in all.
func (g *Gateway) Who(tenant apier.TenantID, filter apier.ConnectionFilter) (page []apier.Connection, total int) {
	conns := slices.DeleteFunc(g.snapshot(), func(c *conn) bool {
		return c.holder.tenant != tenant || filter.User != "" && c.holder.subject != filter.User
	})
	slices.SortFunc(conns, func(a, b *conn) int { return cmp.Compare(a.name, b.name) })
	total = len(conns)
	if after := filter.StartingAfter; after != "" {
		next, found := slices.BinarySearchFunc(conns, after, func(c *conn, id string) int { return cmp.Compare(c.name, id) })
		if found {
			next++
		}
		conns = conns[next:]
	}
	for _, c := range conns[:min(filter.Limit, len(conns))] {
		page = append(page, c.show())
	}
	return page, total
}

func (c *conn) show() apier.Connection {
	head := c.log.Head().Seq
	c.mu.Lock()
	defer c.mu.Unlock()
	s := apier.Connection{
		ID: c.name, User: c.holder.subject, Address: c.addr, Client: *c.client, Dialect: c.dialect(),
		ConnectedAt: apier.Timestamp(c.since), Subscriptions: c.subs.Names(), Seq: c.cursor.Seq, Lag: int64(max(head-c.cursor.Seq, 0)),
		QueueBytes: int64(c.queueBytes()), SentFrames: c.sentFrames, SentBytes: c.sentBytes,
	}
	if rtt := c.rtt.Load(); rtt > 0 {
		ms := int64(rtt) - 1
		s.RTTMS = &ms
	}
	return s
}

// Disconnect ends a connection of a tenant for good: by 4403, after which a client does not come back by itself, with
// a reason of one word. false: there is no such connection.
func (g *Gateway) Disconnect(tenant apier.TenantID, id, reason string) bool {
	for _, c := range g.snapshot() {
		if c.name == id && c.holder.tenant == tenant {
			g.opt.Log.Info("websocket: disconnected by an operator", "tenant", tenant, "user", c.holder.subject, "connection", id, "reason", reason)
			c.end(apier.CloseForbidden, reason)
			return true
		}
	}
	return false
}

// newConnectionID returns an id that sorts by age and tells a time, not how many connections there are: those of all
// tenants come here.
func newConnectionID() string {
	return apier.FormatConnectionID(uuid.Must(uuid.NewV7()))
}
