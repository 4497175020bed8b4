package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const secret = "the-secret-that-signs-tokens-and-stays-inside"

var errDisk = errors.New("disk on fire")

// fakeKeys keeps keys in memory and counts how often it is asked.
type fakeKeys struct {
	mu     sync.Mutex
	byHash map[[32]byte]store.Key
	asked  int
	err    error
}

func (f *fakeKeys) add(key string, tenant apier.TenantID, scopes ...string) store.Key {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byHash == nil {
		f.byHash = map[[32]byte]store.Key{}
	}
	d := Describe(key, "test", scopes)
	k := store.Key{ID: d.ID, Tenant: tenant, Scopes: scopes}
	f.byHash[d.Hash] = k
	return k
}

func (f *fakeKeys) revoke(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byHash, HashKey(key))
}

func (f *fakeKeys) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeKeys) find(match func([32]byte, store.Key) bool) (store.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.err != nil {
		return store.Key{}, fmt.Errorf("read key: %w", f.err)
	}
	for hash, k := range f.byHash {
		if match(hash, k) {
			return k, nil
		}
	}
	return store.Key{}, fmt.Errorf("read key: %w", apier.Errorf(apier.CodeNotFound, "There is no such key."))
}

func (f *fakeKeys) KeyByHash(_ context.Context, hash [32]byte) (store.Key, error) {
	return f.find(func(h [32]byte, _ store.Key) bool { return h == hash })
}

func (f *fakeKeys) KeyByID(_ context.Context, tenant apier.TenantID, id string) (store.Key, error) {
	return f.find(func(_ [32]byte, k store.Key) bool { return k.Tenant == tenant && k.ID == id })
}

// watch is a clock that a test moves.
type watch struct {
	mu  sync.Mutex
	now time.Time
}

func (w *watch) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *watch) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newAuth() (*Authenticator, *fakeKeys, *watch) {
	keys, clock := &fakeKeys{}, &watch{now: time.Date(2025, 11, 14, 17, 30, 0, 0, time.UTC)}
	return New(keys, []byte(secret), Options{Now: clock.Now}), keys, clock
}

// unauthorized checks that err is a refusal that shows nothing of the credential, and gives its words.
func unauthorized(t *testing.T, err error, credential string) (says string) {
	t.Helper()
	var e *apier.Error
	if !errors.As(err, &e) || e.Code != apier.CodeUnauthorized || e.Message == "" {
		t.Fatalf("want unauthorized, got %v", err)
	}
	for part := range strings.SplitSeq(credential, ".") {
		if len(part) > 8 && strings.Contains(err.Error(), part) {
			t.Errorf("the error holds the credential: %v", err)
		}
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds the secret: %v", err)
	}
	return e.Message
}

func sign(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// raw signs any header and any claims with the right secret.
func raw(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

func TestBadTokens(t *testing.T) {
	t.Parallel()
	a, _, clock := newAuth()
	now := clock.Now()
	fine := jwt.MapClaims{"sub": "u", "exp": now.Add(time.Hour).Unix(), "scope": "admin"}
	with := func(name string, value any) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "u", "exp": now.Add(time.Hour).Unix(), "scope": "admin", name: value}
		if value == nil {
			delete(c, name)
		}
		return c
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(c jwt.MapClaims) string { return sign(t, jwt.SigningMethodHS256, []byte(secret), c) }
	if _, err := a.Token(t.Context(), hs256(fine)); err != nil {
		t.Fatalf("the token that all others differ from: %v", err)
	}
	body, _, _ := strings.Cut(strings.TrimPrefix(hs256(fine), "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."), ".")
	for _, tc := range []struct{ name, token, says string }{
		{"empty", "", ""},
		{"no JWT", "hello", ""},
		{"two parts", "eyJhbGciOiJIUzI1NiJ9." + body, ""},
		{"four parts", hs256(fine) + ".x", ""},
		{"bad base64", "eyJhbGciOiJIUzI1NiJ9.*.*", ""},
		{"alg none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, fine), "signature"},
		{"alg None, signed", raw(`{"alg":"None"}`, `{"sub":"u","exp":9999999999}`), ""},
		{"no alg", raw(`{"typ":"JWT"}`, `{"sub":"u","exp":9999999999}`), ""},
		{"alg HS256 without signature", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + body + ".", "signature"},
		{"other secret", sign(t, jwt.SigningMethodHS256, []byte("another secret that is long enough"), fine), "signature"},
		{"empty secret", sign(t, jwt.SigningMethodHS256, []byte{}, fine), "signature"},
		{"HS512, right secret", sign(t, jwt.SigningMethodHS512, []byte(secret), fine), "signature"},
		{"RS256", sign(t, jwt.SigningMethodRS256, rsaKey, fine), "signature"},
		{"RS256 header over an HMAC", raw(`{"alg":"RS256","typ":"JWT"}`, `{"sub":"u","exp":9999999999}`), "signature"},
		{"HMAC with a public key", sign(t, jwt.SigningMethodHS256, x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), fine), "signature"},
		{"changed claims", strings.Replace(hs256(fine), body, base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root","exp":9999999999,"scope":"admin"}`)), 1), "signature"},
		{"no exp", hs256(with("exp", nil)), `"exp"`},
		{"exp null", raw(`{"alg":"HS256"}`, `{"sub":"u","exp":null}`), `"exp"`},
		{"exp in words", hs256(with("exp", "soon")), ""},
		{"expired", hs256(with("exp", now.Add(-time.Second).Unix())), "expired"},
		{"expires now", hs256(with("exp", now.Unix())), "expired"},
		{"nbf in the future", hs256(with("nbf", now.Add(time.Minute).Unix())), `"nbf"`},
		{"no sub", hs256(with("sub", nil)), `"sub"`},
		{"empty sub", hs256(with("sub", "")), `"sub"`},
		{"sub a number", hs256(with("sub", 7)), ""},
		{"scope an array", hs256(with("scope", []string{"admin"})), ""},
		{"channels a string", hs256(with("channels", "events")), ""},
		{"tenant a number", hs256(with("tenant", 7)), ""},
		{"claims an array", raw(`{"alg":"HS256"}`, `[]`), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, check := range []func(context.Context, string) (Identity, error){a.Token, a.Credential} {
				id, err := check(t.Context(), tc.token)
				says := unauthorized(t, err, tc.token)
				if !strings.Contains(says, tc.says) {
					t.Errorf("%q does not tell of %s", says, tc.says)
				}
				if !reflect.DeepEqual(id, Identity{}) {
					t.Errorf("a refused token gives %+v", id)
				}
			}
		})
	}
}

func TestTokenEndsOnTime(t *testing.T) {
	t.Parallel()
	a, _, clock := newAuth()
	token, expires, err := a.IssueFor(Identity{Subject: "u"}, time.Minute)
	if err != nil || !expires.Equal(clock.Now().Add(time.Minute)) {
		t.Fatal(expires, err)
	}
	clock.advance(time.Minute - time.Second)
	if id, err := a.Token(t.Context(), token); err != nil || !id.ExpiresAt.Equal(expires) {
		t.Errorf("a second before: %+v, %v", id, err)
	}
	clock.advance(time.Second)
	_, err = a.Token(t.Context(), token)
	unauthorized(t, err, token)
}

func TestClaims(t *testing.T) {
	t.Parallel()
	a, _, _ := newAuth()
	for claims, want := range map[string]Identity{
		`{}`:                            {Tenant: DefaultTenant, Scopes: []string{ScopeRead}},
		`{"scope":null}`:                {Tenant: DefaultTenant, Scopes: []string{ScopeRead}},
		`{"scope":""}`:                  {Tenant: DefaultTenant, Scopes: []string{}},
		`{"scope":"  "}`:                {Tenant: DefaultTenant, Scopes: []string{}},
		`{"scope":"events:write  x"}`:   {Tenant: DefaultTenant, Scopes: []string{"events:write", "x"}},
		`{"tenant":"acme"}`:             {Tenant: "acme", Scopes: []string{ScopeRead}},
		`{"channels":null}`:             {Tenant: DefaultTenant, Scopes: []string{ScopeRead}},
		`{"channels":[]}`:               {Tenant: DefaultTenant, Scopes: []string{ScopeRead}, Channels: []string{}},
		`{"channels":["events:a.*"]}`:   {Tenant: DefaultTenant, Scopes: []string{ScopeRead}, Channels: []string{"events:a.*"}},
		`{"aud":["x"],"jti":"1","x":1}`: {Tenant: DefaultTenant, Scopes: []string{ScopeRead}},
	} {
		id, err := a.Token(t.Context(), raw(`{"alg":"HS256"}`, strings.Replace(strings.Replace(claims, "{", `{"sub":"u","exp":9999999999,`, 1), ",}", "}", 1)))
		if err != nil {
			t.Errorf("%s: %v", claims, err)
			continue
		}
		want.Subject, want.ExpiresAt = "u", time.Unix(9999999999, 0)
		if !reflect.DeepEqual(id, want) {
			t.Errorf("%s: got %+v, want %+v", claims, id, want)
		}
	}
}

func TestIssueKeepsTheIdentity(t *testing.T) {
	t.Parallel()
	a, keys, clock := newAuth()
	k := keys.add("apier_k", "acme", ScopeRead)
	for _, id := range []Identity{
		{Tenant: "acme", Subject: "u", Scopes: []string{ScopeRead, ScopeWrite}},
		{Tenant: "acme", Subject: "u", Scopes: []string{}},
		{Tenant: "acme", Subject: "u", Scopes: []string{ScopeAdmin}, Channels: []string{}},
		{Tenant: "acme", Subject: "u", Scopes: []string{ScopeRead}, Channels: []string{"events:a.*", "metrics"}},
		{Tenant: "acme", Subject: k.ID, Scopes: []string{ScopeRead}, KeyID: k.ID},
	} {
		token, expires, err := a.Issue(id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Credential(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if !got.ExpiresAt.Equal(expires) || !expires.Equal(clock.Now().Add(time.Hour)) {
			t.Errorf("expires %v and %v", expires, got.ExpiresAt)
		}
		got.ExpiresAt = time.Time{}
		if !reflect.DeepEqual(got, id) {
			t.Errorf("got %+v, want %+v", got, id)
		}
	}
}

func TestCan(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		scopes string
		scope  string
		want   bool
	}{
		{"", ScopeRead, false},
		{"events:read", ScopeRead, true},
		{"events:read", ScopeWrite, false},
		{"events:read", ScopeAdmin, false},
		{"events:write", ScopeRead, false},
		{"admin", ScopeWrite, true},
		{"administrator events", ScopeRead, false},
	} {
		if got := (Identity{Scopes: strings.Fields(tc.scopes)}).Can(tc.scope); got != tc.want {
			t.Errorf("%q can %s: %v", tc.scopes, tc.scope, got)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	a, keys, clock := newAuth()
	key := GenerateKey()
	_, err := a.Credential(t.Context(), key)
	unauthorized(t, err, key)
	k := keys.add(key, "acme", ScopeWrite) // a refusal is not remembered
	want := Identity{Tenant: "acme", Subject: k.ID, Scopes: []string{ScopeWrite}, KeyID: k.ID}
	for range 3 {
		if id, err := a.Credential(t.Context(), key); err != nil || !reflect.DeepEqual(id, want) {
			t.Fatalf("%+v, %v", id, err)
		}
	}
	if keys.asked != 2 {
		t.Errorf("the store was asked %d times", keys.asked)
	}
	keys.revoke(key)
	clock.advance(5*time.Second - 1)
	if _, err := a.Key(t.Context(), key); err != nil {
		t.Errorf("within Recheck: %v", err)
	}
	clock.advance(1)
	_, err = a.Key(t.Context(), key)
	unauthorized(t, err, key)
}

func TestTokenOfARevokedKey(t *testing.T) {
	t.Parallel()
	a, keys, clock := newAuth()
	key := GenerateKey()
	keys.add(key, "acme", ScopeRead)
	id, err := a.Key(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.Issue(id)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := a.Token(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if keys.asked != 2 {
		t.Errorf("the store was asked %d times", keys.asked)
	}
	keys.revoke(key)
	clock.advance(5 * time.Second)
	_, err = a.Token(t.Context(), token)
	unauthorized(t, err, token)
	unauthorized(t, a.CheckKey(t.Context(), id), token)
	elsewhere := id
	elsewhere.Tenant = "other"
	unauthorized(t, a.CheckKey(t.Context(), elsewhere), token)
}

func TestKeysOfAnotherTenantDoNotCount(t *testing.T) {
	t.Parallel()
	a, keys, _ := newAuth()
	k := keys.add("apier_k", "acme", ScopeRead)
	if err := a.CheckKey(t.Context(), Identity{Tenant: "acme", KeyID: k.ID}); err != nil {
		t.Fatal(err)
	}
	unauthorized(t, a.CheckKey(t.Context(), Identity{Tenant: "other", KeyID: k.ID}), "")
}

// TestStoreFailureIsNoRefusal: a client that is told 401 throws its token away.
func TestStoreFailureIsNoRefusal(t *testing.T) {
	t.Parallel()
	a, keys, clock := newAuth()
	key := GenerateKey()
	keys.add(key, "acme", ScopeRead)
	id, err := a.Key(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.Issue(id)
	if err != nil {
		t.Fatal(err)
	}
	keys.fail(errDisk)
	clock.advance(time.Minute)
	for _, credential := range []string{key, token} {
		if _, err := a.Credential(t.Context(), credential); !errors.Is(err, errDisk) || apier.AsError(err).Code != apier.CodeInternal {
			t.Errorf("got %v", err)
		}
	}
	keys.fail(nil)
	for _, credential := range []string{key, token} {
		if _, err := a.Credential(t.Context(), credential); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	a, keys, clock := newAuth()
	k := keys.add("apier_k", "acme", ScopeWrite)
	id := Identity{Tenant: "acme", Subject: k.ID, Scopes: []string{ScopeWrite}, Channels: []string{"metrics"}, KeyID: k.ID}
	clock.advance(time.Minute)
	token, expires, err := a.Refresh(id)
	if err != nil || !expires.Equal(clock.Now().Add(time.Hour)) {
		t.Fatal(expires, err)
	}
	got, err := a.Token(t.Context(), token)
	if err != nil || !slices.Equal(got.Channels, id.Channels) || !slices.Equal(got.Scopes, id.Scopes) || got.Subject != id.Subject {
		t.Errorf("%+v, %v", got, err)
	}
	id.KeyID = ""
	if token, _, err := a.Refresh(id); apier.AsError(err).Code != apier.CodeForbidden || token != "" {
		t.Errorf("a token from elsewhere: %q, %v", token, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	a, keys, _ := newAuth()
	for i := range maxCheckedKeys + 10 {
		remember(a.seen, HashKey(fmt.Sprint(i)), seenKey{})
		remember(a.checked, keyRef{"t", fmt.Sprint(i)}, time.Time{})
	}
	if len(a.seen) > maxCheckedKeys || len(a.checked) > maxCheckedKeys {
		t.Errorf("%d and %d answers", len(a.seen), len(a.checked))
	}
	for i := range 100 { // whoever guesses keys fills nothing
		_, err := a.Key(t.Context(), KeyPrefix+fmt.Sprint(i))
		unauthorized(t, err, "")
	}
	if len(a.seen) > 10 || keys.asked != 100 {
		t.Errorf("%d answers after %d questions", len(a.seen), keys.asked)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	a, keys, clock := newAuth()
	key := GenerateKey()
	keys.add(key, "acme", ScopeRead)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				id, err := a.Credential(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				token, _, err := a.Issue(id)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := a.Credential(t.Context(), token); err != nil {
					t.Error(err)
				}
				clock.advance(time.Second)
			}
		})
	}
	wg.Wait()
}
