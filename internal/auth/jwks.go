package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/strictjson"
)

const (
	maxKeySet      = 1 << 20 // bytes
	minRSABits     = 2048    // RFC 7518, section 3.3
	keySetTimeout  = 5 * time.Second
	keySetGrace    = time.Second      // after which a fetch that does not end is given up
	keySetCooldown = 10 * time.Second // between fetches for the sake of a key that is not known
	keySetRetry    = 2 * time.Second  // while no key is known at all
)

// KeySet is the public keys of an issuer of tokens, from its JWKS (RFC 7517). Keys stay in force until the issuer
// itself gives a set without them: one that cannot be reached lets nobody in whose key is not known, and locks
// nobody out whose key is. Make it by NewKeySet and run it by Run.
type KeySet struct {
	url    string
	every  time.Duration
	now    func() time.Time
	log    *slog.Logger
	client *http.Client

	mu      sync.Mutex
	keys    map[keyName]crypto.PublicKey
	failed  bool          // the latest fetch did
	fetched time.Time     // begin of the latest
	flight  chan struct{} // closed at the end of the one that is on its way
}

type keyName struct{ kid, alg string }

// NewKeySet makes a set that is fetched from url, and again each time every has passed.
func NewKeySet(url string, every time.Duration, log *slog.Logger) *KeySet {
	return &KeySet{
		url: url, every: every, now: time.Now, log: log, keys: map[keyName]crypto.PublicKey{},
		client: &http.Client{
			Timeout:       keySetTimeout,
			Transport:     keySetTransport(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// keySetTransport makes a connection for each fetch, which ends by itself when the fetch is over its time: what comes after
// an answer of 101 would end with nothing else.
func keySetTransport() *http.Transport {
	dialer := net.Dialer{Timeout: keySetTimeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true, TLSHandshakeTimeout: keySetTimeout,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				err = conn.SetDeadline(time.Now().Add(keySetTimeout))
			}
			return conn, err
		},
	}
}

// Run keeps the set fresh until ctx ends.
func (s *KeySet) Run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	for {
		s.fetch(ctx, 0)
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.pause()):
		}
	}
}

func (s *KeySet) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.keys) == 0:
		return keySetRetry
	case s.failed:
		return min(keySetCooldown, s.every)
	}
	return s.every
}

// Key gives the key by which a token was signed. A key that is not known is looked for at the issuer, by all who ask
// together and once in a while. Where that fails, nobody can say whether the token is good: unavailable.
func (s *KeySet) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	key, final := s.find(kid, alg)
	if final {
		return orUnknown(key)
	}
	s.fetch(context.WithoutCancel(ctx), keySetCooldown) // others wait for it too
	if key, _ = s.find(kid, alg); key == nil && s.inDoubt() {
		return nil, apier.Errorf(apier.CodeUnavailable, "The keys of the token's issuer cannot be fetched (--jwks-url). Try again in a moment.")
	}
	return orUnknown(key)
}

func orUnknown(key crypto.PublicKey) (crypto.PublicKey, error) {
	if key == nil {
		return nil, apier.Errorf(apier.CodeUnauthorized, "The token was signed by a key that its issuer does not have, or with another algorithm than the key's.")
	}
	return key, nil
}

func (s *KeySet) inDoubt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed || len(s.keys) == 0
}

// find looks a key up; final says that asking the issuer would not help. A token that names no key is held against
// the only one of its algorithm.
func (s *KeySet) find(kid, alg string) (key crypto.PublicKey, final bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.keys[keyName{kid, alg}]; key != nil {
		return key, true
	}
	found := 0
	for name, k := range s.keys {
		switch {
		case kid != "" && name.kid == kid: // of another algorithm: it is pinned to its key
			return nil, true
		case kid == "" && name.alg == alg:
			key, found = k, found+1
		}
	}
	if found != 1 {
		return nil, found > 1
	}
	return key, true
}

// fetch gets the set, or waits for whoever is getting it. Within cooldown of the latest fetch it does nothing,
// unless no key is known.
func (s *KeySet) fetch(ctx context.Context, cooldown time.Duration) {
	s.mu.Lock()
	if flight := s.flight; flight != nil {
		s.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
		}
		return
	}
	if len(s.keys) == 0 {
		cooldown = min(cooldown, keySetRetry)
	}
	now := s.now()
	if !s.fetched.IsZero() && now.Sub(s.fetched) < cooldown {
		s.mu.Unlock()
		return
	}
	s.fetched = now
	flight := make(chan struct{})
	s.flight = flight
	s.mu.Unlock()

	keys, err := s.getInTime(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(flight)
	again := s.failed
	s.flight, s.failed = nil, err != nil
	switch {
	case err == nil:
		s.keys = keys
	case !again && ctx.Err() == nil: // once for each outage
		s.log.Warn("the keys of the issuer of tokens cannot be fetched; those known stay in force", "known", len(s.keys), "cause", err)
	}
}

// getInTime gets the set and returns in time whatever the fetch does: all who have a token with a new key wait for it.
func (s *KeySet) getInTime(ctx context.Context) (map[keyName]crypto.PublicKey, error) {
	type set struct {
		keys map[keyName]crypto.PublicKey
		err  error
	}
	got := make(chan set, 1)
	go func() {
		keys, err := s.get(ctx)
		got <- set{keys, err}
	}()
	overdue := time.NewTimer(keySetTimeout + keySetGrace)
	defer overdue.Stop()
	select {
	case s := <-got:
		return s.keys, s.err
	case <-overdue.C:
		return nil, fmt.Errorf("key set: the fetch did not end in %v and was given up", keySetTimeout)
	}
}

func (s *KeySet) get(ctx context.Context) (map[keyName]crypto.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, keySetTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("key set: the issuer answers %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("key set: longer than %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}

// parseKeySet keeps the keys that can check a signature of one of our algorithms, each pinned to its own; all else
// in a set is for somebody else. Without a single one the set is taken for broken.
func parseKeySet(body []byte) (map[keyName]crypto.PublicKey, error) {
	set, err := strictjson.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("key set: it %w", err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(set["keys"], &all); err != nil {
		return nil, errors.New("key set: it has no array \"keys\"")
	}
	keys := map[keyName]crypto.PublicKey{}
	for _, raw := range all {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		if alg := algorithm(k.Key); alg != "" && (k.Algorithm == "" || k.Algorithm == alg) {
			keys[keyName{k.KeyID, alg}] = k.Key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no key for RS256, ES256 or EdDSA in it")
	}
	return keys, nil
}

// algorithm gives the one algorithm that a key is for; "": none of ours.
func algorithm(key crypto.PublicKey) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSABits {
			return "RS256"
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return "ES256"
		}
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}
