// Package auth tells who is calling: by an API key, by a JWT that was signed with the server's secret or by an
// issuer whose keys are known, or by a one-time ticket. It decides identity and permission and nothing else; no credential that passes through it is
// ever part of an error or a log line.
package auth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// The scopes of keys and tokens. Admin includes the others.
const (
	ScopeRead  = "events:read"
	ScopeWrite = "events:write"
	ScopeAdmin = "admin"
)

// AllScopes lists every scope there is.
func AllScopes() []string { return []string{ScopeRead, ScopeWrite, ScopeAdmin} }

// DefaultTenant is the tenant of credentials that name none.
const DefaultTenant apier.TenantID = "default"

// Identity is who is calling and what is permitted.
type Identity struct {
	Tenant    apier.TenantID
	Subject   string
	Scopes    []string
	Channels  []string  // patterns of channels; nil: all of the tenant
	KeyID     string    // the API key behind it; "": a token from elsewhere
	ExpiresAt time.Time // zero: an API key, which does not expire
}

// Can reports whether the identity has the scope.
func (id Identity) Can(scope string) bool {
	return slices.Contains(id.Scopes, scope) || slices.Contains(id.Scopes, ScopeAdmin)
}

// Keys is what the package needs of the store.
type Keys interface {
	KeyByHash(ctx context.Context, hash [32]byte) (store.Key, error)
	KeyByID(ctx context.Context, tenant apier.TenantID, id string) (store.Key, error)
}

// Options of an Authenticator.
type Options struct {
	TokenTTL time.Duration    // life of an issued token [1 hour]
	Recheck  time.Duration    // how long a key behind a token is trusted before it is looked up again [5 s]
	Now      func() time.Time // [time.Now]

	Issuer Issuer // of tokens from elsewhere [none]
}

// Issuer makes tokens elsewhere.
type Issuer struct {
	Keys     *KeySet // nil: there is no issuer
	Name     string  // "iss" of its tokens; "": any
	Audience string  // "aud" of its tokens: us. Whoever else it makes tokens for must not let their bearers in here
}

// Authenticator checks credentials. Its methods are safe for concurrent use.
type Authenticator struct {
	keys    Keys
	secret  []byte
	opt     Options
	parser  *jwt.Parser
	tickets *tickets

	mu      sync.Mutex
	checked map[keyRef]time.Time // keys seen in force by id, and when
	seen    map[[32]byte]seenKey // likewise by hash

	watches watches
}

type seenKey struct {
	id Identity
	at time.Time
}

type keyRef struct {
	tenant apier.TenantID
	id     string
}

const maxCheckedKeys = 10_000

// New makes an Authenticator that signs and checks tokens with secret (HS256, RFC 7518 section 3.2:
// 32 bytes or more).
func New(keys Keys, secret []byte, opt Options) *Authenticator {
	if opt.TokenTTL <= 0 {
		opt.TokenTTL = time.Hour
	}
	if opt.Recheck <= 0 {
		opt.Recheck = 5 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	methods := []string{hmacMethod}
	if opt.Issuer.Keys != nil {
		methods = append(methods, "RS256", "ES256", "EdDSA")
	}
	parser := jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithTimeFunc(opt.Now))
	return &Authenticator{keys: keys, secret: secret, opt: opt, parser: parser, tickets: newTickets(), checked: map[keyRef]time.Time{}, seen: map[[32]byte]seenKey{}}
}

// Credential checks an API key or a token.
func (a *Authenticator) Credential(ctx context.Context, credential string) (Identity, error) {
	if strings.HasPrefix(credential, KeyPrefix) {
		return a.Key(ctx, credential)
	}
	return a.Token(ctx, credential)
}

// Key checks an API key. A good answer is trusted for Options.Recheck, so that a busy sender does not cost a
// look into the database for each event.
func (a *Authenticator) Key(ctx context.Context, key string) (Identity, error) {
	hash, now := HashKey(key), a.opt.Now()
	a.mu.Lock()
	known, ok := a.seen[hash]
	a.mu.Unlock()
	switch {
	case ok && now.Sub(known.at) < a.opt.Recheck:
		return known.id, nil
	case !strings.HasPrefix(key, KeyPrefix):
		return Identity{}, errUnknownKey()
	}
	found, err := a.keys.KeyByHash(ctx, hash)
	if isNotFound(err) {
		return Identity{}, errUnknownKey()
	}
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Tenant: found.Tenant, Subject: found.ID, Scopes: found.Scopes, KeyID: found.ID}
	a.mu.Lock()
	defer a.mu.Unlock()
	remember(a.seen, hash, seenKey{id, now})
	return id, nil
}

func errUnknownKey() error {
	return apier.Errorf(apier.CodeUnauthorized, "The API key is unknown or revoked. List keys with: apier keys list")
}

// remember keeps an answer, and forgets all rather than grow without bound.
func remember[K comparable, V any](answers map[K]V, key K, value V) {
	if len(answers) >= maxCheckedKeys {
		clear(answers)
	}
	answers[key] = value
}

// Token checks a JWT: its signature, its expiry, and that the API key behind it is still in force.
func (a *Authenticator) Token(ctx context.Context, token string) (Identity, error) {
	if err := checkHeader(token); err != nil {
		return Identity{}, tokenError(err)
	}
	var c claims
	parsed, err := a.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return a.key(ctx, t) })
	if err != nil {
		return Identity{}, tokenError(err)
	}
	if parsed.Method.Alg() != hmacMethod {
		if err := a.fromIssuer(&c); err != nil {
			return Identity{}, tokenError(err)
		}
	}
	if c.Subject == "" {
		return Identity{}, apier.Errorf(apier.CodeUnauthorized, "The token has no \"sub\" claim.")
	}
	id := Identity{
		Tenant: apier.TenantID(c.Tenant), Subject: c.Subject, Scopes: []string{ScopeRead},
		Channels: c.Channels, KeyID: c.Key, ExpiresAt: c.ExpiresAt.Time,
	}
	if id.Tenant == "" {
		id.Tenant = DefaultTenant
	}
	if c.Scope != nil {
		id.Scopes = strings.Fields(*c.Scope)
	}
	return id, a.CheckKey(ctx, id)
}

// hmacMethod is for the server's own secret alone, and the secret for it alone, so that no public key is ever taken
// for a secret.
const hmacMethod = "HS256"

// key gives what a token's signature is checked with.
func (a *Authenticator) key(ctx context.Context, t *jwt.Token) (any, error) {
	if t.Method.Alg() == hmacMethod {
		return a.secret, nil
	}
	kid, _ := t.Header["kid"].(string)
	return a.opt.Issuer.Keys.Key(ctx, kid, t.Method.Alg())
}

// fromIssuer checks what a token from elsewhere must say. The claim of an API key is not its to make.
func (a *Authenticator) fromIssuer(c *claims) error {
	c.Key = ""
	checks := []jwt.ParserOption{jwt.WithTimeFunc(a.opt.Now)}
	if name := a.opt.Issuer.Name; name != "" {
		checks = append(checks, jwt.WithIssuer(name))
	}
	if audience := a.opt.Issuer.Audience; audience != "" {
		checks = append(checks, jwt.WithAudience(audience))
	}
	err := jwt.NewValidator(checks...).Validate(c)
	if errors.Is(err, jwt.ErrTokenRequiredClaimMissing) { // of these two: that of exp was looked at before
		return errForeign()
	}
	return err
}

func errForeign() error {
	return apier.Errorf(apier.CodeUnauthorized, "The token is not for this server, or not of its issuer: look at its \"aud\" and \"iss\" claims (--jwt-audience, --jwt-issuer).")
}

// CheckKey fails as unauthorized once the API key behind an identity is revoked. An answer is trusted
// for Options.Recheck.
func (a *Authenticator) CheckKey(ctx context.Context, id Identity) error {
	if id.KeyID == "" {
		return nil
	}
	ref, now := keyRef{id.Tenant, id.KeyID}, a.opt.Now()
	a.mu.Lock()
	seen, ok := a.checked[ref]
	a.mu.Unlock()
	if ok && now.Sub(seen) < a.opt.Recheck {
		return nil
	}
	if _, err := a.keys.KeyByID(ctx, id.Tenant, id.KeyID); err != nil {
		if isNotFound(err) {
			return apier.Errorf(apier.CodeUnauthorized, "The API key behind this token was revoked. Sign in with another key.")
		}
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	remember(a.checked, ref, now)
	return nil
}

// Issue signs a token for an identity, valid for Options.TokenTTL.
func (a *Authenticator) Issue(id Identity) (token string, expires time.Time, err error) {
	return a.IssueFor(id, a.opt.TokenTTL)
}

// IssueFor signs a token that is valid for ttl.
func (a *Authenticator) IssueFor(id Identity, ttl time.Duration) (token string, expires time.Time, err error) {
	now := a.opt.Now().Truncate(time.Second)
	expires = now.Add(ttl)
	scope := strings.Join(id.Scopes, " ")
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: id.Subject, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Tenant: string(id.Tenant), Scope: &scope, Channels: id.Channels, Key: id.KeyID,
	}
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(a.secret)
	return token, expires, err
}

// Refresh signs a new token for a live one that came from an API key. Tokens from elsewhere are not
// renewed: whoever made them decides how long they last.
func (a *Authenticator) Refresh(id Identity) (token string, expires time.Time, err error) {
	if id.KeyID == "" {
		return "", time.Time{}, apier.Errorf(apier.CodeForbidden, "Only tokens from POST /api/token are renewed here. Ask their issuer for a new one.")
	}
	return a.Issue(id)
}

func tokenError(err error) error {
	var (
		known *apier.Error
		bad   *malformedError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &bad):
		return apier.Errorf(apier.CodeUnauthorized, "The token is not a valid JWT: %v.", bad)
	case errors.Is(err, jwt.ErrTokenInvalidAudience), errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return errForeign()
	case errors.Is(err, jwt.ErrTokenExpired):
		return apier.Errorf(apier.CodeUnauthorized, "The token has expired. Get a new one from POST /api/token.")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return apier.Errorf(apier.CodeUnauthorized, "The token's signature does not hold: it was signed with another secret or algorithm.")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return apier.Errorf(apier.CodeUnauthorized, "The token has no \"exp\" claim; tokens without an end are refused.")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return apier.Errorf(apier.CodeUnauthorized, "The token is not valid yet: look at its \"nbf\" claim and at both clocks.")
	default:
		return apier.Errorf(apier.CodeUnauthorized, "The token is not a valid JWT.")
	}
}

func isNotFound(err error) bool {
	var e *apier.Error
	return errors.As(err, &e) && e.Code == apier.CodeNotFound
}
