//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/apier/apier/bench/internal/poll"
	"github.com/apier/apier/bench/internal/wire"
)

const (
	dialers     = 8 // connecting at once
	dialTimeout = 10 * time.Second
	maxHead     = 8 << 10
)

// Upgrade gives the request of client i, without the lines that every upgrade has.
type Upgrade struct {
	Path  string
	Token string // "": none
	Hello string // a message to send once upgraded; the client is connected when it is answered. "": none
}

func (u Upgrade) request() []byte {
	text := "GET " + u.Path + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if u.Token != "" {
		text += "Authorization: Bearer " + u.Token + "\r\n"
	}
	return []byte(text + "\r\n")
}

// Connect opens a crowd of len(upgrades) clients.
func Connect(ctx context.Context, port int, upgrades []Upgrade) (*Crowd, error) {
	clients := make([]client, len(upgrades))
	faults := make([]error, dialers)
	var running sync.WaitGroup
	for d := range dialers {
		running.Go(func() {
			for i := d; i < len(clients) && ctx.Err() == nil && faults[d] == nil; i += dialers {
				clients[i], faults[d] = open(port, upgrades[i])
			}
		})
	}
	running.Wait()
	if err := errors.Join(append(faults, ctx.Err())...); err != nil {
		for _, c := range clients {
			if c.fd > 0 {
				_ = syscall.Close(c.fd)
			}
		}
		return nil, fmt.Errorf("connect %d clients: %w", len(clients), err)
	}
	return newCrowd(clients)
}

func open(port int, u Upgrade) (client, error) {
	fd, err := poll.Dial(port, dialTimeout)
	if err != nil {
		return client{}, fmt.Errorf("dial: %w", err)
	}
	rest, err := handshake(fd, u.request())
	if err == nil && u.Hello != "" {
		rest, err = greet(fd, rest, u.Hello)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return client{}, fmt.Errorf("handshake: %w", err)
	}
	return client{fd: fd, rest: rest}, nil
}

// greet sends a message and waits for the answer; it gives what came behind that.
func greet(fd int, received []byte, hello string) ([]byte, error) {
	if _, err := poll.Write(fd, wire.AppendMasked(nil, wire.OpText, []byte(hello))); err != nil {
		return nil, err
	}
	buf := make([]byte, maxHead)
	for {
		op, payload, rest, ok := wire.Frame(received)
		switch {
		case ok && op == wire.OpText:
			return rest, nil
		case ok:
			return nil, fmt.Errorf("refused: %.300q", payload)
		}
		n, err := poll.Read(fd, buf)
		if err != nil || n == 0 {
			return nil, errors.Join(err, errEnded)
		}
		received = append(received, buf[:n]...)
	}
}

// handshake gives what came behind the server's answer.
func handshake(fd int, request []byte) ([]byte, error) {
	if _, err := poll.Write(fd, request); err != nil {
		return nil, err
	}
	buf := make([]byte, maxHead)
	filled := 0
	for filled < len(buf) {
		n, err := poll.Read(fd, buf[filled:])
		if err != nil || n == 0 {
			return nil, errors.Join(err, errEnded)
		}
		filled += n
		if status, head, _, ok := wire.Head(buf[:filled]); ok {
			if status != 101 {
				return nil, fmt.Errorf("refused: %.300s", buf[:filled])
			}
			return slices.Clone(buf[head:filled]), nil
		}
	}
	return nil, errors.New("the head of the answer is too long")
}
