package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// revocable are keys of which one may be revoked.
type revocable struct{ revoked map[string]bool }

func (r revocable) KeyByHash(context.Context, [32]byte) (store.Key, error) {
	return store.Key{}, apier.Errorf(apier.CodeNotFound, "none")
}

func (r revocable) KeyByID(_ context.Context, _ apier.TenantID, id string) (store.Key, error) {
	if r.revoked[id] {
		return store.Key{}, apier.Errorf(apier.CodeNotFound, "none")
	}
	return store.Key{ID: id}, nil
}

// G15: a request under way ends when its key is revoked, or its token expires, and no other does.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := revocable{map[string]bool{}}
		a := New(keys, make([]byte, 32), Options{})
		ctx, cancel := context.WithCancel(t.Context())
		go a.Run(ctx)
		ended := map[string]apier.Code{}
		begin := func(name string, id Identity) func() {
			return a.Watch(id, func(err error) { ended[name] = apier.AsError(err).Code })
		}
		defer begin("kept", Identity{Tenant: "t", KeyID: "kept"})()
		defer begin("revoked", Identity{Tenant: "t", KeyID: "revoked"})()
		begin("gone", Identity{Tenant: "t", KeyID: "revoked"})()
		defer begin("short", Identity{Tenant: "t", ExpiresAt: time.Now().Add(time.Minute)})()
		defer begin("long", Identity{Tenant: "t", ExpiresAt: time.Now().Add(time.Hour)})()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(ended) != 0 {
			t.Errorf("ended too early: %v", ended)
		}
		keys.revoked["revoked"] = true
		time.Sleep(2 * recheckEvery)
		synctest.Wait()
		if len(ended) != 1 || ended["revoked"] != apier.CodeUnauthorized {
			t.Errorf("after the key was revoked: %v", ended)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(ended) != 2 || ended["short"] != apier.CodeUnauthorized {
			t.Errorf("after the token's end: %v", ended)
		}
		cancel()
	})
}
