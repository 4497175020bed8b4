package gateway

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/clientaddr"
)

const (
	subprotocolV1    = "apier.v1"
	subprotocolPlain = "apier.plain" // asks for nothing: it is there for browsers, which want one to be selected

	subprotocolBearer   = "bearer."
	subprotocolBearer64 = "bearer64." // in base64url, for what may not stand in a subprotocol
)

// request is an upgrade request, read.
type request struct {
	credential string
	ticket     string
	waits      bool   // brings its credential as first message
	resumes    bool   // brings its channels and its place as first message, or as the next (v1)
	frameID    string // of that message
	v1         bool
	deflate    *deflater // nil: not negotiated
	channels   []string
	named      bool // the client named its channels
	resume     bool
	session    string
	after      apier.Seq
	addr       string
	hasOrigin  bool
	client     *string
}

func (g *Gateway) read(r *http.Request) (request, *apier.Error) {
	q := r.URL.Query()
	req := request{
		v1:        q.Get("v") == "1",
		session:   q.Get("session"),
		addr:      clientaddr.Of(r, g.opt.TrustedProxies),
		hasOrigin: r.Header.Get("Origin") != "",
		client:    g.names.of(r.UserAgent()),
		named:     q.Has("channels"),
	}
	if req.hasOrigin && !g.originAllowed(r) {
		return req, apier.Errorf(apier.CodeOriginRefused, "The origin is not allowed to connect. If it is the server's own page, a proxy drops the host or the port from the header Host: pass it on as the browser sent it, or set --public-url. Else the operator can add it to --allowed-origins.")
	}
	offered := subprotocols(r)
	req.v1 = req.v1 || slices.Contains(offered, subprotocolV1) // first, for the dialect says how a refusal is told
	if problem := unknownWords(q); problem != nil {
		return req, problem
	}
	req.resumes = req.v1 && q.Get("resume") == "message"
	req.present(r, q, offered)
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

// unknownWords refuses what would else be taken for something it is not: a second value, another version for the plain dialect, a
// misspelled way to sign in for none.
func unknownWords(q url.Values) *apier.Error {
	for name, values := range q {
		if len(values) > 1 { // of two, one would be passed over in silence
			return apier.Errorf(apier.CodeInvalid, "The parameter %.40q stands there more than once.", name)
		}
	}
	for name, word := range map[string]string{"v": "1", "auth": "message", "resume": "message"} {
		if given := q.Get(name); given != "" && given != word {
			return apier.Errorf(apier.CodeInvalid, "The parameter %q knows %q and nothing else; leave it out for the default.", name, word)
		}
	}
	return nil
}

// present reads how the client says who it is: the first way found, in the order of protocol/README.md, section 2.
func (req *request) present(r *http.Request, q url.Values, offered []string) {
	req.credential = headerCredential(r, offered)
	switch {
	case req.credential != "":
	case q.Get("ticket") != "":
		req.ticket = q.Get("ticket")
	case q.Get("token") != "":
		req.credential = q.Get("token")
	default:
		req.waits = q.Get("auth") == "message"
	}
}

func headerCredential(r *http.Request, offered []string) string {
	for _, p := range offered {
		if token, ok := strings.CutPrefix(p, subprotocolBearer); ok {
			return token
		}
		if encoded, ok := strings.CutPrefix(p, subprotocolBearer64); ok {
			return decodeToken(encoded)
		}
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(token)
	}
	return ""
}

// decodeToken returns what was encoded, or the text itself, which is no credential, where it cannot be decoded.
func decodeToken(encoded string) string {
	token, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return encoded
	}
	return string(token)
}

func subprotocols(r *http.Request) []string {
	var offered []string
	for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			offered = append(offered, strings.TrimSpace(p))
		}
	}
	return offered
}

func (g *Gateway) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return auth.SameHost(origin, r.Host) || g.opt.AllowedOrigins.Allow(origin)
}
