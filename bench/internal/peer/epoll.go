//go:build linux

package peer

import (
	"bytes"
	"errors"
	"runtime"
	"syscall"

	"github.com/apier/apier/bench/internal/poll"
	"github.com/apier/apier/bench/internal/wire"
)

const (
	stdin       = 0
	readSize    = 64 << 10
	maxAccepted = 64 // in one go, so that others get their turn
)

// limit is the least that a WebSocket server can do: one thread, no buffer of a client that keeps up,
// one write(2) per delivery. Frames come ready-made through standard input. It checks no credential.
type limit struct {
	poll     *poll.Poll
	listener int
	clients  []client // by descriptor
	open     []int    // descriptors that are upgraded
	input    []byte   // of stdin: the beginning of a frame
	buf      []byte
	blocked  int // clients with unsent bytes: while there is one, stdin is not read
}

type client struct {
	upgraded bool
	slot     int32  // in open
	in       []byte // a request that is not whole yet
	out      []byte // what the socket has not taken
}

// Limit serves until standard input ends.
func Limit() error {
	runtime.LockOSThread()
	l := &limit{buf: make([]byte, readSize)}
	port, err := l.listen()
	if err != nil {
		return err
	}
	announce(port)
	for {
		ready, err := l.poll.Wait(-1)
		if err != nil {
			return err
		}
		for _, r := range ready {
			switch {
			case r.Tag == l.listener:
				l.accept()
			case r.Tag == stdin:
				if l.blocked > 0 {
					continue
				}
				if done, err := l.publish(); done {
					return err
				}
			default:
				l.serve(r)
			}
		}
	}
}

func (l *limit) listen() (port int, err error) {
	if l.poll, err = poll.New(); err != nil {
		return 0, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	l.listener = fd
	err = errors.Join(
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
		syscall.Listen(fd, syscall.SOMAXCONN*16),
		l.poll.Add(fd, fd, poll.In),
		l.poll.Add(stdin, stdin, poll.In),
	)
	if err != nil {
		return 0, err
	}
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	return addr.(*syscall.SockaddrInet4).Port, nil //nolint:forcetypeassert // it was bound to one
}

func (l *limit) accept() {
	for range maxAccepted {
		fd, _, err := syscall.Accept4(l.listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		for len(l.clients) <= fd {
			l.clients = append(l.clients, client{})
		}
		l.clients[fd] = client{}
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		if l.poll.Add(fd, fd, poll.In) != nil {
			_ = syscall.Close(fd)
		}
	}
}

func (l *limit) serve(r poll.Ready) {
	if r.CanOut && !l.flush(r.Tag) {
		return
	}
	if !r.CanIn {
		return
	}
	n, err := poll.Read(r.Tag, l.buf)
	c := &l.clients[r.Tag]
	switch {
	case errors.Is(err, syscall.EAGAIN):
	case err != nil || n == 0:
		l.end(r.Tag)
	case !c.upgraded:
		c.in = append(c.in, l.buf[:n]...)
		if bytes.HasSuffix(c.in, []byte("\r\n\r\n")) {
			l.upgrade(r.Tag)
		}
	}
}

func (l *limit) upgrade(fd int) {
	c := &l.clients[fd]
	accept := wire.Accept(wire.Header(c.in, "Sec-WebSocket-Key"))
	*c = client{upgraded: true, slot: int32(len(l.open))} // far below 2³¹ descriptors
	l.open = append(l.open, fd)
	l.write(fd, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+accept+"\r\n\r\n"))
}

func (l *limit) end(fd int) {
	c := &l.clients[fd]
	if len(c.out) > 0 {
		l.unblock()
	}
	if c.upgraded {
		last := l.open[len(l.open)-1]
		l.open[c.slot], l.clients[last].slot = last, c.slot
		l.open = l.open[:len(l.open)-1]
	}
	*c = client{}
	_ = syscall.Close(fd)
}
