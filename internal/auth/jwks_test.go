package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/apier/apier"
)

// issuer is a local issuer of tokens with a JWKS.
type issuer struct {
	mu      sync.Mutex
	set     jose.JSONWebKeySet
	body    string // instead of the set
	status  int
	fetched int
	url     string
}

func newIssuer(t *testing.T, keys ...jose.JSONWebKey) *issuer {
	t.Helper()
	i := &issuer{status: http.StatusOK, set: jose.JSONWebKeySet{Keys: keys}}
	web := httptest.NewServer(i)
	i.url = web.URL
	t.Cleanup(web.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetched++
	if i.status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(i.status)
	if i.body != "" {
		_, _ = w.Write([]byte(i.body))
		return
	}
	_ = json.NewEncoder(w).Encode(i.set)
}

func (i *issuer) become(status int, body string, keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status, i.body, i.set.Keys = status, body, keys
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetched
}

func (i *issuer) auth(t *testing.T) (*Authenticator, *watch) {
	t.Helper()
	clock := &watch{now: time.Date(2025, 11, 14, 17, 30, 0, 0, time.UTC)}
	set := NewKeySet(i.url, time.Hour, slog.New(slog.DiscardHandler))
	set.now = clock.Now
	t.Cleanup(set.client.CloseIdleConnections)
	return New(&fakeKeys{}, []byte(secret), Options{Now: clock.Now, Issuer: Issuer{Keys: set, Name: "https://id.example", Audience: "apier"}}), clock
}

func public(kid string, key crypto.PublicKey) jose.JSONWebKey {
	return jose.JSONWebKey{KeyID: kid, Key: key}
}

func issued(t *testing.T, method jwt.SigningMethod, kid string, key any, change func(jwt.MapClaims)) string {
	t.Helper()
	c := jwt.MapClaims{
		"sub": "alice", "tenant": "shop", "iss": "https://id.example", "aud": []string{"apier", "other"},
		"exp": time.Date(2025, 11, 14, 18, 0, 0, 0, time.UTC).Unix(),
	}
	if change != nil {
		change(c)
	}
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type signers struct {
	rsa  *rsa.PrivateKey
	ec   *ecdsa.PrivateKey
	okp  ed25519.PrivateKey
	weak *rsa.PrivateKey
}

// makeSigners makes keys of each kind.
func makeSigners(t *testing.T) (s signers) {
	t.Helper()
	var err [4]error
	s.rsa, err[0] = rsa.GenerateKey(rand.Reader, 2048)
	s.ec, err[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, s.okp, err[2] = ed25519.GenerateKey(rand.Reader)
	s.weak, err[3] = rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // to be refused
	for _, e := range err {
		if e != nil {
			t.Fatal(e)
		}
	}
	return s
}

func TestTokensOfAnIssuer(t *testing.T) {
	t.Parallel()
	k := makeSigners(t)
	i := newIssuer(t, public("r", &k.rsa.PublicKey), public("e", &k.ec.PublicKey), public("o", k.okp.Public()), public("weak", &k.weak.PublicKey))
	a, clock := i.auth(t)
	pemKey, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pemKey})
	for name, token := range map[string]string{
		"RS256":            issued(t, jwt.SigningMethodRS256, "r", k.rsa, nil),
		"ES256":            issued(t, jwt.SigningMethodES256, "e", k.ec, nil),
		"EdDSA":            issued(t, jwt.SigningMethodEdDSA, "o", k.okp, nil),
		"names no key":     issued(t, jwt.SigningMethodES256, "", k.ec, nil),
		"of a clock ahead": issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { c["nbf"] = clock.Now().Add(20 * time.Second).Unix() }),
		"audience as text": issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { c["aud"] = "apier" }),
	} {
		id, err := a.Credential(t.Context(), token)
		if err != nil || id.Subject != "alice" || id.Tenant != "shop" || !id.Can(ScopeRead) || id.Can(ScopeWrite) || id.KeyID != "" {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	for name, token := range map[string]string{
		"alg none":                     issued(t, jwt.SigningMethodNone, "r", jwt.UnsafeAllowNoneSignatureType, nil),
		"HS256 with the public key":    issued(t, jwt.SigningMethodHS256, "r", asPEM, nil),
		"HS256 with its DER":           issued(t, jwt.SigningMethodHS256, "r", pemKey, nil),
		"another algorithm of the key": issued(t, jwt.SigningMethodRS512, "r", k.rsa, nil),
		"PS256":                        issued(t, jwt.SigningMethodPS256, "r", k.rsa, nil),
		"the kid of another kind":      issued(t, jwt.SigningMethodES256, "r", k.ec, nil),
		"a key that is not the kid's":  issued(t, jwt.SigningMethodES256, "e", otherEC(t), nil),
		"a weak key":                   issued(t, jwt.SigningMethodRS256, "weak", k.weak, nil),
		"an unknown kid":               issued(t, jwt.SigningMethodRS256, "unknown", k.rsa, nil),
		"another audience":             issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { c["aud"] = "other" }),
		"no audience":                  issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { delete(c, "aud") }),
		"another issuer":               issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }),
		"no issuer":                    issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { delete(c, "iss") }),
		"no end":                       issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { delete(c, "exp") }),
		"not yet":                      issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { c["nbf"] = clock.Now().Add(time.Minute).Unix() }),
		"expired":                      issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { c["exp"] = 1 }),
		"no subject":                   issued(t, jwt.SigningMethodES256, "e", k.ec, func(c jwt.MapClaims) { delete(c, "sub") }),
		"one letter of the signature":  flip(issued(t, jwt.SigningMethodEdDSA, "o", k.okp, nil)),
	} {
		_, err := a.Credential(t.Context(), token)
		says := unauthorized(t, errorNamed(name, err), token)
		for claim, tells := range map[string]bool{`"aud"`: strings.HasSuffix(name, "audience"), `"iss"`: strings.HasSuffix(name, "issuer"), `"exp"`: name == "no end"} {
			if tells && !strings.Contains(says, claim) {
				t.Errorf("%s: %q does not tell of %s", name, says, claim)
			}
		}
	}
}

func errorNamed(name string, err error) error {
	if err == nil {
		return &apier.Error{Code: apier.CodeInternal, Message: name + " is let in"}
	}
	return err
}

func otherEC(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func flip(token string) string {
	i := strings.LastIndex(token, ".") + 3
	other := byte('A')
	if token[i] == 'A' {
		other = 'B'
	}
	return token[:i] + string(other) + token[i+1:]
}

// The issuer's word on an API key counts for nothing: a token of its could be renewed here for ever.
func TestAnIssuerCannotNameAnAPIKey(t *testing.T) {
	t.Parallel()
	key := otherEC(t)
	a, _ := newIssuer(t, public("e", &key.PublicKey)).auth(t)
	id, err := a.Credential(t.Context(), issued(t, jwt.SigningMethodES256, "e", key, func(c jwt.MapClaims) { c["key"] = "key_1" }))
	if err != nil || id.KeyID != "" {
		t.Fatalf("%+v, %v", id, err)
	}
	if _, _, err := a.Refresh(id); apier.AsError(err).Code != apier.CodeForbidden {
		t.Errorf("renewed: %v", err)
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	first, second := otherEC(t), otherEC(t)
	i := newIssuer(t, public("1", &first.PublicKey))
	a, clock := i.auth(t)
	old, fresh := issued(t, jwt.SigningMethodES256, "1", first, nil), issued(t, jwt.SigningMethodES256, "2", second, nil)
	use := func(token string) apier.Code {
		_, err := a.Credential(t.Context(), token)
		if err == nil {
			return ""
		}
		return apier.AsError(err).Code
	}
	if got := use(old); got != "" {
		t.Fatal(got)
	}
	i.become(http.StatusOK, "", public("2", &second.PublicKey))
	for range 100 { // whoever sends made-up names makes the issuer no work
		if got := use(fresh); got != apier.CodeUnauthorized {
			t.Fatalf("before the cooldown has passed: %q", got)
		}
	}
	if n := i.count(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	clock.advance(keySetCooldown)
	if got := use(fresh); got != "" {
		t.Errorf("the new key: %s", got)
	}
	if got := use(old); got != apier.CodeUnauthorized {
		t.Errorf("the issuer has withdrawn the old key, and it still counts: %q", got)
	}
}

func TestAnOutageOfTheIssuer(t *testing.T) {
	t.Parallel()
	known, fresh := otherEC(t), otherEC(t)
	i := newIssuer(t)
	a, clock := i.auth(t)
	use := func(kid string, key *ecdsa.PrivateKey, want apier.Code) {
		t.Helper()
		clock.advance(keySetCooldown)
		_, err := a.Credential(t.Context(), issued(t, jwt.SigningMethodES256, kid, key, nil))
		if got := apier.AsError(err); err == nil && want != "" || err != nil && got.Code != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	own, _, err := a.Issue(Identity{Tenant: "t", Subject: "u", Scopes: []string{ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	i.become(http.StatusInternalServerError, "")
	use("1", known, apier.CodeUnavailable) // no key is known yet: nobody can say
	i.become(http.StatusOK, "", public("1", &known.PublicKey))
	use("1", known, "")
	for name, outage := range map[string]struct {
		status int
		body   string
	}{
		"an error": {http.StatusInternalServerError, ""}, "no JSON": {http.StatusOK, "<html>"}, "no keys": {http.StatusOK, `{"keys":[]}`},
		"somewhere else": {http.StatusFound, ""}, "too long": {http.StatusOK, `{"keys":[]` + strings.Repeat(" ", maxKeySet) + `}`},
		"only a secret": {http.StatusOK, `{"keys":[{"kty":"oct","kid":"1","k":"c2VjcmV0","alg":"HS256"}]}`},
	} {
		t.Log(name)
		i.become(outage.status, outage.body)
		use("1", known, "")
		use("2", fresh, apier.CodeUnavailable)
		if _, err := a.Credential(t.Context(), own); err != nil {
			t.Errorf("a token of our own: %v", err)
		}
	}
	i.become(http.StatusOK, "", public("2", &fresh.PublicKey))
	use("2", fresh, "")
	use("1", known, apier.CodeUnauthorized)
}

func TestRunFetchesAtOnceAndEnds(t *testing.T) {
	t.Parallel()
	key := otherEC(t)
	i := newIssuer(t, public("1", &key.PublicKey))
	set := NewKeySet(i.url, time.Millisecond, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); set.Run(ctx) }()
	for i.count() < 3 {
		time.Sleep(time.Millisecond)
	}
	stop()
	<-done
	if _, final := set.find("1", "ES256"); !final {
		t.Error("the key is not known")
	}
}

// Many ask for a key that is not known at the same time: one fetch serves them all.
func TestOneFetchForAll(t *testing.T) {
	t.Parallel()
	key := otherEC(t)
	i := newIssuer(t, public("1", &key.PublicKey))
	a, _ := i.auth(t)
	token := issued(t, jwt.SigningMethodES256, "1", key, nil)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := a.Credential(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := i.count(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

// An issuer that switches to another protocol, or says nothing for ever, holds nobody up.
func TestAnIssuerThatHangs(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
		_, _ = conn.Read(make([]byte, 1)) // until the other side closes it
		close(closed)
	}))
	defer web.Close()
	set := NewKeySet(web.URL, time.Hour, slog.New(slog.DiscardHandler))
	if _, err := set.Key(t.Context(), "1", "ES256"); apier.AsError(err).Code != apier.CodeUnavailable {
		t.Errorf("101: %v", err)
	}
	<-closed
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		set := NewKeySet("http://issuer.example", time.Hour, slog.New(slog.DiscardHandler))
		set.client.Transport = hangs(release)
		if _, err := set.Key(t.Context(), "1", "ES256"); apier.AsError(err).Code != apier.CodeUnavailable {
			t.Errorf("silence: %v", err)
		}
	})
}

// hangs is a transport that answers no request before it ends, not even one whose time is over.
type hangs chan struct{}

func (h hangs) RoundTrip(*http.Request) (*http.Response, error) {
	<-h
	return nil, http.ErrServerClosed
}
