//go:build linux

package load

import (
	"errors"
	"fmt"

	"github.com/apier/apier/bench/internal/wire"
)

var errEnded = errors.New("nothing more to read")

// see counts the events in one message; a v1 batch holds several.
func (c *Crowd) see(i int, payload []byte, now int64) {
	cl := &c.clients[i]
	for {
		at, n, rest, ok := wire.Stamp(payload)
		if !ok {
			return
		}
		payload = rest
		if n != cl.next {
			c.fail(fmt.Errorf("client %d received event %d where %d was due: events were lost, doubled or out of order", i, n, cl.next))
		}
		cl.next = n + 1
		if c.keep {
			c.latencies = append(c.latencies, uint32(max(now-at, 0)/1e3))
		}
		if cl.next == c.target {
			c.reached++
			c.tell()
		}
	}
}

// tell wakes Await where it has something to know.
func (c *Crowd) tell() {
	if !c.told && (c.fault != nil || c.reached == len(c.clients)) {
		c.told = true
		c.all <- c.fault
	}
}

func (c *Crowd) fail(err error) {
	if c.fault == nil {
		c.fault = err
	}
	c.tell()
}

// lost is the end of one client, which no measurement survives.
func (c *Crowd) lost(i int, err error) {
	c.poll.Remove(c.clients[i].fd)
	c.fail(fmt.Errorf("client %d: %w", i, err))
}
