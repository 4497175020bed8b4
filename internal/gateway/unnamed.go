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
	"github.com/apier/apier/internal/auth"
)

// What a client may send before it has said who it is, bytes.
const (
	maxFirstMessage = 16 << 10
	maxFirstInput   = 64 << 10  // with control frames
	maxResumeInput  = 256 << 10 // of all that says where to go on, by a client that is known
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
	first := expected{apier.FrameAuth, min(g.opt.MaxMessage, maxFirstMessage), maxFirstInput, violation{apier.CloseUnauthorized, "auth_expected"}, "auth_timeout"}
	frame, rest, broken := g.firstMessage(nc, early, req.deflate, first)
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
	if req.resumes {
		if rest, broken = g.learnState(nc, rest, &req); broken != nil {
			g.limits.release(holderOf(id), req.addr)
			return closeFrame(broken.code, broken.reason)
		}
	}
	_ = nc.SetDeadline(time.Time{})
	g.connect(ctx, nc, nil, rest, req, id)
	return nil
}

// lastWord is the refusal as an error frame, which says it in words, and as a close frame.
func (g *Gateway) lastWord(req request, e *apier.Error) []byte {
	g.stats.refused.WithLabelValues(string(e.Code)).Inc()
	g.opt.Log.Info("websocket: refused", "code", e.Code, "reason", e.Message, "addr", req.addr)
	var about *apier.Refusal
	if req.v1 {
		about = &apier.Refusal{Request: apier.FrameAuth, RetryAfter: g.advice(e)}
	}
	return append(textMessage(apier.AppendError(nil, req.frameID, e, g.now(), about)), closeFrame(refusal(e, g.advice(e)))...)
}

// acceptResuming learns from the first message what would else stand in the address (?resume=message), of a client
// that is known. The connection, and with it the resume, starts only then, so nothing falls between.
func (g *Gateway) acceptResuming(ctx context.Context, nc net.Conn, answer, early []byte, req request, id auth.Identity) {
	_ = nc.SetDeadline(time.Now().Add(g.opt.AuthTimeout))
	broken := &violation{apier.CloseInternal, ""}
	if _, err := nc.Write(answer); err == nil {
		early, broken = g.learnState(nc, early, &req)
	}
	if broken == nil {
		_ = nc.SetDeadline(time.Time{})
		g.connect(ctx, nc, nil, early, req, id)
		return
	}
	defer g.running.Done()
	defer nc.Close()
	g.limits.release(holderOf(id), req.addr)
	g.opt.Log.Info("websocket: no resume frame came", "reason", broken.reason, "addr", req.addr)
	g.dismiss(nc, closeFrame(broken.code, broken.reason))
}

// learnState reads resume frames up to the last one; rest is what came behind it.
func (g *Gateway) learnState(nc net.Conn, early []byte, req *request) (rest []byte, broken *violation) {
	next := expected{apier.FrameResume, g.opt.MaxMessage, maxResumeInput, violation{4400, "resume_expected"}, "resume_timeout"}
	for total := 0; ; {
		frame, rest, broken := g.firstMessage(nc, early, req.deflate, next)
		if broken != nil {
			return nil, broken
		}
		for _, name := range frame.Names {
			total += len(name)
		}
		if total > maxResumeInput {
			return nil, &violation{apier.CloseTooBig, "message_too_big"}
		}
		req.channels, req.named = append(req.channels, frame.Names...), req.named || frame.Names != nil
		if frame.After != nil {
			req.resume, req.session, req.after = true, frame.Session, *frame.After
		}
		if early = rest; !frame.More {
			return rest, nil
		}
	}
}

// expected is what the next message has to be, of a client that is not connected yet.
type expected struct {
	frame    apier.FrameType
	message  int       // at most, bytes
	input    int       // of it and what comes with it, bytes
	other    violation // for any other message
	timedOut string    // the reason to give where none comes in time
}

// firstMessage reads the message that is expected, for AuthTimeout; rest is what came behind it.
func (g *Gateway) firstMessage(nc net.Conn, early []byte, z *deflater, want expected) (frame apier.ClientFrame, rest []byte, broken *violation) {
	_ = nc.SetReadDeadline(time.Now().Add(g.opt.AuthTimeout))
	defer context.AfterFunc(g.open, func() { _ = nc.SetReadDeadline(time.Now()) })()
	in := inbound{limit: want.message, z: z}
	in.feed(early)
	for read := len(early); ; {
		op, payload, ok, broken := in.next()
		switch {
		case broken != nil:
			return frame, nil, broken
		case ok && op == ws.OpText:
			frame, err := apier.DecodeClientFrame(payload)
			if err != nil || frame.Type != want.frame {
				return frame, nil, &want.other
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
		if read += n; read > want.input {
			return frame, nil, &violation{apier.CloseTooBig, "message_too_big"}
		}
		if err != nil {
			return frame, nil, g.noMessage(want.timedOut)
		}
	}
}

func (g *Gateway) noMessage(timedOut string) *violation {
	if g.open.Err() != nil {
		return &violation{apier.CloseServiceRestart, apier.CloseReason("restart", max(mathrand.N(g.opt.ReconnectWindow), time.Millisecond))}
	}
	return &violation{apier.CloseTimeout, timedOut}
}
