package auth

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/apier/apier"
)

// recheckEvery is how soon a revoked key ends the requests that are under way with it.
const recheckEvery = time.Second

// watches are the requests under way, by the key behind them.
type watches struct {
	mu   sync.Mutex
	keys map[keyRef]map[*watcher]struct{}
}

type watcher struct{ end func(error) }

// Watch calls end, at most once, when the identity is no longer good: its key was revoked, or its token has expired.
// stop ends the watch, and has to be called.
func (a *Authenticator) Watch(id Identity, end func(error)) (stop func()) {
	var expiry *time.Timer
	if !id.ExpiresAt.IsZero() {
		expiry = time.AfterFunc(id.ExpiresAt.Sub(a.opt.Now()), func() {
			end(apier.Errorf(apier.CodeUnauthorized, "The token has expired while the request was waiting. Get a new one from POST /api/token."))
		})
	}
	w := &watcher{end}
	if id.KeyID != "" {
		a.watches.add(keyRef{id.Tenant, id.KeyID}, w)
	}
	return func() {
		if expiry != nil {
			expiry.Stop()
		}
		if id.KeyID != "" {
			a.watches.remove(keyRef{id.Tenant, id.KeyID}, w)
		}
	}
}

func (s *watches) add(ref keyRef, w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[keyRef]map[*watcher]struct{}{}
	}
	if s.keys[ref] == nil {
		s.keys[ref] = map[*watcher]struct{}{}
	}
	s.keys[ref][w] = struct{}{}
}

func (s *watches) remove(ref keyRef, w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys[ref], w)
	if len(s.keys[ref]) == 0 {
		delete(s.keys, ref)
	}
}

// refs returns the keys of requests under way.
func (s *watches) refs() []keyRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs := make([]keyRef, 0, len(s.keys))
	for ref := range s.keys {
		refs = append(refs, ref)
	}
	return refs
}

func (s *watches) end(ref keyRef, cause error) {
	s.mu.Lock()
	var ended []*watcher
	for w := range s.keys[ref] {
		ended = append(ended, w)
	}
	delete(s.keys, ref)
	s.mu.Unlock()
	for _, w := range ended {
		w.end(cause)
	}
}

// Run looks up the keys of the requests under way, again and again, until ctx ends.
func (a *Authenticator) Run(ctx context.Context) {
	tick := time.NewTicker(recheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.Recheck(ctx)
		}
	}
}

// Recheck looks up the keys of the requests under way once, and ends those whose key was revoked.
func (a *Authenticator) Recheck(ctx context.Context) {
	for _, ref := range a.watches.refs() {
		err := a.Confirm(ctx, Identity{Tenant: ref.tenant, KeyID: ref.id})
		if err != nil && apier.AsError(err).Code == apier.CodeUnauthorized {
			a.disown(ref)
			a.watches.end(ref, err)
		}
	}
}

// Confirm looks up the key behind an identity now, whatever was found before. It is for the moment at which something
// is handed out to a request that has waited for it.
func (a *Authenticator) Confirm(ctx context.Context, id Identity) error {
	if !id.ExpiresAt.IsZero() && !a.opt.Now().Before(id.ExpiresAt) {
		return apier.Errorf(apier.CodeUnauthorized, "The token has expired. Get a new one from POST /api/token.")
	}
	if id.KeyID == "" {
		return nil
	}
	ref := keyRef{id.Tenant, id.KeyID}
	a.forget(ref)
	return a.CheckKey(ctx, id)
}

// disown drops the answers by which a revoked key would be let in for a while.
func (a *Authenticator) disown(ref keyRef) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.seen, func(_ [32]byte, seen seenKey) bool { return seen.id.KeyID == ref.id && seen.id.Tenant == ref.tenant })
}

// forget drops what is remembered of a key.
func (a *Authenticator) forget(ref keyRef) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.checked, ref)
}
