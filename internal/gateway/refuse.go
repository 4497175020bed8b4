package gateway

import (
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/problem"
)

// refuse answers a request that is not let in. A page of the v1 dialect is upgraded and told by a close code: a browser
// shows it no status, and its client knows the codes. Everybody else gets a problem. A client of the plain dialect may
// know no codes: it would count an upgrade as success, forget its delays, and come back at once for ever.
func (g *Gateway) refuse(w http.ResponseWriter, answer []byte, req request, e *apier.Error) {
	g.stats.refused.WithLabelValues(string(e.Code)).Inc()
	g.opt.Log.Info("websocket: refused", "code", e.Code, "reason", e.Message, "addr", req.addr)
	retry := g.advice(e)
	if !req.v1 || !req.hasOrigin {
		problem.Write(w, e, retry)
		return
	}
	nc, _, err := hijack(w)
	if err != nil {
		return
	}
	defer nc.Close()
	g.dismiss(nc, append(answer, closeFrame(refusal(e, retry))...))
}

// advice gives the delay that goes with a refusal, if one does.
func (g *Gateway) advice(e *apier.Error) time.Duration {
	if e.Code == apier.CodeTooManyConnections || e.Code == apier.CodeUnavailable {
		return g.opt.RefusalRetryAfter
	}
	return 0
}

// dismiss writes a last word and waits until it has arrived, for CloseTimeout.
func (g *Gateway) dismiss(nc net.Conn, wire []byte) {
	_ = nc.SetDeadline(time.Now().Add(g.opt.CloseTimeout))
	if _, err := nc.Write(wire); err == nil {
		awaitClose(nc)
	}
}

func refusal(e *apier.Error, retry time.Duration) (apier.CloseCode, string) {
	code, word := refusalCode(e.Code)
	return code, apier.CloseReason(word, retry)
}

// awaitClose reads until the client has answered our close frame, so that the code arrives before the
// end of the stream; the deadline of nc bounds it.
func awaitClose(nc net.Conn) {
	in := inbound{limit: readBuffer}
	buf := make([]byte, 512)
	for {
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		in.feed(buf[:n])
		for {
			op, _, ok, broken := in.next()
			if broken != nil || op == ws.OpClose {
				return
			}
			if !ok {
				break
			}
		}
	}
}

func refusalCode(code apier.Code) (apier.CloseCode, string) {
	switch code {
	case apier.CodeUnauthorized:
		return apier.CloseUnauthorized, "unauthorized"
	case apier.CodeForbidden:
		return apier.CloseForbidden, "forbidden"
	case apier.CodeTooManyConnections:
		return apier.CloseTooManyRequests, "too_many_connections"
	case apier.CodeUnavailable:
		return apier.CloseTryAgainLater, "unavailable"
	case apier.CodeInvalid:
		return 4400, "invalid"
	default:
		return apier.CloseInternal, "internal"
	}
}
