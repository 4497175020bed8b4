//go:build linux

// Package load is the other side of the servers: many WebSocket clients and many HTTP senders, each
// kind on one thread.
package load

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/apier/apier/bench/internal/poll"
	"github.com/apier/apier/bench/internal/wire"
)

// Crowd is a number of WebSocket clients, each of which must see the events 0, 1, 2 … once and in order.
type Crowd struct {
	poll    *poll.Poll
	clients []client
	buf     []byte
	stop    chan struct{}
	stopped chan struct{}

	mu        sync.Mutex // held while a batch of input is handled
	target    int        // events that every client waits for
	reached   int        // clients that have them
	all       chan error // told once, when all have reached the target or one has failed
	told      bool
	fault     error
	keep      bool
	latencies []uint32 // µs, due → received
}

type client struct {
	fd   int
	next int    // number of the event to come
	rest []byte // an incomplete frame
}

func newCrowd(clients []client) (*Crowd, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	c := &Crowd{
		poll: p, clients: clients, buf: make([]byte, 64<<10),
		stop: make(chan struct{}), stopped: make(chan struct{}), all: make(chan error, 1), told: true,
	}
	for i := range clients {
		c.feed(i, nil, 0) // what came together with the handshake
		err = errors.Join(err, syscall.SetNonblock(clients[i].fd, true), p.Add(clients[i].fd, i, poll.In))
	}
	go c.run()
	return c, err
}

// Expect sets how many events, counted from the first of all, every client is to see from now on. keep:
// record latencies, for expected of them.
func (c *Crowd) Expect(target int, keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target, c.keep, c.told, c.reached = target, keep, false, 0
	c.all = make(chan error, 1)
	c.latencies = c.latencies[:0]
	more := 0
	for i := range c.clients {
		if more += target - c.clients[i].next; c.clients[i].next >= target {
			c.reached++
		}
	}
	if keep && cap(c.latencies) < more {
		c.latencies = make([]uint32, 0, more)
	}
	c.tell()
}

// Await waits until every client has seen what is expected.
func (c *Crowd) Await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case err := <-c.all:
		return err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		low := c.target
		for i := range c.clients {
			low = min(low, c.clients[i].next)
		}
		return fmt.Errorf("%d of %d clients have all %d events, the last one has %d (waited at most %v): %w",
			c.reached, len(c.clients), c.target, low, timeout, ctx.Err())
	}
}

// Latencies gives what was recorded since Expect. Call it after Await.
func (c *Crowd) Latencies() []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latencies
}

// Close ends all clients and says what, if anything, went wrong with one, up to the end.
func (c *Crowd) Close() error {
	close(c.stop)
	<-c.stopped
	for i := range c.clients {
		_ = syscall.Close(c.clients[i].fd)
	}
	c.poll.Close()
	return c.fault
}

func (c *Crowd) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.stopped)
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		ready, err := c.poll.Wait(20 * time.Millisecond) // so that stop is seen
		c.mu.Lock()
		for _, r := range ready {
			c.read(r.Tag)
		}
		if err != nil {
			c.fail(err)
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *Crowd) read(i int) {
	n, err := poll.Read(c.clients[i].fd, c.buf)
	switch {
	case errors.Is(err, syscall.EAGAIN):
	case err != nil || n == 0:
		c.lost(i, fmt.Errorf("connection ended: %w", errors.Join(err, errEnded)))
	default:
		c.feed(i, c.buf[:n], time.Now().UnixNano())
	}
}

// feed takes input of one client: whole frames are looked through for stamps, the rest is kept.
func (c *Crowd) feed(i int, p []byte, now int64) {
	cl := &c.clients[i]
	if len(cl.rest) > 0 {
		cl.rest = append(cl.rest, p...)
		p = cl.rest
	}
	for {
		op, payload, rest, ok := wire.Frame(p)
		if !ok {
			break
		}
		p = rest
		switch op {
		case wire.OpText:
			c.see(i, payload, now)
		case wire.OpPing:
			_, _ = poll.Write(cl.fd, wire.AppendPong(nil, payload)) // a lost pong shows as a lost connection
		case wire.OpClose:
			c.lost(i, fmt.Errorf("server closed: %q", payload))
		}
	}
	cl.rest = append(cl.rest[:0], p...)
}
