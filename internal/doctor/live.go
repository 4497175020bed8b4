package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/apier/apier/internal/strictjson"
)

var (
	errBadAccept = errors.New("the answer to the upgrade belongs to another request: a proxy answers from its cache") //nolint:gochecknoglobals // a constant
	errNoCode    = errors.New("the connection was cut without a word")                                                //nolint:gochecknoglobals // a constant
)

const (
	adviceOrigin = "The server does not let this page connect. If it is the server's own page, the proxy drops its host or port: pass Host on as it came (nginx: proxy_set_header Host $http_host), or set --public-url. Else add it to --allowed-origins (scheme, host and port, without a path)."
	adviceToken  = "Get a new token from POST /api/token with an API key, or: apier token. A token that another server signed is refused."
	pings        = 3
)

// readable gives an error's words without addresses of this side.
func readable(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it was closed"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "it timed out"
	default:
		var op *net.OpError
		if errors.As(err, &op) {
			return op.Err.Error()
		}
		return err.Error()
	}
}

// checkOrigin connects as a page of Options.Origin. The server refuses a wrong origin before it looks for a credential.
func (x *examination) checkOrigin(ctx context.Context, _ string) Finding {
	if x.Origin == "" {
		return Finding{Status: Skip, Detail: "give --origin to connect as a page of it would"}
	}
	a, err := x.upgrade(ctx, "", x.Origin)
	switch {
	case err != nil:
		return Finding{Status: Fail, Detail: readable(err), Advice: "With an Origin header there is no answer: look for a rule on it in the proxies before the server."}
	case a.status == http.StatusForbidden:
		return Finding{Status: Fail, Detail: x.Origin + ": " + a.summary(), Advice: adviceOrigin}
	case a.status == http.StatusSwitchingProtocols: // and closed with a code that a page can read
		a.nc.Close()
		return Finding{Status: OK, Detail: x.Origin + " may connect"}
	case a.status == http.StatusUnauthorized:
		return Finding{Status: OK, Detail: x.Origin + " may connect"}
	}
	return x.refusedUpgrade(a)
}

// readToken reads the claims of a JWT, without a proof of them: what can be wrong at a glance is said here.
func (x *examination) readToken(context.Context, string) Finding {
	switch {
	case x.Token == "":
		return Finding{Status: Skip, Detail: "give --token (or APIER_TOKEN) to sign in"}
	case strings.HasPrefix(x.Token, "apier_"):
		return Finding{Status: Warn, Detail: "an API key", Advice: "It works, and must never be in a page: browsers get a token from POST /api/token."}
	}
	parts := strings.Split(x.Token, ".")
	if len(parts) != 3 {
		return Finding{
			Status: Fail, Detail: "this is neither an API key (apier_ and 32 letters and digits) nor a token (a JWT: three parts with dots between)",
			Advice: "Look for a cut or a line break in it. The first API key is in the file api-key of the data directory; apier keys create makes another. " + adviceToken,
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Finding{Status: Fail, Detail: "the token's claims cannot be read", Advice: adviceToken}
	}
	claims, err := readClaims(raw)
	if err != nil {
		return Finding{Status: Fail, Detail: "the token's claims cannot be read", Advice: adviceToken}
	}
	now, ends := x.Now().Add(x.skew), time.Unix(int64(claims.Exp), 0) // by the clock that decides
	switch {
	case claims.Exp == 0:
		return Finding{Status: Fail, Detail: "the token has no end (claim exp), and such tokens are refused", Advice: adviceToken}
	case now.After(ends):
		return Finding{Status: Fail, Detail: "the token ended " + now.Sub(ends).Round(time.Second).String() + " ago", Advice: adviceToken}
	case claims.Nbf != 0 && now.Before(time.Unix(int64(claims.Nbf), 0).Add(-clockSkew)):
		return Finding{Status: Fail, Detail: "the token is not valid yet (claim nbf)", Advice: "Compare the clocks of its issuer and of this machine."}
	}
	return Finding{Status: OK, Detail: fmt.Sprintf("user %s, tenant %s, ends in %s", claims.Sub, orWord(claims.Tenant, "default"), ends.Sub(now).Round(time.Second))}
}

// claims are those of a token that say whose it is and when it holds, seconds since 1970.
type claims struct {
	Sub, Tenant string
	Exp, Nbf    float64 // RFC 7519: may have fractions
}

// readClaims reads them as the server does: by their exact names.
func readClaims(raw []byte) (c claims, err error) {
	o, err := strictjson.Decode(raw)
	if err != nil {
		return c, fmt.Errorf("claims: it %w", err)
	}
	for name, into := range map[string]any{"sub": &c.Sub, "tenant": &c.Tenant, "exp": &c.Exp, "nbf": &c.Nbf} {
		if value := o[name]; len(value) > 0 {
			err = errors.Join(err, json.Unmarshal(value, into))
		}
	}
	return c, err
}

// signIn connects for good.
func (x *examination) signIn(ctx context.Context, _ string) Finding {
	if x.Token == "" {
		return Finding{Status: Skip, Detail: "needs a token"}
	}
	a, err := x.upgrade(ctx, x.Token, "")
	if err != nil {
		return Finding{Status: Fail, Detail: readable(err), Advice: "Without a credential the upgrade got an answer, with one it does not: look for a proxy that inspects the Authorization header."}
	}
	switch a.status {
	case http.StatusSwitchingProtocols:
		x.live = &socket{nc: a.nc, in: a.in}
		protocol := a.header.Get("Sec-Websocket-Protocol")
		if protocol == "" {
			return Finding{Status: Fail, Detail: "101 Switching Protocols, without the subprotocol", Advice: "A proxy drops the Sec-WebSocket-Protocol header: pass it on, both ways. Browsers end such a connection at once."}
		}
		return Finding{Status: OK, Detail: "101 Switching Protocols, " + protocol}
	case http.StatusUnauthorized:
		return Finding{Status: Fail, Detail: a.summary(), Advice: adviceToken}
	}
	return x.refusedUpgrade(a)
}

type session struct {
	Resumed     bool     `json:"resumed"`
	Seq         int64    `json:"seq"`
	Channels    []string `json:"channels"`
	HeartbeatMS int64    `json:"heartbeat_ms"`
}

// greet waits for the first frame of dialect v1.
func (x *examination) greet(context.Context, string) Finding {
	if x.live == nil {
		return Finding{Status: Skip, Detail: "needs a connection"}
	}
	raw, err := x.live.await("session", time.Now().Add(x.Wait))
	if err != nil {
		return Finding{Status: Fail, Detail: "no session frame: " + readable(err), Advice: adviceEnd(err, "A proxy holds back what the server sends. Switch its buffering off for this path (nginx: proxy_buffering off).")}
	}
	_ = json.Unmarshal(raw, &x.session) // what it lacks stays zero
	f := Finding{Status: OK, Detail: fmt.Sprintf("channels %s, at seq %d, server pings every %s", orWord(strings.Join(x.session.Channels, ", "), "none"), x.session.Seq, time.Duration(x.session.HeartbeatMS)*time.Millisecond)}
	if len(x.session.Channels) == 0 {
		f.Status, f.Advice = Warn, "Nothing is subscribed, so nothing will come: look at the token's \"channels\" claim and the URL's channels=."
	}
	return f
}

// pingPong measures the way there and back, by the client's own heartbeat.
func (x *examination) pingPong(context.Context, string) Finding {
	if x.live == nil {
		return Finding{Status: Skip, Detail: "needs a connection"}
	}
	var times []time.Duration
	for range pings {
		began := time.Now()
		_ = x.live.nc.SetDeadline(began.Add(x.Wait))
		if err := wsutil.WriteClientText(x.live.nc, []byte(`{"type":"ping"}`)); err != nil {
			return Finding{Status: Fail, Detail: "a ping cannot be sent: " + readable(err), Advice: adviceCut}
		}
		if _, err := x.live.await("pong", began.Add(x.Wait)); err != nil {
			return Finding{Status: Fail, Detail: "no pong: " + readable(err), Advice: adviceEnd(err, adviceCut)}
		}
		times = append(times, time.Since(began).Round(10*time.Microsecond))
	}
	return Finding{Status: OK, Detail: fmt.Sprintf("%d pongs, after %s", len(times), strings.Trim(fmt.Sprint(times), "[]"))}
}

const adviceCut = "Something between here and the server cuts or holds the connection: look at proxies and their logs at this moment."

// adviceEnd is about the end of a connection that was up: the server's own has a code, any other is a cut.
func adviceEnd(err error, cut string) string {
	var end closedError
	if errors.As(err, &end) {
		return "The server itself ended it; section 8 of protocol/README.md says what the code means."
	}
	return cut
}

// stayIdle sends nothing and sees whether the connection outlives the idle times of what stands between.
func (x *examination) stayIdle(ctx context.Context, _ string) Finding {
	switch {
	case x.live == nil:
		return Finding{Status: Skip, Detail: "needs a connection"}
	case x.Idle <= 0:
		return Finding{Status: Skip, Detail: "give --idle 70s to see whether a silent connection survives"}
	}
	x.begin("silent for " + x.Idle.String())
	began := time.Now()
	_ = x.live.nc.SetDeadline(began.Add(x.Idle)) // before the interruption's, which has the last word
	stop := context.AfterFunc(ctx, func() { _ = x.live.nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err := x.live.readUntil(nil)
	if ctx.Err() != nil {
		return Finding{Status: Skip, Detail: "interrupted after " + time.Since(began).Round(time.Second).String()}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return Finding{
			Status: Fail, Detail: fmt.Sprintf("cut after %s of silence: %s", time.Since(began).Round(time.Second), readable(err)),
			Advice: adviceEnd(err, "A proxy ends connections that are silent for so long. Raise its timeout (nginx: proxy_read_timeout 1h; a load balancer: idle timeout), or lower --ping-after below it."),
		}
	}
	return Finding{Status: OK, Detail: fmt.Sprintf("alive after %s of silence, %d pings from the server", x.Idle, x.live.pings)}
}

// socket is a client's side of a WebSocket that was upgraded.
type socket struct {
	nc    net.Conn
	in    io.Reader
	pings int // that the server sent
}

func (s *socket) close() {
	_ = s.nc.SetDeadline(time.Now().Add(time.Second))
	_ = wsutil.WriteClientMessage(s.nc, ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
	s.nc.Close()
}

// await gives the data of the next frame of a type.
func (s *socket) await(kind string, deadline time.Time) (data json.RawMessage, err error) {
	found := false
	_ = s.nc.SetDeadline(deadline)
	err = s.readUntil(func(payload []byte) bool {
		var f struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		found = json.Unmarshal(payload, &f) == nil && f.Type == kind
		data = f.Data
		return found
	})
	return data, err
}

// readUntil reads messages and answers the server's pings, until done says so or the deadline of the connection is over.
func (s *socket) readUntil(done func(payload []byte) bool) error {
	for {
		h, err := ws.ReadHeader(s.in)
		if err != nil {
			return err
		}
		if h.Length > 16<<20 {
			return fmt.Errorf("a frame of %d bytes", h.Length)
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(s.in, payload); err != nil {
			return err
		}
		switch h.OpCode {
		case ws.OpPing:
			s.pings++
			if err := wsutil.WriteClientMessage(s.nc, ws.OpPong, payload); err != nil {
				return err
			}
		case ws.OpClose:
			return closed(payload)
		case ws.OpText:
			if done != nil && done(payload) {
				return nil
			}
		}
	}
}

func closed(body []byte) error {
	if len(body) == 0 {
		return errNoCode
	}
	code, reason := ws.ParseCloseFrameData(body)
	return closedError{code, reason}
}

// closedError is an end with a code.
type closedError struct {
	code   ws.StatusCode
	reason string
}

func (e closedError) Error() string {
	return fmt.Sprintf("the server closed with %d %s", e.code, e.reason)
}
