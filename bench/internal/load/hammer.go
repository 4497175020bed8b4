//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/apier/apier/bench/internal/poll"
	"github.com/apier/apier/bench/internal/wire"
)

// Hammer sends one and the same request over keep-alive connections, each the next as soon as it has
// the answer: a closed loop, on one thread.
type Hammer struct {
	poll    *poll.Poll
	senders []sender
	request []byte
	buf     []byte
}

type sender struct {
	fd   int
	sent time.Time
	rest []byte // an incomplete answer
}

// Blows are what a Hammer achieved. Every answer was 201.
type Blows struct {
	Answers   int
	Elapsed   time.Duration
	Latencies []uint32 // µs, request → answer
}

// NewHammer opens the connections.
func NewHammer(port, conns int, request []byte) (*Hammer, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	h := &Hammer{poll: p, request: request, buf: make([]byte, 64<<10)}
	for i := range conns {
		fd, err := poll.Dial(port, dialTimeout)
		if err != nil {
			h.Close()
			return nil, fmt.Errorf("dial: %w", err)
		}
		h.senders = append(h.senders, sender{fd: fd})
		if err := errors.Join(syscall.SetNonblock(fd, true), p.Add(fd, i, poll.In)); err != nil {
			h.Close()
			return nil, err
		}
	}
	return h, nil
}

// Run sends for a while, then waits for the answers that are still due.
func (h *Hammer) Run(ctx context.Context, length time.Duration) (Blows, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const drain = 10 * time.Second
	b := Blows{Latencies: make([]uint32, 0, 1<<20)}
	start := time.Now()
	end := start.Add(length)
	for i := range h.senders {
		if err := h.send(i, start); err != nil {
			return b, err
		}
	}
	for due := len(h.senders); due > 0; {
		ready, err := h.poll.Wait(time.Second)
		if err == nil && time.Since(end) > drain {
			err = fmt.Errorf("%d answers are missing after %v", due, drain)
		}
		for _, r := range ready {
			again, failed := h.answer(r.Tag, &b, time.Now().Before(end) && ctx.Err() == nil)
			if err = errors.Join(err, failed); !again {
				due--
			}
		}
		if err != nil {
			return b, err
		}
	}
	b.Elapsed = time.Since(start)
	return b, ctx.Err()
}

// answer takes what came for a sender; more: let it go on after a whole answer. It tells whether an
// answer is still due.
func (h *Hammer) answer(i int, b *Blows, more bool) (due bool, err error) {
	now := time.Now()
	done, err := h.receive(i)
	if err != nil || !done {
		return true, err
	}
	b.Answers++
	b.Latencies = append(b.Latencies, uint32(now.Sub(h.senders[i].sent).Microseconds()))
	if !more {
		return false, nil
	}
	return true, h.send(i, now)
}

func (h *Hammer) send(i int, now time.Time) error {
	h.senders[i].sent = now
	n, err := poll.Write(h.senders[i].fd, h.request)
	if err == nil && n < len(h.request) {
		err = errors.New("the socket took only part of a request; make it smaller")
	}
	return err
}

// receive reads what there is of an answer; done once it is whole.
func (h *Hammer) receive(i int) (done bool, err error) {
	s := &h.senders[i]
	n, err := poll.Read(s.fd, h.buf)
	if errors.Is(err, syscall.EAGAIN) {
		return false, nil
	}
	if err != nil || n == 0 {
		return false, fmt.Errorf("a connection ended: %w", errors.Join(err, errEnded))
	}
	p := h.buf[:n]
	if len(s.rest) > 0 {
		s.rest = append(s.rest, p...)
		p = s.rest
	}
	status, head, body, ok := wire.Head(p)
	if !ok || len(p) < head+body {
		s.rest = append(s.rest[:0], p...)
		return false, nil
	}
	if status != 201 {
		return false, fmt.Errorf("answered: %.400s", p)
	}
	s.rest = s.rest[:0]
	return true, nil
}

// Close ends the connections.
func (h *Hammer) Close() {
	for _, s := range h.senders {
		_ = syscall.Close(s.fd)
	}
	h.poll.Close()
}
