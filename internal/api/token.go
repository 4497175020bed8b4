package api

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/problem"
)

const (
	maxTokenForm = 8 << 10 // bytes
	apiUser      = "api"
	formType     = "application/x-www-form-urlencoded"
	formWords    = "Send a form: username=api&password=<API key>, or grant_type=client_credentials with HTTP Basic, as " + formType + "."
)

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}

// tokenRefusal is an error of POST /api/token with its word of RFC 6749, section 5.2.
type tokenRefusal struct {
	word string
	err  error
	wait time.Duration
}

func refuseToken(word string, code apier.Code, format string, args ...any) *tokenRefusal {
	return &tokenRefusal{word: word, err: apier.Errorf(code, format, args...)}
}

// createToken answers POST /api/token: an API key for a JWT, by the OAuth2 password or client_credentials grant
// (RFC 6749, sections 4.3 and 4.4).
func (a *API) createToken(c *call) error {
	c.w.Header().Set("Pragma", "no-cache") // RFC 6749, section 5.1
	id, refused := a.login(c)
	if refused == nil {
		token, expires, err := a.auth.Issue(id)
		if err == nil {
			return a.answerToken(c, id, token, expires)
		}
		refused = &tokenRefusal{err: err}
	}
	if gone := c.ctx().Err() != nil; gone && errors.Is(refused.err, context.Canceled) {
		return nil
	}
	e := apier.AsError(refused.err)
	switch e.Code {
	case apier.CodeInternal:
		refused.word = problem.OAuthServerError
		a.logFailure(c, refused.err)
	case apier.CodeUnavailable:
		refused.word, refused.wait = problem.OAuthUnavailable, retryAfter
		a.logFailure(c, refused.err)
	}
	problem.WriteOAuth(c.w, e, refused.word, refused.wait)
	return nil
}

// login returns whom the API key of a request belongs to, with the scopes that the request asks for. Only failures
// count for the limit of an address: many senders behind one sign in at once.
func (a *API) login(c *call) (auth.Identity, *tokenRefusal) {
	form, refused := readTokenForm(c)
	if refused != nil {
		return auth.Identity{}, refused
	}
	key, refused := keyOf(c, form)
	if refused != nil {
		return auth.Identity{}, a.countFailure(c, refused)
	}
	if refused := a.mayGuess(c); refused != nil {
		return auth.Identity{}, refused
	}
	id, err := a.auth.Key(c.ctx(), key)
	switch {
	case err == nil:
		return narrowed(id, form.Get("scope"))
	case apier.AsError(err).Code == apier.CodeUnauthorized:
		refused := &tokenRefusal{word: problem.OAuthInvalidClient, err: err}
		return auth.Identity{}, a.countFailure(c, refused)
	default:
		return auth.Identity{}, &tokenRefusal{err: err}
	}
}

// guessFactor is how many times --tokens-per-second an address that has failed too often may have keys looked at: a
// good key behind it still gets a token, and what its guesses cost is bounded. A key has 160 random bits.
const guessFactor = 20

func (a *API) address(c *call) caller {
	return caller{subject: a.opt.LimitKey(a.opt.ClientAddr(c.r))}
}

func (a *API) mayGuess(c *call) *tokenRefusal {
	from, now := a.address(c), a.opt.Now()
	if !a.logins.spent(from, now) {
		return nil
	}
	if wait := a.guesses.take(from, now); wait > 0 {
		return a.tooManyFailures(time.Second)
	}
	return nil
}

// countFailure returns the refusal, or that of the limit once an address has failed too often.
func (a *API) countFailure(c *call, refused *tokenRefusal) *tokenRefusal {
	if apier.AsError(refused.err).Code != apier.CodeUnauthorized {
		return refused
	}
	if wait := a.logins.take(a.address(c), a.opt.Now()); wait > 0 {
		return a.tooManyFailures(wait)
	}
	return refused
}

func (a *API) tooManyFailures(wait time.Duration) *tokenRefusal {
	refused := refuseToken(problem.OAuthUnavailable, apier.CodeRateLimited, "More than %v failed requests for tokens a second from this address (--tokens-per-second). A good key still gets a token.", a.opt.TokensPerSec)
	refused.wait = wait
	return refused
}

// readTokenForm reads the body. A parameter that stands twice is refused, and one that is empty counts as left out
// (RFC 6749, section 3.2).
func readTokenForm(c *call) (url.Values, *tokenRefusal) {
	given := c.r.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(given); given != "" && (err != nil || media != formType) {
		return nil, refuseToken(problem.OAuthInvalidRequest, apier.CodeUnsupportedMedia, "The body is sent as %s. %s", cutText(given, 100), formWords)
	}
	if given == "" && c.r.ContentLength != 0 {
		return nil, refuseToken(problem.OAuthInvalidRequest, apier.CodeUnsupportedMedia, "The body has no Content-Type. %s", formWords)
	}
	if c.r.ContentLength > maxTokenForm {
		return nil, refuseToken(problem.OAuthInvalidRequest, apier.CodeMalformed, "The body is over %d bytes. %s", maxTokenForm, formWords)
	}
	c.r.Body = http.MaxBytesReader(c.raw, c.r.Body, maxTokenForm)
	if err := c.r.ParseForm(); err != nil {
		return nil, refuseToken(problem.OAuthInvalidRequest, apier.CodeMalformed, "The body cannot be read. %s", formWords)
	}
	for name, values := range c.r.PostForm {
		if len(values) > 1 {
			return nil, refuseToken(problem.OAuthInvalidRequest, apier.CodeInvalid, "The parameter %q stands there more than once.", cutText(name, 40))
		}
	}
	return c.r.PostForm, nil
}

// keyOf returns the API key that a request brings.
func keyOf(c *call, form url.Values) (string, *tokenRefusal) {
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
		return clientSecret(c, form)
	case "", "password":
		_, _, basic := c.r.BasicAuth()
		if grant == "" && basic && !form.Has("password") {
			return "", refuseToken(problem.OAuthInvalidRequest, apier.CodeInvalid, "The parameter grant_type is missing: send grant_type=client_credentials.")
		}
		if form.Get("username") != apiUser {
			return "", refuseToken(problem.OAuthInvalidGrant, apier.CodeUnauthorized, "The username is always \"api\"; the password is an API key.")
		}
		return form.Get("password"), nil
	default:
		return "", refuseToken(problem.OAuthUnsupportedGrant, apier.CodeInvalid, "The grant_type %q is not known here. Send client_credentials or password.", cutText(grant, 40))
	}
}

// clientSecret reads the key from HTTP Basic, whose parts are form-encoded, or from the form (RFC 6749, section 2.3.1).
func clientSecret(c *call, form url.Values) (string, *tokenRefusal) {
	_, encoded, basic := c.r.BasicAuth()
	if !basic {
		if form.Get("client_secret") == "" {
			return "", refuseToken(problem.OAuthInvalidClient, apier.CodeUnauthorized, "There is no key: send it as the password of HTTP Basic, or as client_secret.")
		}
		return form.Get("client_secret"), nil
	}
	c.w.Header().Set("WWW-Authenticate", `Basic realm="apier", charset="UTF-8"`) // of a 401: the scheme that was used
	if form.Get("client_secret") != "" {
		return "", refuseToken(problem.OAuthInvalidRequest, apier.CodeInvalid, "The key is sent twice: by HTTP Basic and as client_secret. Send it once.")
	}
	key, err := url.QueryUnescape(encoded)
	if err != nil {
		return "", refuseToken(problem.OAuthInvalidClient, apier.CodeUnauthorized, "The password of HTTP Basic is not form-encoded.")
	}
	return key, nil
}

// narrowed returns the identity with the scopes that were asked for; none: all of the key.
func narrowed(id auth.Identity, scope string) (auth.Identity, *tokenRefusal) {
	asked := strings.Fields(scope)
	for _, s := range asked {
		if !slices.Contains(auth.AllScopes(), s) || !id.Can(s) {
			return auth.Identity{}, refuseToken(problem.OAuthInvalidScope, apier.CodeInvalid, "The key does not have the scope %q. It has %s.", cutText(s, 40), strings.Join(id.Scopes, " "))
		}
	}
	if len(asked) > 0 {
		id.Scopes = asked
	}
	return id, nil
}

type ticketAnswer struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int64  `json:"expires_in"` // seconds
}

// createTicket answers POST /api/ws-tickets: a credential for one WebSocket connection, fit to stand in its address.
func (a *API) createTicket(c *call) error {
	ticket, err := a.auth.IssueTicket(c.id)
	if err != nil {
		return err
	}
	return answer(c.w, ticketAnswer{ticket, int64(auth.TicketTTL.Seconds())})
}

// refreshToken answers POST /api/token/refresh: a live token for one that lasts longer.
func (a *API) refreshToken(c *call) error {
	token, expires, err := a.auth.Refresh(c.id)
	if err != nil {
		return err
	}
	return a.answerToken(c, c.id, token, expires)
}

func (a *API) answerToken(c *call, id auth.Identity, token string, expires time.Time) error {
	c.w.Header().Del("WWW-Authenticate")
	return answer(c.w, tokenAnswer{
		AccessToken: token, TokenType: "bearer", Scope: strings.Join(id.Scopes, " "),
		ExpiresIn: int64(expires.Sub(a.opt.Now()).Round(time.Second).Seconds()),
	})
}
