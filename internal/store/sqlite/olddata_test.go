package sqlite

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/storetest"
)

// openOld opens the database of dd57122 with the present program, at the time at which it was left.
func openOld(t *testing.T) (storetest.Old, *Store) {
	t.Helper()
	old := storetest.OldData(t)
	s := open(t, filepath.Join(old.Dir, "apier.db"), store.Options{Now: old.Now()})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return old, s
}

// Every event is there, byte for byte, after housekeeping too.
func TestOldDataKeepsEveryEvent(t *testing.T) {
	t.Parallel()
	old, s := openOld(t)
	if err := s.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range old.Events {
		got, err := s.Event(t.Context(), want.Tenant, want.ID)
		if err != nil || got.Type != want.Type || string(got.Payload) != want.Payload {
			t.Errorf("%s %s is %.100q of type %q, want %.100q (%v)", want.Tenant, want.ID, got.Payload, got.Type, want.Payload, err)
		}
		if got.Erased != slices.Contains(old.Erased, want.ID) {
			t.Errorf("%s: erased is %v", want.ID, got.Erased)
		}
	}
	for _, id := range old.Batch {
		if got, err := s.Event(t.Context(), "default", id); err != nil || got.Type != "keyed.batch" {
			t.Errorf("%s of the batch: %+v %v", id, got, err)
		}
	}
	for _, id := range old.Deleted {
		if _, err := s.Event(t.Context(), "acme", id); apier.AsError(err).Code != apier.CodeNotFound {
			t.Errorf("%s was deleted: %v", id, err)
		}
	}
	page, err := s.Changes(t.Context(), "acme", 0, 1000, true)
	if err != nil || page.Lost {
		t.Fatalf("the changes: lost %v, %v", page.Lost, err)
	}
	for _, id := range old.Deleted {
		if !slices.ContainsFunc(page.Changes, func(c apier.Change) bool { return c.Kind == apier.Deleted && c.Event.ID == id }) {
			t.Errorf("no tombstone of %s", id)
		}
	}
}

func TestOldDataKeepsTheCounters(t *testing.T) {
	t.Parallel()
	old, s := openOld(t)
	for _, tenant := range []apier.TenantID{"default", "acme"} {
		var want struct{ Total, Pending, Delivered, Failed int64 }
		if err := json.Unmarshal(old.Answers["summary "+string(tenant)], &want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Summary(t.Context(), tenant)
		if err != nil || want.Total == 0 || got.Total != want.Total || got.Pending != want.Pending || got.Delivered != want.Delivered || got.Failed != want.Failed {
			t.Errorf("%s has %+v, want %+v (%v)", tenant, got, want, err)
		}
	}
}

func TestOldDataKeepsTheEndpoints(t *testing.T) {
	t.Parallel()
	old, s := openOld(t)
	seen := map[apier.DeliveryStatus]int{}
	for name, o := range old.Endpoints {
		if name == "deleted" {
			if _, err := s.Endpoint(t.Context(), o.Tenant, o.ID); apier.AsError(err).Code != apier.CodeNotFound {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		e, err := s.Endpoint(t.Context(), o.Tenant, o.ID)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		page, err := s.ListDeliveries(t.Context(), o.Tenant, store.DeliveryFilter{Endpoint: o.ID, PageOf: store.PageOf[apier.DeliveryID]{Limit: 1000}})
		if err != nil {
			t.Fatal(err)
		}
		counted := map[apier.DeliveryStatus]int64{}
		for _, d := range page.Deliveries {
			counted[d.Status]++
			seen[d.Status]++
			attempts, err := s.Attempts(t.Context(), o.Tenant, d.ID)
			if err != nil || len(attempts) != d.Attempts {
				t.Errorf("%s has %d attempts, and %d are kept (%v)", d.ID, d.Attempts, len(attempts), err)
			}
		}
		if e.Pending != counted[apier.DeliveryPending] || e.Delivered != counted[apier.DeliveryDelivered] || e.Failed != counted[apier.DeliveryFailed] {
			t.Errorf("%s counts %d, %d, %d and has %v", name, e.Pending, e.Delivered, e.Failed, counted)
		}
	}
	for _, status := range []apier.DeliveryStatus{apier.DeliveryPending, apier.DeliveryDelivered, apier.DeliveryFailed} {
		if seen[status] == 0 {
			t.Errorf("no delivery is %s", status)
		}
	}
	checkOldSettings(t, old, s)
	if n, err := s.Reclaim(t.Context()); err != nil || n != 1 {
		t.Errorf("%d attempts were under way, want 1 (%v)", n, err)
	}
}

func checkOldSettings(t *testing.T, old storetest.Old, s *Store) {
	t.Helper()
	get := func(name string) apier.Endpoint {
		e, err := s.Endpoint(t.Context(), old.Endpoints[name].Tenant, old.Endpoints[name].ID)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if ok := get("ok"); ok.OrderKey != "customer.id" || ok.Headers["X-Custom"] != "fixture" || ok.RatePerSecond != 100 || ok.MaxInFlight != 3 {
		t.Errorf("the settings are %+v", ok)
	}
	if e := get("rtl"); e.Description != "evil\u202egnp.exe" {
		t.Errorf("the name is %q", e.Description)
	}
	if e := get("star"); string(e.Filter) != `{"payload.labels.*.name":"eu"}` {
		t.Errorf("the filter is %s", e.Filter)
	}
	if e := get("gone"); e.Status != apier.EndpointDisabled {
		t.Errorf("the one that answered 410 is %s", e.Status)
	}
	if e := get("paused"); e.Status != apier.EndpointPaused {
		t.Errorf("the paused one is %s", e.Status)
	}
	if secrets, err := s.Secrets(t.Context(), "default", old.Endpoints["ok"].ID); err != nil || len(secrets) != 2 {
		t.Errorf("%d secrets after the rotation, want 2 (%v)", len(secrets), err)
	}
}

func TestOldDataKeepsTheInbox(t *testing.T) {
	t.Parallel()
	old, s := openOld(t)
	groups, err := s.Groups(t.Context(), "acme")
	if err != nil || len(groups) != 2 || groups[0].Name != "billing" || groups[0].Open != int64(len(old.Leased)+len(old.GivenBack)) {
		t.Fatalf("the groups are %+v (%v)", groups, err)
	}
	leases, err := s.Lease(t.Context(), "acme", store.LeaseRequest{Holder: store.Holder{Group: "billing", Subject: "me"}, For: 1 << 30, Limit: 1000})
	if err != nil || len(leases.Leased) == 0 {
		t.Fatalf("nothing is handed out: %+v %v", leases, err)
	}
	got := map[apier.EventID]bool{}
	for _, l := range leases.Leased {
		got[l.Event.ID] = true
	}
	for i, id := range old.GivenBack { // the first for a week
		if got[id] != (i > 0) {
			t.Errorf("%s was given back, and handed out again: %v", id, got[id])
		}
	}
	for _, id := range old.Leased {
		if got[id] {
			t.Errorf("%s is leased, and was handed out", id)
		}
	}
}

func TestOldDataKeepsTheRest(t *testing.T) {
	t.Parallel()
	old, s := openOld(t)
	keys, err := s.Keys(t.Context(), "acme")
	if err != nil || len(keys) != 2 || keys[0].RevokedAt != 0 || keys[1].RevokedAt == 0 {
		t.Errorf("the keys are %+v (%v)", keys, err)
	}
	rtl := old.Endpoints["rtl"]
	running, err := s.Recoveries(t.Context(), "default", rtl.ID)
	if err != nil || len(running) != 1 || running[0].Status != apier.RecoveryRunning {
		t.Errorf("the recovery that runs: %+v (%v)", running, err)
	}
	done, err := s.Recoveries(t.Context(), "default", old.Endpoints["fails"].ID)
	if err != nil || len(done) != 1 || done[0].Status != apier.RecoveryDone {
		t.Errorf("the recovery that is done: %+v (%v)", done, err)
	}
	erasures, err := s.Erasures(t.Context(), "acme")
	if err != nil || len(erasures) != 1 || erasures[0].Erased != int64(len(old.Erased)) {
		t.Errorf("the erasures are %+v (%v)", erasures, err)
	}
	for tenant, want := range map[apier.TenantID]int{"default": 2, "acme": 4} {
		log, err := s.ListWebhooks(t.Context(), tenant, store.WebhookFilter{Limit: 100})
		if err != nil || len(log.Webhooks) != want {
			t.Errorf("%s has %d lines in the receiver's log, want %d (%v)", tenant, len(log.Webhooks), want, err)
		}
	}
	hash := [32]byte{1}
	_, err = s.Append(t.Context(), "default", oneEvent(), &store.IdempotencyKey{Key: "fixture-key-1", RequestHash: hash})
	if apier.AsError(err).Code != apier.CodeConflict {
		t.Errorf("the Idempotency-Key is forgotten: %v", err)
	}
}
