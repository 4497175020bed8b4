package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func (w *world) token(t *testing.T, body string) reply {
	t.Helper()
	return w.do(t, "POST", "/api/token", body, "Authorization", "", "Content-Type", "application/x-www-form-urlencoded")
}

func TestToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for name, body := range map[string]string{
		"password":           form("username", "api", "password", w.key),
		"password by name":   form("grant_type", "password", "username", "api", "password", w.key),
		"client credentials": form("grant_type", "client_credentials", "client_id", "any", "client_secret", w.key),
	} {
		answer := w.token(t, body)
		var token tokenAnswer
		answer.want(t, 200, &token)
		if token.TokenType != "bearer" || token.ExpiresIn != 3600 || answer.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", name, answer.body, answer.header)
		}
		w.do(t, "POST", "/api/events", good, as(token.AccessToken)...).want(t, 201, nil)
		id, err := w.auth.Token(t.Context(), token.AccessToken)
		if err != nil || id.KeyID != w.keyID || id.Subject != w.keyID || id.Tenant != auth.DefaultTenant || id.Channels != nil {
			t.Errorf("%s: identity %+v, %v", name, id, err)
		}
	}
}

func TestTokenKeepsTheScopesOfItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var token tokenAnswer
	w.token(t, form("username", "api", "password", w.reader)).want(t, 200, &token)
	w.do(t, "GET", "/api/events", "", as(token.AccessToken)...).want(t, 200, nil)
	w.do(t, "POST", "/api/events", good, as(token.AccessToken)...).refused(t, 403, apier.CodeForbidden)
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	unknown := auth.GenerateKey()
	w.secrets = append(w.secrets, unknown)
	jwt, _, err := w.auth.Issue(auth.Identity{Tenant: "default", Subject: "u", Scopes: auth.AllScopes()})
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, jwt)
	for name, body := range map[string]string{
		"nothing":                "",
		"no password":            form("username", "api"),
		"wrong key":              form("username", "api", "password", unknown),
		"wrong user":             form("username", "root", "password", w.key),
		"no user":                form("password", w.key),
		"wrong client secret":    form("grant_type", "client_credentials", "client_secret", unknown),
		"key in the wrong field": form("grant_type", "client_credentials", "username", "api", "password", w.key),
		"a token is not a key":   form("username", "api", "password", jwt),
		"the hash is not a key":  form("username", "api", "password", strings.Repeat("0", 64)),
	} {
		answer := w.token(t, body)
		answer.refused(t, 401, apier.CodeUnauthorized)
		if answer.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	w.token(t, "username=%zz").refused(t, 400, apier.CodeMalformed)
	w.token(t, "username=api&password="+strings.Repeat("x", maxTokenForm)).refused(t, 400, apier.CodeMalformed)
	inQuery := w.do(t, "POST", "/api/token?username=api&password="+w.key, "", "Authorization", "", "Content-Type", "application/x-www-form-urlencoded")
	inQuery.refused(t, 401, apier.CodeUnauthorized) // a key in a URL would end in logs
	asJSON := w.do(t, "POST", "/api/token", `{"username":"api","password":"`+w.key+`"}`, "Content-Type", "application/json")
	asJSON.refused(t, 415, apier.CodeUnsupportedMedia)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var first, second tokenAnswer
	w.token(t, form("username", "api", "password", w.key)).want(t, 200, &first)
	w.clock.advance(50 * time.Minute)
	w.do(t, "POST", "/api/token/refresh", "", as(first.AccessToken)...).want(t, 200, &second)
	if second.ExpiresIn != 3600 || second.AccessToken == first.AccessToken {
		t.Errorf("refreshed: %+v", second)
	}
	w.clock.advance(20 * time.Minute)
	w.do(t, "GET", "/api/events", "", as(first.AccessToken)...).refused(t, 401, apier.CodeUnauthorized)
	w.do(t, "POST", "/api/token/refresh", "", as(first.AccessToken)...).refused(t, 401, apier.CodeUnauthorized)
	w.do(t, "POST", "/api/events", good, as(second.AccessToken)...).want(t, 201, nil)
}

func TestForeignTokensAreNotRefreshed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	token, _, err := w.auth.Issue(auth.Identity{Tenant: auth.DefaultTenant, Subject: "user-7", Scopes: auth.AllScopes()})
	if err != nil {
		t.Fatal(err)
	}
	w.do(t, "GET", "/api/events", "", as(token)...).want(t, 200, nil)
	w.do(t, "POST", "/api/token/refresh", "", as(token)...).refused(t, 403, apier.CodeForbidden)
}

func TestRevokedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var token tokenAnswer
	w.token(t, form("username", "api", "password", w.key)).want(t, 200, &token)
	w.do(t, "GET", "/api/events", "", as(token.AccessToken)...).want(t, 200, nil)
	if err := w.store.RevokeKey(t.Context(), auth.DefaultTenant, w.keyID); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(5 * time.Second) // Recheck: no answer is trusted for longer
	for _, credential := range []string{w.key, token.AccessToken} {
		w.do(t, "POST", "/api/events", good, as(credential)...).refused(t, 401, apier.CodeUnauthorized)
		w.do(t, "POST", "/api/token/refresh", "", as(credential)...).refused(t, 401, apier.CodeUnauthorized)
	}
	w.token(t, form("username", "api", "password", w.key)).refused(t, 401, apier.CodeUnauthorized)
	w.do(t, "GET", "/api/events", "", as(w.reader)...).want(t, 200, nil)
	if w.seq(t) != 0 {
		t.Error("a revoked key stored something")
	}
}

func TestRequestsForTokensAreLimitedPerAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{TokensPerSec: 1, ClientAddr: func(r *http.Request) string { return r.Header.Get("X-From") }}})
	from := func(address string) reply {
		return w.do(t, "POST", "/api/token", form("username", "api", "password", "guess"), "Authorization", "",
			"Content-Type", "application/x-www-form-urlencoded", "X-From", address)
	}
	for range 4 {
		from("192.0.2.1").refused(t, 401, apier.CodeUnauthorized)
	}
	limited := from("192.0.2.1")
	limited.refused(t, 429, apier.CodeRateLimited)
	if limited.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", limited.header.Get("Retry-After"))
	}
	from("192.0.2.2").refused(t, 401, apier.CodeUnauthorized)
	w.clock.advance(time.Second)
	from("192.0.2.1").refused(t, 401, apier.CodeUnauthorized)
}

func TestTicket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var ticket ticketAnswer
	w.do(t, "POST", "/api/ws-tickets", "", as(w.reader)...).want(t, 200, &ticket)
	if ticket.ExpiresIn != 30 {
		t.Errorf("expires in %d s", ticket.ExpiresIn)
	}
	id, err := w.auth.Ticket(t.Context(), ticket.Ticket)
	if err != nil || id.Tenant != auth.DefaultTenant || !id.Can(auth.ScopeRead) || id.Can(auth.ScopeWrite) {
		t.Errorf("identity %+v, %v", id, err)
	}
	w.do(t, "GET", "/api/events", "", as(ticket.Ticket)...).refused(t, 401, apier.CodeUnauthorized) // for the WebSocket only
	w.do(t, "POST", "/api/ws-tickets", "", "Authorization", "").refused(t, 401, apier.CodeUnauthorized)
}
