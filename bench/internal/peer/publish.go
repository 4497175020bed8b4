//go:build linux

package peer

import (
	"errors"
	"syscall"

	"github.com/apier/apier/bench/internal/poll"
	"github.com/apier/apier/bench/internal/wire"
)

// publish reads frames from standard input and writes each to every client. done at its end.
func (l *limit) publish() (done bool, err error) {
	n, err := poll.Read(stdin, l.buf)
	if err != nil || n == 0 {
		return true, err
	}
	l.input = append(l.input, l.buf[:n]...)
	p := l.input
	for {
		_, _, rest, ok := wire.Frame(p)
		if !ok {
			break
		}
		frame := p[:len(p)-len(rest)]
		for i := len(l.open) - 1; i >= 0; i-- { // backwards: a client that ends is replaced by the last
			l.write(l.open[i], frame)
		}
		p = rest
	}
	l.input = append(l.input[:0], p...)
	return false, nil
}

// write writes at once, and keeps what the socket does not take.
func (l *limit) write(fd int, p []byte) {
	c := &l.clients[fd]
	if len(c.out) > 0 {
		c.out = append(c.out, p...)
		return
	}
	n, err := poll.Write(fd, p)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		l.end(fd)
		return
	}
	if n = max(n, 0); n < len(p) {
		c.out = append(c.out, p[n:]...)
		_ = l.poll.Change(fd, fd, poll.In|poll.Out)
		if l.blocked++; l.blocked == 1 {
			l.poll.Remove(stdin)
		}
	}
}

// flush writes what is kept; false: the client is gone.
func (l *limit) flush(fd int) bool {
	c := &l.clients[fd]
	if len(c.out) == 0 {
		return true
	}
	n, err := poll.Write(fd, c.out)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		l.end(fd)
		return false
	}
	if c.out = c.out[max(n, 0):]; len(c.out) == 0 {
		c.out = nil
		_ = l.poll.Change(fd, fd, poll.In)
		l.unblock()
	}
	return true
}

// unblock reads on from standard input once no client has unsent bytes.
func (l *limit) unblock() {
	if l.blocked--; l.blocked == 0 {
		_ = l.poll.Add(stdin, stdin, poll.In)
	}
}
