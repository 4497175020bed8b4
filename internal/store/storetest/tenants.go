package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func tenantTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"no method crosses tenants": testTenantsIsolated,
	}
}

func testTenantsIsolated(t *testing.T, open Opener) {
	for _, intruder := range []apier.TenantID{other, "unknown", ""} {
		f := newFixture(t, open)
		ctx := t.Context()
		id := f.add(newEvents(2)...)[0]
		f.fail(id, "x")
		f.deliver(id)
		must[store.Key](t)(f.CreateKey(ctx, acme, store.NewKey{ID: "key1"}))
		if intruder == other { // one with something of its own
			must[store.Key](t)(f.CreateKey(ctx, other, store.NewKey{ID: "key2", Hash: [32]byte{2}}))
		}
		before := f.list(store.Filter{})
		refused := map[string]func() error{
			"Event": func() error { _, err := f.Event(ctx, intruder, id); return err },
			"Settle": func() error {
				_, err := f.Settle(ctx, intruder, id, store.Outcome{Status: apier.StatusFailed})
				return err
			},
			"Delete":        func() error { return f.Delete(ctx, intruder, id) },
			"List's cursor": func() error { _, err := f.List(ctx, intruder, store.Filter{StartingAfter: id}); return err },
			"RevokeKey":     func() error { return f.RevokeKey(ctx, intruder, "key1") },
			"KeyByID":       func() error { _, err := f.KeyByID(ctx, intruder, "key1"); return err },
		}
		for name, call := range refused {
			t.Logf("%s as %q", name, intruder)
			wantCode(t, call(), apier.CodeNotFound)
		}
		empty := map[string]int{
			"List":       len(must[store.Page](t)(f.List(ctx, intruder, store.Filter{Limit: 10})).Events),
			"Search":     len(must[store.Page](t)(f.List(ctx, intruder, store.Filter{Limit: 10, Search: string(id)})).Events),
			"Types":      len(must[store.Page](t)(f.List(ctx, intruder, store.Filter{Limit: 10, Types: []string{"order.*"}})).Events),
			"Changes":    len(must[store.ChangePage](t)(f.Changes(ctx, intruder, 0, 10, false)).Changes),
			"Summary":    int(must[store.Summary](t)(f.Summary(ctx, intruder)).Total),
			"Latency":    int(must[store.Latency](t)(f.Latency(ctx, intruder, time.Time{})).Count),
			"Throughput": len(must[store.Throughput](t)(f.Throughput(ctx, intruder, time.Time{})).Series),
			"TopErrors":  len(must[[]store.ErrorCount](t)(f.TopErrors(ctx, intruder, time.Time{}, 10))),
		}
		for _, k := range must[[]store.Key](t)(f.Keys(ctx, intruder)) {
			if k.ID == "key1" {
				t.Errorf("Keys shows %q the key of another tenant", intruder)
			}
		}
		for name, n := range empty {
			if n != 0 {
				t.Errorf("%s shows %q something of another tenant", name, intruder)
			}
		}
		if after := f.list(store.Filter{}); !reflect.DeepEqual(before, after) {
			t.Errorf("%q changed something of another tenant", intruder)
		}
	}
}
