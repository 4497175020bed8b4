package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/apier/apier"
)

const (
	maxMessage   = 16 << 20         // of what a server sends, bytes
	sendQueue    = 256              // frames that wait for the socket
	writeTimeout = 10 * time.Second // for one frame; then the connection is given up
	syncWindow   = 5 * time.Millisecond
	closeTimeout = time.Second // for the peer to answer a close; nobody waits for it but Close
)

// socket is the network's side of a link.
type socket struct {
	live *Live
	link *link
	ctx  context.Context // it bounds the life of the socket
	stop context.CancelFunc
	gone chan struct{} // closed once the link is abandoned
	ws   *websocket.Conn
	out  chan []byte
}

// dial begins an attempt. It is called with the lock held.
func (w liveWorld) dial(l *link, reason TokenReason) {
	live := w.live
	s := &socket{live: live, link: l, gone: make(chan struct{}), out: make(chan []byte, sendQueue)}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(live.ctx))
	l.wire = s
	address, own := live.address(l), live.core.token
	live.wg.Go(func() {
		defer s.stop()
		s.run(address, own, reason)
	})
}

// renewToken asks for another token ahead of expiry. Where none is to be had nothing is lost yet: at expiry the
// server closes with 4401, and the token is asked for again.
func (w liveWorld) renewToken(l *link) {
	live, s := w.live, l.wire.(*socket)
	live.wg.Go(func() {
		token, err := live.client.tokenOr(s.ctx, "", TokenExpiring)
		if err != nil {
			token = ""
		}
		live.act(func() { live.core.tokenRenewed(l, token) })
	})
}

// soon has sync called in a moment, together with what else is asked for until then.
func (w liveWorld) soon() {
	live := w.live
	time.AfterFunc(syncWindow, func() { live.act(live.core.sync) })
}

// address returns where to dial, with everything but the token.
func (l *Live) address(link *link) string {
	u := l.socketURL()
	u.RawQuery = link.query
	return u.String()
}

func (l *Live) socketURL() *url.URL { return l.client.base.JoinPath("/ws") }

// run makes the attempt, with a token of the source or, where there is none, the connection's own.
func (s *socket) run(address, own string, reason TokenReason) {
	live := s.live
	token, err := live.client.tokenOr(s.ctx, own, reason)
	if err != nil {
		live.locked(func() { live.core.noToken(s.link, err) })
		return
	}
	live.locked(func() { s.link.renewal.inForce = token })
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ws, res, err := websocket.Dial(s.ctx, address, &websocket.DialOptions{HTTPClient: live.client.http, HTTPHeader: header}) //nolint:bodyclose // coder/websocket has read it
	if err != nil {
		code, word, cause := refusal(live.client.base.JoinPath("/ws"), res, err)
		live.locked(func() { live.core.closed(s.link, code, word, cause) })
		return
	}
	ws.SetReadLimit(maxMessage)
	if !s.opened(ws) {
		_ = ws.CloseNow() // it was abandoned meanwhile
		return
	}
	s.read()
}

// opened tells of the open socket; false: nobody wants it any more.
func (s *socket) opened(ws *websocket.Conn) (wanted bool) {
	s.live.locked(func() {
		select {
		case <-s.gone:
			return
		default:
		}
		wanted = true
		s.ws = ws
		s.live.wg.Go(s.write)
		s.live.core.opened(s.link)
	})
	return wanted
}

func (s *socket) read() {
	live := s.live
	for {
		kind, data, err := s.ws.Read(s.ctx)
		if err != nil {
			code, reason := closeAbnormal, ""
			var closed websocket.CloseError
			if errors.As(err, &closed) {
				code, reason = apier.CloseCode(closed.Code), closed.Reason // a close code has 16 bits
			}
			live.locked(func() { live.core.closed(s.link, code, reason, nil) })
			_ = s.ws.CloseNow()
			return
		}
		if kind != websocket.MessageText {
			data = nil // counted as refused
		}
		live.locked(func() { live.core.received(s.link, data) })
		if !s.waitForRoom() {
			return
		}
	}
}

// waitForRoom holds reading up while the application does not keep up. Meanwhile the link is not judged:
// its answers may lie unread.
func (s *socket) waitForRoom() bool {
	live := s.live
	if full, _ := live.feed.full(); !full {
		return true
	}
	live.locked(func() { live.core.setBusy(true) })
	defer live.locked(func() { live.core.setBusy(false) })
	for {
		full, room := live.feed.full()
		if !full {
			return true
		}
		select {
		case <-room:
		case <-s.gone:
			return false
		}
	}
}

func (s *socket) write() {
	for {
		select {
		case text := <-s.out:
			ctx, cancel := context.WithTimeout(s.ctx, writeTimeout)
			err := s.ws.Write(ctx, websocket.MessageText, text)
			cancel()
			if err != nil {
				_ = s.ws.CloseNow() // the reader tells
				return
			}
		case <-s.gone:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// send puts a frame into the queue of the socket; false: it is full, or not open.
func (s *socket) send(text []byte) bool {
	if s.ws == nil {
		return false
	}
	select {
	case s.out <- text:
		return true
	default:
		return false
	}
}

// close lets go at once; the goodbye is said in the background. It is called with the lock held.
func (s *socket) close(code apier.CloseCode) {
	close(s.gone)
	ws := s.ws
	if ws == nil {
		s.stop()
		return
	}
	s.live.wg.Go(func() {
		hangUp := time.AfterFunc(closeTimeout, func() { _ = ws.CloseNow() })
		_ = ws.Close(websocket.StatusCode(code), "")
		hangUp.Stop()
		s.stop()
	})
}

// refusal gives the close code and reason that mean what the HTTP answer to an upgrade means, so that both
// lead to one decision (protocol/README.md, section 2).
func refusal(u *url.URL, res *http.Response, err error) (code apier.CloseCode, reason string, cause error) {
	if res == nil || res.StatusCode == http.StatusSwitchingProtocols {
		return closeAbnormal, "", lostRequest(context.Background(), http.MethodGet, u, err)
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16)) // coder/websocket keeps the first KiB
	problem := problemOf(http.MethodGet, u, res.StatusCode, body)
	reason = apier.CloseReason(string(problem.Code), max(0, retryAfter(res.Header, time.Now())))
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		code = apier.CloseUnauthorized
	case res.StatusCode == http.StatusForbidden:
		code = apier.CloseForbidden
	case res.StatusCode == http.StatusTooManyRequests:
		code = apier.CloseTooManyRequests
	case res.StatusCode == http.StatusRequestTimeout:
		code = apier.CloseTimeout
	case res.StatusCode >= 500:
		code = apier.CloseTryAgainLater
	default:
		code = closeRefused
	}
	return code, reason, problem
}

// closeRefused stands for an upgrade that was answered with another 4xx.
const closeRefused apier.CloseCode = 4400
