package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func openRecorded(t *testing.T) (*Store, *commits) {
	t.Helper()
	seen := new(commits)
	s := open(t, filepath.Join(t.TempDir(), "apier.db"), store.Options{Announce: seen.announce})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, seen
}

func (c *commits) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = nil
}

// The open deliveries of an endpoint that goes are canceled in slices: by number, and by the bytes of their events.
func TestDeleteEndpointIsSliced(t *testing.T) {
	t.Parallel()
	for name, load := range map[string]struct{ events, bytes, most int }{
		"many": {900, 10, 2*cancelSlice + 10},
		"big":  {40, 200_000, 2*(2*sliceWeight/200) + 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, seen := openRecorded(t)
			id := endpoints(t, s, "acme", 1, apier.Endpoint{OrderKey: "key"})[0]
			batch := make([]apier.NewEvent, load.events)
			for i := range batch {
				batch[i] = apier.NewEvent{Type: "a.b", Source: "shop", Payload: []byte(`{"key":1,"x":"` + strings.Repeat("x", load.bytes) + `"}`)}
			}
			receipts := appended(t, s, batch)
			seen.forget()
			if err := s.DeleteEndpoint(t.Context(), "acme", id); err != nil {
				t.Fatal(err)
			}
			if n := seen.largest(); n > load.most {
				t.Errorf("a commit of %d changes, want at most %d", n, load.most)
			}
			if d := deliveriesOf(t, s, receipts.Events[load.events-1].ID); d[0].Status != apier.DeliveryCanceled {
				t.Errorf("the last delivery is %s", d[0].Status)
			}
		})
	}
}

// An event that many endpoints are to have ends in slices; it is pending until the last.
func TestEventsEndInSlices(t *testing.T) {
	t.Parallel()
	s, seen := openRecorded(t)
	endpoints(t, s, "acme", 2*cancelSlice+50, apier.Endpoint{})
	for name, end := range map[string]func(apier.EventID) error{
		"delete": func(id apier.EventID) error { return s.Delete(t.Context(), "acme", id) },
		"settle": func(id apier.EventID) error {
			_, err := s.Settle(t.Context(), "acme", id, store.Outcome{Status: apier.StatusDelivered})
			return err
		},
		"erase": func(id apier.EventID) error {
			_, err := s.EraseEvent(t.Context(), "acme", id)
			return err
		},
	} {
		id := appended(t, s, counted(1)).Events[0].ID
		seen.forget()
		if err := end(id); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		open, err := s.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Event: id, Status: apier.DeliveryPending})
		if name == "delete" {
			if _, err := s.Event(t.Context(), "acme", id); apier.AsError(err).Code != apier.CodeNotFound {
				t.Errorf("deleted: %v", err)
			}
		} else if err != nil || len(open.Deliveries) != 0 {
			t.Errorf("%s: %d deliveries are open, %v", name, len(open.Deliveries), err)
		}
		if len(seen.changes) < 2 {
			t.Errorf("%s: in %d commits", name, len(seen.changes))
		}
	}
}

// The leases of a group that goes are removed in slices, and the group before them.
func TestDeleteGroupIsSliced(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	put(t, s, "billing", "")
	for range 3 {
		appended(t, s, counted(900))
	}
	total := 0
	for got := leased(t, s, "billing", 1000); len(got) > 0; got = leased(t, s, "billing", 1000) {
		total += len(got)
	}
	if err := s.DeleteGroup(t.Context(), "acme", "billing"); err != nil || total != 2700 {
		t.Fatalf("with %d leases: %v", total, err)
	}
	oneTransaction(t, s, func(b *batch) error {
		left, err := exists(b.conn, "SELECT 1 FROM inbox_leases LIMIT 1")
		if left {
			t.Error("leases are left")
		}
		return err
	})
}

// Passing the turn of an order key costs the same however many wait for it: nobody but the next is touched.
func TestTurnIsPassedToTheOldest(t *testing.T) {
	t.Parallel()
	s, seen := openRecorded(t)
	id := endpoints(t, s, "acme", 1, apier.Endpoint{OrderKey: "key"})[0]
	batch := make([]apier.NewEvent, 50)
	for i := range batch {
		batch[i] = apier.NewEvent{Type: "a.b", Source: "shop", Payload: fmt.Appendf(nil, `{"key":1,"n":%d}`, i)}
	}
	receipts := appended(t, s, batch)
	seen.forget()
	for i := range batch {
		claims, err := s.Claim(t.Context(), "acme", id, 10, time.Minute)
		if err != nil || len(claims.Claimed) != 1 || claims.Claimed[0].Event.ID != receipts.Events[i].ID {
			t.Fatalf("claim %d: %+v, %v", i, claims.Claimed, err)
		}
		finish(t, s, claims.Claimed[0])
	}
}
