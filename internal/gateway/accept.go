package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
	"github.com/apier/apier/internal/problem"
)

const (
	subprotocolV1     = "apier.v1"
	subprotocolBearer = "bearer."
)

// request is an upgrade request, read.
type request struct {
	credential string
	v1         bool
	channels   []string
	named      bool // the client named its channels
	resume     bool
	session    string
	after      apier.Seq
	addr       string
	hasOrigin  bool
}

// ServeHTTP serves GET /ws: protocol/README.md, section 2.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		problem.Write(w, apier.Errorf(apier.CodeMalformed, "This is a WebSocket endpoint: connect with ws:// or wss://, through a proxy that passes Upgrade and Connection on."), 0)
		return
	}
	req, refusal := g.read(r)
	if refusal != nil && refusal.Code == apier.CodeOriginRefused {
		g.opt.Log.Warn("websocket: origin refused; add it to --allowed-origins", "origin", r.Header.Get("Origin"), "addr", req.addr)
		problem.Write(w, refusal, 0)
		return
	}
	if !g.enter() {
		problem.Write(w, apier.Errorf(apier.CodeUnavailable, "The server is shutting down. Reconnect in a moment."), g.opt.RefusalRetryAfter)
		return
	}
	id, err := g.admit(r.Context(), req, refusal)
	if err != nil {
		defer g.running.Done()
		g.refuse(w, r, req, apier.AsError(err))
		return
	}
	g.accept(w, r, req, id)
}

// admit decides who may connect, and takes the place of the connection in the limits.
func (g *Gateway) admit(ctx context.Context, req request, refusal *apier.Error) (auth.Identity, error) {
	if refusal != nil {
		return auth.Identity{}, refusal
	}
	if req.credential == "" {
		return auth.Identity{}, apier.Errorf(apier.CodeUnauthorized, "No credential: offer the subprotocol bearer.<jwt>, send Authorization: Bearer <jwt>, or add ?token=<jwt>.")
	}
	id, err := g.auth.Credential(ctx, req.credential)
	if err != nil {
		return id, err
	}
	if !id.Can(auth.ScopeRead) {
		return id, apier.Errorf(apier.CodeForbidden, "The token lacks the scope %s.", auth.ScopeRead)
	}
	if full := g.limits.acquire(id, req.addr); full != nil {
		return id, full
	}
	return id, nil
}

func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") &&
		strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade")
}

func (g *Gateway) read(r *http.Request) (request, *apier.Error) {
	q := r.URL.Query()
	req := request{
		v1:        q.Get("v") == "1",
		session:   q.Get("session"),
		addr:      clientAddr(r.RemoteAddr, strings.Join(r.Header.Values("X-Forwarded-For"), ","), g.opt.TrustedProxies),
		hasOrigin: r.Header.Get("Origin") != "",
		named:     q.Has("channels"),
	}
	if req.hasOrigin && !g.originAllowed(r) {
		return req, apier.Errorf(apier.CodeOriginRefused, "The origin is not allowed to connect. The operator can add it to --allowed-origins.")
	}
	offered := subprotocols(r)
	req.v1 = req.v1 || slices.Contains(offered, subprotocolV1)
	req.credential = credential(r, q, offered)
	if names := q.Get("channels"); names != "" {
		req.channels = strings.Split(names, ",")
	}
	if q.Has("after") {
		after, err := strconv.ParseInt(q.Get("after"), 10, 64)
		if err != nil || after < 0 {
			return req, apier.Errorf(apier.CodeInvalid, "The parameter \"after\" must be a seq, a number of 0 or more.")
		}
		req.resume, req.after = true, apier.Seq(after)
	}
	return req, nil
}

// credential gives the first one found, in the order of protocol/README.md, section 2.
func credential(r *http.Request, q url.Values, offered []string) string {
	for _, p := range offered {
		if token, ok := strings.CutPrefix(p, subprotocolBearer); ok {
			return token
		}
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(token)
	}
	return q.Get("token")
}

func subprotocols(r *http.Request) []string {
	var offered []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			offered = append(offered, strings.TrimSpace(p))
		}
	}
	return offered
}

func (g *Gateway) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return true
	}
	return g.opt.AllowedOrigins.Allow(origin)
}

func upgrade(w http.ResponseWriter, r *http.Request) (nc net.Conn, early []byte, err error) {
	upgrader := ws.HTTPUpgrader{Timeout: 5 * time.Second, Protocol: func(p string) bool { return p == subprotocolV1 }}
	nc, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		return nil, nil, err
	}
	_ = nc.SetDeadline(time.Time{})
	if n := rw.Reader.Buffered(); n > 0 { // sent by the client together with its request
		peeked, _ := rw.Peek(n)
		early = slices.Clone(peeked)
	}
	return nc, early, nil
}

// refuse answers a request that is not let in. A browser cannot see the status of a refused upgrade, so
// it is upgraded and told by a close code; anybody else gets a problem.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, req request, e *apier.Error) {
	g.opt.Log.Info("websocket: refused", "code", e.Code, "reason", e.Message, "addr", req.addr)
	var retry time.Duration
	if e.Code == apier.CodeTooManyConnections || e.Code == apier.CodeUnavailable {
		retry = g.opt.RefusalRetryAfter
	}
	if !req.hasOrigin {
		problem.Write(w, e, retry)
		return
	}
	nc, _, err := upgrade(w, r)
	if err != nil {
		return
	}
	defer nc.Close()
	code, word := refusalCode(e.Code)
	_ = nc.SetDeadline(time.Now().Add(g.opt.CloseTimeout))
	if _, err := nc.Write(closeFrame(code, apier.CloseReason(word, retry))); err != nil {
		return
	}
	awaitClose(nc)
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

// accept upgrades and starts a connection. Order matters: the log is opened before the store is asked,
// so that nothing falls between the two.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request, req request, id auth.Identity) {
	nc, early, err := upgrade(w, r)
	if err != nil {
		g.limits.release(id, req.addr)
		g.running.Done()
		g.opt.Log.Info("websocket: handshake failed", "cause", err, "addr", req.addr)
		return
	}
	c := newConn(g, nc, id, req)
	subs, denied := initialSubscriptions(req, id, g.opt.MaxSubscriptions)
	c.subs = subs
	c.log = g.hub.Open(id.Tenant)
	c.cursor = c.log.Head()
	lost := false
	if req.resume && req.v1 {
		lost = !g.canResume(r.Context(), id, req, c.cursor)
	}
	c.start(req, lost, denied, early)
}

// canResume reports whether the store can tell everything that changed since the client left.
func (g *Gateway) canResume(ctx context.Context, id auth.Identity, req request, head hub.Cursor) bool {
	if !strings.HasPrefix(req.session, sessionPrefix(g.opt.Epoch, id)) || req.after > head.Seq {
		return false
	}
	page, err := g.history.Changes(ctx, id.Tenant, req.after, 1)
	return err == nil && !page.Lost
}

// sessionPrefix binds a session to a history and to a user: whoever signs in as somebody else knows nothing
// yet of what that one may see.
func sessionPrefix(epoch string, id auth.Identity) string {
	owner := sha256.Sum256([]byte(string(id.Tenant) + "\x00" + id.Subject))
	return "s_" + epoch + "_" + hex.EncodeToString(owner[:4]) + "_"
}

// initialSubscriptions gives what a connection starts with, and an error for each channel that it
// named and does not get.
func initialSubscriptions(req request, id auth.Identity, limit int) (*hub.Subscriptions, []*apier.Error) {
	names := req.channels
	if !req.named {
		names = defaultChannels(id)
	}
	var channels []apier.Channel
	var denied []*apier.Error
	for _, name := range names {
		c, err := apier.ParseChannel(name)
		switch {
		case err != nil:
			denied = append(denied, err)
		case !apier.Allowed(id.Channels, c):
			denied = append(denied, forbiddenChannel(name))
		case len(channels) >= limit:
			return hub.NewSubscriptions(channels...), append(denied, tooManySubscriptions(limit))
		default:
			channels = append(channels, c)
		}
	}
	return hub.NewSubscriptions(channels...), denied
}

// defaultChannels are events and metrics, or where the token permits neither in full, what it permits.
func defaultChannels(id auth.Identity) []string {
	var names []string
	for _, name := range []string{"events", "metrics"} {
		if c, err := apier.ParseChannel(name); err == nil && apier.Allowed(id.Channels, c) {
			names = append(names, name)
		}
	}
	for _, pattern := range id.Channels {
		if _, err := apier.ParseChannel(pattern); err == nil && !slices.Contains(names, "events") {
			names = append(names, pattern)
		}
	}
	return names
}

func forbiddenChannel(name string) *apier.Error {
	return apier.Errorf(apier.CodeForbidden, "The token does not permit the channel %q.", name)
}

func tooManySubscriptions(limit int) *apier.Error {
	return apier.Errorf(apier.CodeTooManySubscriptions, "A connection may have %d subscriptions. Unsubscribe from one first.", limit)
}
