package api

import (
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/problem"
)

const (
	maxTokenForm = 8 << 10 // bytes
	apiUser      = "api"
)

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
}

// createToken answers POST /api/token: an API key for a JWT, by the OAuth2 password or
// client_credentials form (RFC 6749, 4.3 and 4.4).
func (a *API) createToken(c *call) error {
	if wait := a.logins.take(caller{subject: a.opt.LimitKey(a.opt.ClientAddr(c.r))}, a.opt.Now()); wait > 0 {
		problem.Write(c.w, apier.Errorf(apier.CodeRateLimited, "More than %v requests for tokens a second from this address (--tokens-per-second).", a.opt.TokensPerSec), wait)
		return nil
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxTokenForm)
	if err := c.r.ParseForm(); err != nil {
		return apier.Errorf(apier.CodeMalformed, "Send a form: username=api&password=<API key>, as application/x-www-form-urlencoded.")
	}
	form := c.r.PostForm
	key := form.Get("password")
	if form.Get("grant_type") == "client_credentials" {
		key = form.Get("client_secret")
	} else if subtle.ConstantTimeCompare([]byte(form.Get("username")), []byte(apiUser)) != 1 {
		return apier.Errorf(apier.CodeUnauthorized, "The username is always \"api\"; the password is an API key.")
	}
	id, err := a.auth.Key(c.ctx(), key)
	if err != nil {
		return err
	}
	token, expires, err := a.auth.Issue(id)
	if err != nil {
		return err
	}
	return a.answerToken(c, token, expires)
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
	return a.answerToken(c, token, expires)
}

func (a *API) answerToken(c *call, token string, expires time.Time) error {
	return answer(c.w, tokenAnswer{
		AccessToken: token, TokenType: "bearer",
		ExpiresIn: int64(expires.Sub(a.opt.Now()).Round(time.Second).Seconds()),
	})
}
