package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// A client library for OAuth gets a token in each way it knows, and reads the errors.
func TestOAuthLibraryGetsAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	ctx := t.Context()
	for name, style := range map[string]oauth2.AuthStyle{"header": oauth2.AuthStyleInHeader, "params": oauth2.AuthStyleInParams, "auto": oauth2.AuthStyleAutoDetect} {
		config := clientcredentials.Config{ClientID: "api+ü", ClientSecret: w.key, TokenURL: w.url + "/api/token", AuthStyle: style}
		token, err := config.Token(ctx)
		if err != nil || !token.Valid() && token.Expiry.IsZero() || token.Type() != "Bearer" {
			t.Fatalf("%s: %+v, %v", name, token, err)
		}
		if id, err := w.auth.Token(ctx, token.AccessToken); err != nil || id.KeyID != w.keyID || !id.Can(auth.ScopeWrite) {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
		config.Scopes = []string{auth.ScopeRead}
		token, err = config.Token(ctx)
		if err != nil || token.Extra("scope") != auth.ScopeRead {
			t.Fatalf("%s: %+v, %v", name, token, err)
		}
		if id, err := w.auth.Token(ctx, token.AccessToken); err != nil || !id.Can(auth.ScopeRead) || id.Can(auth.ScopeWrite) {
			t.Errorf("%s, one scope: %+v, %v", name, id, err)
		}
		for change, want := range map[*clientcredentials.Config]string{
			{ClientID: "api", ClientSecret: w.key, Scopes: []string{auth.ScopeAdmin}}: "invalid_scope",
			{ClientID: "api", ClientSecret: w.key, Scopes: []string{"events:all"}}:    "invalid_scope",
			{ClientID: "api", ClientSecret: auth.GenerateKey()}:                       "invalid_client",
		} {
			change.TokenURL, change.AuthStyle = config.TokenURL, style
			_, err := change.Token(ctx)
			var retrieve *oauth2.RetrieveError
			if !errors.As(err, &retrieve) || retrieve.ErrorCode != want || retrieve.ErrorDescription == "" {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		}
	}
	password := oauth2.Config{ClientID: "api", Endpoint: oauth2.Endpoint{TokenURL: w.url + "/api/token"}}
	if token, err := password.PasswordCredentialsToken(ctx, "api", w.key); err != nil || token.AccessToken == "" {
		t.Errorf("password: %+v, %v", token, err)
	}
}

func TestCurlGetsAToken(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl here")
	}
	w := newWorld(t, worldOptions{})
	for _, args := range [][]string{
		{"-u", "api:" + w.key, "-d", "grant_type=client_credentials"},
		{"-d", "grant_type=client_credentials", "-d", "client_id=api", "--data-urlencode", "client_secret=" + w.key},
		{"-d", "username=api", "-d", "password=" + w.key},
	} {
		out, err := exec.CommandContext(t.Context(), curl, append(args, "-sS", w.url+"/api/token")...).Output()
		if err != nil || !strings.Contains(string(out), `"access_token":"`) {
			t.Errorf("%q: %s, %v", args[0], out, err)
		}
	}
}

type oauthProblem struct {
	Code        apier.Code
	Detail      string
	Error       string
	Description string `json:"error_description"`
}

// Each refusal has the word and the status of RFC 6749, beside the members of a problem.
func TestRefusalsOfTokensAreOAuthErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	good := basic("api", w.key)
	for _, c := range []struct {
		name, authorization, contentType, body string
		status                                 int
		word, says                             string
	}{
		{"unknown grant", "", formType, "grant_type=authorization_code&code=x", 400, "unsupported_grant_type", "authorization_code"},
		{"folded name", "", formType, "Grant_Type=client_credentials&client_secret=" + w.key, 401, "invalid_grant", ""},
		{"grant folded", good, formType, "grant_type=CLIENT_CREDENTIALS", 400, "unsupported_grant_type", ""},
		{"no grant with Basic", good, formType, "", 400, "invalid_request", "grant_type"},
		{"twice", good, formType, "grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request", "grant_type"},
		{"secret twice", good, formType, "grant_type=client_credentials&client_secret=" + w.key, 400, "invalid_request", "twice"},
		{"no secret", "", formType, "grant_type=client_credentials&client_id=api", 401, "invalid_client", ""},
		{"wrong secret", basic("api", auth.GenerateKey()), formType, "grant_type=client_credentials", 401, "invalid_client", ""},
		{"badly encoded secret", basic("api", "%zz"), formType, "grant_type=client_credentials", 401, "invalid_client", "encoded"},
		{"Basic that is none", "Basic !!!", formType, "grant_type=client_credentials", 401, "invalid_client", ""},
		{"key as bearer", "Bearer " + w.key, formType, "grant_type=client_credentials", 401, "invalid_client", ""},
		{"wrong password", "", formType, form("username", "api", "password", auth.GenerateKey()), 401, "invalid_client", ""},
		{"scope of others", good, formType, "grant_type=client_credentials&scope=events%3Aread+admin", 400, "invalid_scope", "admin"},
		{"scope folded", good, formType, "grant_type=client_credentials&scope=Events:read", 400, "invalid_scope", "Events:read"},
		{"JSON", "", "application/json", `{"username":"api"}`, 415, "invalid_request", formType},
		{"multipart", "", "multipart/form-data; boundary=x", "--x--", 415, "invalid_request", formType},
		{"no type", "", "", "grant_type=client_credentials", 415, "invalid_request", formType},
		{"bad type", "", "///", "grant_type=client_credentials", 415, "invalid_request", formType},
		{"broken form", "", formType, "username=%zz", 400, "invalid_request", formType},
	} {
		var p oauthProblem
		answer := w.do(t, "POST", "/api/token", c.body, "Authorization", c.authorization, "Content-Type", c.contentType)
		answer.want(t, c.status, &p)
		if p.Error != c.word || p.Detail == "" || p.Code == "" || !strings.Contains(p.Description, c.says) || strings.ContainsAny(p.Description, "\"\\\n") {
			t.Errorf("%s: %s", c.name, answer.body)
		}
		challenge := answer.header.Get("WWW-Authenticate")
		scheme := map[bool]string{true: "Basic ", false: "Bearer "}[strings.HasPrefix(c.authorization, "Basic a") || strings.HasPrefix(c.authorization, "Basic Y")]
		if c.status != 401 && challenge != "" || c.status == 401 && !strings.HasPrefix(challenge, scheme) {
			t.Errorf("%s: WWW-Authenticate %q", c.name, challenge)
		}
		if answer.header.Get("Cache-Control") != "no-store" || answer.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v", c.name, answer.header)
		}
	}
	encoded := strings.ReplaceAll(url.QueryEscape(w.key), "_", "%5F")
	answer := w.do(t, "POST", "/api/token", "grant_type=client_credentials&scope=&client_id=x", "Authorization", basic("my%20client", encoded), "Content-Type", formType+"; charset=UTF-8")
	var token tokenAnswer
	answer.want(t, 200, &token)
	if token.TokenType != "bearer" || token.ExpiresIn != 3600 || token.Scope != "events:read events:write" ||
		answer.header.Get("Cache-Control") != "no-store" || answer.header.Get("Pragma") != "no-cache" || answer.header.Get("WWW-Authenticate") != "" {
		t.Errorf("%s %v", answer.body, answer.header)
	}
}

// A fleet behind one address signs in at once, also while one of it goes on with a wrong key.
func TestOnlyFailedLoginsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{TokensPerSec: 5, ClientAddr: func(*http.Request) string { return "192.0.2.1" }}})
	wrong, limited := form("username", "api", "password", auth.GenerateKey()), 0
	for i := range 60 {
		w.token(t, form("username", "api", "password", w.key)).want(t, 200, nil)
		answer := w.token(t, wrong)
		switch {
		case i < 20: // four seconds' worth at once
			answer.refused(t, 401, apier.CodeUnauthorized)
		default:
			limited++
			answer.refused(t, 429, apier.CodeRateLimited)
			if answer.header.Get("Retry-After") != "1" || !strings.Contains(string(answer.body), `"error":"temporarily_unavailable"`) {
				t.Errorf("%s %v", answer.body, answer.header)
			}
		}
	}
	if limited != 40 {
		t.Errorf("%d failures were limited, want 40", limited)
	}
}

// oneKey knows one key and counts how often it is asked.
type oneKey struct {
	hash  [32]byte
	asked atomic.Int64
}

func (k *oneKey) KeyByHash(_ context.Context, hash [32]byte) (store.Key, error) {
	k.asked.Add(1)
	if hash != k.hash {
		return store.Key{}, apier.Errorf(apier.CodeNotFound, "There is no such key.")
	}
	return store.Key{ID: "key_1", Tenant: auth.DefaultTenant, Scopes: []string{auth.ScopeRead}}, nil
}

func (k *oneKey) KeyByID(context.Context, apier.TenantID, string) (store.Key, error) {
	return store.Key{}, nil
}

// What guesses cost is bounded: beyond that no key of the address is looked at, until a second has passed.
func TestGuessesOfKeysAreBounded(t *testing.T) {
	t.Parallel()
	good := auth.GenerateKey()
	keys := &oneKey{hash: auth.HashKey(good)}
	w := newWorld(t, worldOptions{keys: keys, api: Options{TokensPerSec: 1, ClientAddr: func(r *http.Request) string { return r.Header.Get("X-From") }}})
	from := func(address, key string) reply {
		return w.do(t, "POST", "/api/token", form("username", "api", "password", key), "Authorization", "", "Content-Type", formType, "X-From", address)
	}
	for range 200 {
		if status := from("192.0.2.1", auth.GenerateKey()).status; status != 401 && status != 429 {
			t.Fatal(status)
		}
	}
	if n, most := keys.asked.Load(), int64(4+2*guessFactor); n != most {
		t.Errorf("%d keys were looked up, want %d", n, most)
	}
	from("192.0.2.1", good).refused(t, 429, apier.CodeRateLimited)
	from("192.0.2.2", good).want(t, 200, nil)
	w.clock.advance(time.Second)
	from("192.0.2.1", good).want(t, 200, nil)
}
