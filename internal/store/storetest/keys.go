package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func keyTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"keys are created, found and listed": testKeys,
		"a revoked key is not found":         testRevoke,
		"a key is unique":                    testKeyUnique,
	}
}

func testKeys(t *testing.T, open Opener) {
	f := newFixture(t, open)
	first := must[store.Key](t)(f.CreateKey(t.Context(), acme, store.NewKey{
		ID: "k1", Name: "CI", Hint: "…abcd", Hash: [32]byte{1}, Scopes: []string{"events:read", "events:write"},
	}))
	want := store.Key{
		ID: "k1", Tenant: acme, Name: "CI", Hint: "…abcd", Scopes: []string{"events:read", "events:write"},
		CreatedAt: apier.TimestampOf(f.clock.now()),
	}
	if !reflect.DeepEqual(first, want) {
		t.Errorf("created %+v, want %+v", first, want)
	}
	second := must[store.Key](t)(f.CreateKey(t.Context(), acme, store.NewKey{ID: "a", Hash: [32]byte{2}, Scopes: []string{"admin"}}))
	must[store.Key](t)(f.CreateKey(t.Context(), other, store.NewKey{ID: "theirs", Hash: [32]byte{3}}))
	f.reopen()
	if keys := must[[]store.Key](t)(f.Keys(t.Context(), acme)); !reflect.DeepEqual(keys, []store.Key{first, second}) {
		t.Errorf("keys are %+v", keys)
	}
	if k := must[store.Key](t)(f.KeyByHash(t.Context(), [32]byte{1})); !reflect.DeepEqual(k, first) {
		t.Errorf("by hash: %+v", k)
	}
	if k := must[store.Key](t)(f.KeyByHash(t.Context(), [32]byte{3})); k.Tenant != other {
		t.Errorf("by hash, of another tenant: %+v", k)
	}
	if k := must[store.Key](t)(f.KeyByID(t.Context(), acme, "a")); !reflect.DeepEqual(k, second) {
		t.Errorf("by id: %+v", k)
	}
	_, err := f.KeyByHash(t.Context(), [32]byte{9})
	wantCode(t, err, apier.CodeNotFound)
}

func testRevoke(t *testing.T, open Opener) {
	f := newFixture(t, open)
	must[store.Key](t)(f.CreateKey(t.Context(), acme, store.NewKey{ID: "k", Hash: [32]byte{1}}))
	revokedAt := apier.TimestampOf(f.clock.now())
	check(t, f.RevokeKey(t.Context(), acme, "k"))
	f.clock.advance(time.Hour)
	check(t, f.RevokeKey(t.Context(), acme, "k"))
	_, err := f.KeyByHash(t.Context(), [32]byte{1})
	wantCode(t, err, apier.CodeNotFound)
	_, err = f.KeyByID(t.Context(), acme, "k")
	wantCode(t, err, apier.CodeNotFound)
	wantCode(t, f.RevokeKey(t.Context(), acme, "none"), apier.CodeNotFound)
	if keys := must[[]store.Key](t)(f.Keys(t.Context(), acme)); len(keys) != 1 || keys[0].RevokedAt != revokedAt {
		t.Errorf("keys are %+v", keys)
	}
}

func testKeyUnique(t *testing.T, open Opener) {
	f := newFixture(t, open)
	must[store.Key](t)(f.CreateKey(t.Context(), acme, store.NewKey{ID: "k", Hash: [32]byte{1}}))
	for _, tenant := range []apier.TenantID{acme, other} {
		_, err := f.CreateKey(t.Context(), tenant, store.NewKey{ID: "k", Hash: [32]byte{2}})
		wantCode(t, err, apier.CodeConflict)
		_, err = f.CreateKey(t.Context(), tenant, store.NewKey{ID: "l", Hash: [32]byte{1}})
		wantCode(t, err, apier.CodeConflict)
	}
}
