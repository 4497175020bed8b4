//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	unreadEvents  = 500
	unreadPayload = 250 << 10 // bytes
	unreadReaders = 60        // of lists and exports
	unreadSenders = 1000      // of bodies that do not end
	unreadRounds  = 3
	unreadGoal    = 256 // MiB above idle
)

// unread is what clients cost that ask and do not read, and that begin a body and do not end it. The highest resident
// memory counts, a look each 50 ms, from the first of them until they have stood still for some seconds.
func (b *bench) unread(ctx context.Context) error {
	var above []float64
	for range unreadRounds {
		mib, err := b.unreadRound(ctx)
		if err != nil {
			return err
		}
		above = append(above, mib)
	}
	b.report.section(fmt.Sprintf("Non-reading clients: %d of lists and exports over %d events of 250 KiB, %d slow bodies", unreadReaders, unreadEvents, unreadSenders))
	b.report.add("apier, resident memory above idle, highest", "MiB", above, atMost(unreadGoal))
	return nil
}

func (b *bench) unreadRound(ctx context.Context) (mib float64, err error) {
	s, err := b.startApier(ctx)
	if err != nil {
		return 0, err
	}
	defer func() {
		if stopped := s.stop(); err == nil {
			err = stopped
		}
	}()
	batch := bytes.Repeat([]byte(`{"type":"a","source":"s","payload":{"x":"`+strings.Repeat("x", unreadPayload)+`"}},`), 25)
	for range unreadEvents / 25 {
		if _, err := s.call(ctx, http.MethodPost, "/api/events/batch", append(append([]byte("["), batch[:len(batch)-1]...), ']')); err != nil {
			return 0, err
		}
	}
	time.Sleep(b.plan.settle)
	before, err := s.rss()
	if err != nil {
		return 0, err
	}
	held, err := s.holdUnread(ctx)
	defer func() {
		for _, nc := range held {
			nc.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	highest := before
	for end := time.Now().Add(b.plan.settle); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		now, err := s.rss()
		if err != nil {
			return 0, err
		}
		highest = max(highest, now)
	}
	return float64(highest-before) / (1 << 20), nil
}

// holdUnread opens the connections. They have little room for what arrives.
func (s *apierServer) holdUnread(ctx context.Context) (held []net.Conn, err error) {
	narrow := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	half := strings.Repeat("x", 200<<10)
	for i := range unreadReaders + unreadSenders {
		nc, err := narrow.DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(s.port))
		if err != nil {
			return held, err
		}
		held = append(held, nc)
		_ = nc.SetDeadline(time.Now().Add(sendWithin))
		request := "POST /api/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n" + half
		switch {
		case i < unreadReaders/2:
			request = "GET /api/events?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\n\r\n"
		case i < unreadReaders:
			request = "GET /api/events/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\n\r\n"
		}
		if _, err := nc.Write([]byte(request)); err != nil && i < unreadReaders {
			return held, err // a slow body may be refused, and its connection closed
		}
	}
	return held, nil
}

const sendWithin = 10 * time.Second // for a request to be sent
