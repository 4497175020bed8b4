package auth

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// revocable are keys of which one may be revoked.
type revocable struct{ revoked *atomic.Bool }

func (r revocable) KeyByHash(context.Context, [32]byte) (store.Key, error) {
	return store.Key{}, apier.Errorf(apier.CodeNotFound, "none")
}

func (r revocable) KeyByID(_ context.Context, _ apier.TenantID, id string) (store.Key, error) {
	if id == "revoked" && r.revoked.Load() {
		return store.Key{}, apier.Errorf(apier.CodeNotFound, "none")
	}
	return store.Key{ID: id}, nil
}

// G15: a request under way ends when its key is revoked, or its token expires, and no other does.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := revocable{new(atomic.Bool)}
		a := New(keys, make([]byte, 32), Options{})
		ctx, cancel := context.WithCancel(t.Context())
		go a.Run(ctx)
		ends := make(chan string, 10)
		ended := map[string]bool{}
		begin := func(name string, id Identity) func() {
			return a.Watch(id, func(err error) { ends <- name + " " + string(apier.AsError(err).Code) })
		}
		rest := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
			for len(ends) > 0 {
				ended[<-ends] = true
			}
		}
		defer begin("kept", Identity{Tenant: "t", KeyID: "kept"})()
		defer begin("revoked", Identity{Tenant: "t", KeyID: "revoked"})()
		begin("gone", Identity{Tenant: "t", KeyID: "revoked"})()
		defer begin("short", Identity{Tenant: "t", ExpiresAt: time.Now().Add(time.Minute)})()
		defer begin("long", Identity{Tenant: "t", ExpiresAt: time.Now().Add(time.Hour)})()
		rest(10 * time.Second)
		if len(ended) != 0 {
			t.Errorf("ended too early: %v", ended)
		}
		keys.revoked.Store(true)
		rest(2 * recheckEvery)
		if len(ended) != 1 || !ended["revoked unauthorized"] {
			t.Errorf("after the key was revoked: %v", ended)
		}
		rest(time.Minute)
		if len(ended) != 2 || !ended["short unauthorized"] {
			t.Errorf("after the token's end: %v", ended)
		}
		cancel()
	})
}
