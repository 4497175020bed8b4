package gateway

import (
	"context"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

// What a client may send before it has said who it is, bytes.
const (
	maxFirstMessage = 16 << 10
	maxFirstInput   = 64 << 10 // with control frames
)

// acceptUnnamed upgrades first and learns from the first message who the client is (?auth=message). Until then
// there is no connection: the goroutine of the request waits for that one message and handles nothing else.
func (g *Gateway) acceptUnnamed(w http.ResponseWriter, r *http.Request, answer []byte, req request) {
	if full := g.limits.wait(req.addr); full != nil {
		defer g.running.Done()
		g.refuse(w, answer, req, full)
		return
	}
	nc, early, err := hijack(w)
	if err == nil {
		_ = nc.SetDeadline(time.Now().Add(g.opt.AuthTimeout))
		_, err = nc.Write(answer)
	}
	if err != nil {
		if nc != nil {
			_ = nc.Close()
		}
		g.limits.forget(req.addr)
		g.running.Done()
		g.opt.Log.Info("websocket: handshake failed", "cause", err, "addr", req.addr)
		return
	}
	if last := g.learn(r.Context(), nc, early, req); last != nil {
		g.dismiss(nc, last)
		_ = nc.Close()
		g.running.Done()
	}
}

// learn waits for the credential and starts the connection. Where it does not, it gives the last word.
func (g *Gateway) learn(ctx context.Context, nc net.Conn, early []byte, req request) (last []byte) {
	frame, rest, broken := g.firstMessage(nc, early, req.deflate)
	if broken != nil {
		g.limits.forget(req.addr)
		g.opt.Log.Info("websocket: no credential came", "reason", broken.reason, "addr", req.addr)
		return closeFrame(broken.code, broken.reason)
	}
	req.frameID, req.credential = frame.ID, frame.Token
	id, err := g.identify(ctx, req)
	if err != nil {
		g.limits.forget(req.addr)
		return g.lastWord(req, apier.AsError(err))
	}
	if full := g.limits.name(holderOf(id), req.addr); full != nil {
		return g.lastWord(req, full)
	}
	_ = nc.SetDeadline(time.Time{})
	g.connect(ctx, nc, nil, rest, req, id)
	return nil
}

// lastWord is the refusal as an error frame, which says it in words, and as a close frame.
func (g *Gateway) lastWord(req request, e *apier.Error) []byte {
	g.stats.refused.WithLabelValues(string(e.Code)).Inc()
	g.opt.Log.Info("websocket: refused", "code", e.Code, "reason", e.Message, "addr", req.addr)
	return append(textMessage(apier.AppendError(nil, req.frameID, e, g.now())), closeFrame(refusal(e, g.advice(e)))...)
}

// firstMessage reads the auth frame, for AuthTimeout; rest is what came behind it.
func (g *Gateway) firstMessage(nc net.Conn, early []byte, z *deflater) (frame apier.ClientFrame, rest []byte, broken *violation) {
	_ = nc.SetReadDeadline(time.Now().Add(g.opt.AuthTimeout))
	defer context.AfterFunc(g.open, func() { _ = nc.SetReadDeadline(time.Now()) })()
	in := inbound{limit: min(g.opt.MaxMessage, maxFirstMessage), z: z}
	in.feed(early)
	for read := len(early); ; {
		op, payload, ok, broken := in.next()
		switch {
		case broken != nil:
			return frame, nil, broken
		case ok && op == ws.OpText:
			frame, err := apier.DecodeClientFrame(payload)
			if err != nil || frame.Type != apier.FrameAuth {
				return frame, nil, &violation{apier.CloseUnauthorized, "auth_expected"}
			}
			return frame, slices.Clone(in.buf), nil
		case ok && op == ws.OpClose:
			return frame, nil, &violation{1000, ""}
		case ok: // a ping or pong
			continue
		}
		buf := make([]byte, 1<<10)
		n, err := nc.Read(buf)
		in.feed(buf[:n])
		if read += n; read > maxFirstInput {
			return frame, nil, &violation{apier.CloseTooBig, "message_too_big"}
		}
		if err != nil {
			return frame, nil, g.noMessage()
		}
	}
}

func (g *Gateway) noMessage() *violation {
	if g.open.Err() != nil {
		return &violation{apier.CloseServiceRestart, apier.CloseReason("restart", max(mathrand.N(g.opt.ReconnectWindow), time.Millisecond))}
	}
	return &violation{apier.CloseTimeout, "auth_timeout"}
}
