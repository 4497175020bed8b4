package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
	"github.com/apier/apier/internal/problem"
)

// ServeHTTP serves GET /ws: protocol/README.md, section 2.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		problem.Write(w, apier.Errorf(apier.CodeMethodNotAllowed, "This is a WebSocket endpoint, which begins with a GET. To post an event: POST /api/events."), 0)
		return
	}
	if !isUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		problem.Write(w, apier.Errorf(apier.CodeUpgradeRequired, "This is a WebSocket endpoint: connect with ws:// or wss://, through a proxy that passes Upgrade and Connection on."), 0)
		return
	}
	extension := g.deflater.negotiate(r.Header.Values("Sec-Websocket-Extensions"))
	answer, err := handshake(r, extension)
	if err != nil {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		problem.Write(w, apier.Errorf(apier.CodeUpgradeRequired, "The upgrade request is not one of RFC 6455: %v.", err), 0)
		return
	}
	req, refusal := g.read(r)
	if extension != "" {
		req.deflate = g.deflater
	}
	if refusal != nil && refusal.Code == apier.CodeOriginRefused {
		g.stats.refused.WithLabelValues(string(refusal.Code)).Inc()
		g.opt.Log.Warn("websocket: origin refused; if the page is the server's own, have the proxy pass Host on with its port, or set --public-url; else add it to --allowed-origins",
			"origin", r.Header.Get("Origin"), "host", r.Host, "addr", req.addr)
		problem.Write(w, refusal, 0)
		return
	}
	if !g.enter() {
		problem.Write(w, apier.Errorf(apier.CodeUnavailable, "The server is shutting down. Reconnect in a moment."), g.opt.RefusalRetryAfter)
		return
	}
	if req.waits && refusal == nil {
		g.acceptUnnamed(w, r, answer, req)
		return
	}
	id, err := g.admit(r.Context(), req, refusal)
	if err != nil {
		defer g.running.Done()
		g.refuse(w, answer, req, apier.AsError(err))
		return
	}
	g.accept(w, r, answer, req, id)
}

// admit decides who may connect, and takes the place of the connection in the limits.
func (g *Gateway) admit(ctx context.Context, req request, refusal *apier.Error) (auth.Identity, error) {
	if refusal != nil {
		return auth.Identity{}, refusal
	}
	id, err := g.identify(ctx, req)
	if err != nil {
		return id, err
	}
	if full := g.limits.acquire(holderOf(id), req.addr); full != nil {
		return id, full
	}
	return id, nil
}

// identify tells who the client is, by its credential or ticket, and whether it may be here at all.
func (g *Gateway) identify(ctx context.Context, req request) (id auth.Identity, err error) {
	switch {
	case req.ticket != "":
		id, err = g.auth.Ticket(ctx, req.ticket)
	case req.credential != "":
		id, err = g.auth.Credential(ctx, req.credential)
	default:
		err = apier.Errorf(apier.CodeUnauthorized, "No credential: offer the subprotocol bearer.<jwt>, send Authorization: Bearer <jwt>, or add ?ticket=, ?token=<jwt> or ?auth=message.")
	}
	if err == nil && !id.Can(auth.ScopeRead) {
		err = apier.Errorf(apier.CodeForbidden, "The token lacks the scope %s.", auth.ScopeRead)
	}
	return id, err
}

// accept upgrades and starts a connection.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request, answer []byte, req request, id auth.Identity) {
	nc, early, err := hijack(w)
	if err != nil {
		g.limits.release(holderOf(id), req.addr)
		g.running.Done()
		g.opt.Log.Info("websocket: handshake failed", "cause", err, "addr", req.addr)
		return
	}
	if req.resumes {
		g.acceptResuming(r.Context(), nc, answer, early, req, id)
		return
	}
	g.connect(r.Context(), nc, answer, early, req, id)
}

// connect starts a connection, answer being what it is told first and early what it has said already. Order matters:
// the log is opened before the store is asked, so that nothing falls between the two.
func (g *Gateway) connect(ctx context.Context, nc net.Conn, answer, early []byte, req request, id auth.Identity) {
	c := newConn(g, nc, id, req)
	subs, refused := initialSubscriptions(req, id, g.opt.MaxSubscriptions)
	c.subs = subs
	c.log = g.hub.Open(id.Tenant)
	c.cursor = c.log.Head()
	lost := false
	if req.resume && req.v1 {
		lost = !g.canResume(ctx, id, req, c.cursor)
	}
	c.start(answer, req, lost, refused)
	c.listen(early)
}

// canResume reports whether the store can tell everything that changed since the client left.
func (g *Gateway) canResume(ctx context.Context, id auth.Identity, req request, head hub.Cursor) bool {
	run, _, _ := strings.Cut(strings.TrimPrefix(req.session, "s_"), "_")
	if !strings.HasPrefix(req.session, sessionPrefix(run, id)) || req.after > head.Seq {
		return false
	}
	if held, err := g.history.Holds(ctx, id.Tenant, run, req.after); err != nil || !held {
		return false
	}
	page, err := g.history.Changes(ctx, id.Tenant, req.after, 1, false)
	return err == nil && !page.Lost
}

// sessionPrefix binds a session to a run of the server, by which a history that was put back is known, and to a user:
// whoever signs in as somebody else knows nothing yet of what that one may see.
func sessionPrefix(run string, id auth.Identity) string {
	owner := sha256.Sum256([]byte(string(id.Tenant) + "\x00" + id.Subject))
	return "s_" + run + "_" + hex.EncodeToString(owner[:4]) + "_"
}
