package sqlite

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// An id of a delivery or recovery holds no number that counts over all tenants, and is found.
func TestIDsTellNoNumbers(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	endpoint := endpoints(t, s, "acme", 1, apier.Endpoint{})[0]
	events := appended(t, s, counted(3)).Events
	if deliveriesOf(t, s, events[0].ID) == nil {
		t.Fatal("no deliveries")
	}
	for _, e := range events {
		id := deliveriesOf(t, s, e.ID)[0].ID
		raw, _ := apier.ParseDeliveryID(id)
		if number := binary.BigEndian.Uint64(raw[8:]); number <= math.MaxUint32 {
			t.Errorf("%s tells the number %d", id, number)
		}
		if found, err := s.Delivery(t.Context(), "acme", id); err != nil || found.ID != id || found.EventID != e.ID {
			t.Errorf("%s is found as %+v: %v", id, found, err)
		}
		uuid, _ := apier.ParseEventID(string(e.ID))
		for guess := range uint64(20) {
			binary.BigEndian.PutUint64(uuid[8:], guess)
			if _, err := s.Delivery(t.Context(), "acme", apier.FormatDeliveryID(uuid)); apier.AsError(err).Code != apier.CodeNotFound {
				t.Errorf("the number %d was guessed: %v", guess, err)
			}
		}
	}
	recovery, err := s.CreateRecovery(t.Context(), "acme", apier.Recovery{Kind: apier.RecoverReplay, EndpointID: endpoint, RatePerSecond: 1})
	if err != nil || strings.HasPrefix(recovery.ID, "rec_0000000000") {
		t.Fatalf("%+v, %v", recovery, err)
	}
	if found, err := s.Recovery(t.Context(), "acme", recovery.ID); err != nil || found.ID != recovery.ID {
		t.Errorf("%s is found as %+v: %v", recovery.ID, found, err)
	}
}

// A lease id is made of what its tenant knows: it is the same whatever others did before.
func TestLeaseIDsTellNoNumbers(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	put(t, s, "g", "")
	e := appended(t, s, counted(1)).Events[0]
	l := leased(t, s, "g", 1)[0].Lease
	again := &lease{group: &inboxGroup{id: 4711, Group: store.Group{Name: "g"}}, event: 8888, deliveries: 1}
	groups, err := s.Groups(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	again.group.CreatedAt = groups[0].CreatedAt
	if l.Event != e.ID || l.ID != again.id(e.ID) {
		t.Errorf("the lease %s, and %s of a group and an event with other numbers", l.ID, again.id(e.ID))
	}
	if again.is("lea_4711_8888_1", e.ID, 8887) {
		t.Error("an id of numbers names the lease of an event of today")
	}
}

// What was handed out before the ids told no numbers keeps its id.
func TestOldIDsStayValid(t *testing.T) {
	t.Parallel()
	old, s := openOld(t)
	for name, o := range old.Endpoints {
		if name == "deleted" {
			continue
		}
		page, err := s.ListDeliveries(t.Context(), o.Tenant, store.DeliveryFilter{Endpoint: o.ID, PageOf: store.PageOf[apier.DeliveryID]{Limit: 1000}})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Deliveries {
			raw, _ := apier.ParseEventID(string(d.EventID))
			shown, _ := apier.ParseDeliveryID(d.ID)
			if [8]byte(shown[:8]) != [8]byte(raw[:8]) || binary.BigEndian.Uint64(shown[8:]) > 1e6 {
				t.Errorf("%s has another id now", d.ID)
			}
			if found, err := s.Delivery(t.Context(), o.Tenant, d.ID); err != nil || found.ID != d.ID {
				t.Errorf("%s is found as %s: %v", d.ID, found.ID, err)
			}
		}
	}
	recoveries, err := s.Recoveries(t.Context(), "default", old.Endpoints["rtl"].ID)
	if err != nil || len(recoveries) != 1 || !strings.HasPrefix(recoveries[0].ID, "rec_0000000000") {
		t.Errorf("the recovery has another id now: %+v, %v", recoveries, err)
	}
	var id, holder string
	uuid, _ := apier.ParseEventID(string(old.Leased[0]))
	inWriter(t, s, func(conn *sqlite.Conn) error {
		return sqlitex.Execute(conn, `SELECT l.group_id, l.event, l.deliveries, l.holder FROM inbox_leases l JOIN inbox_groups g ON g.id = l.group_id
			JOIN events e ON e.created_seq = l.event WHERE g.name = 'billing' AND e.uuid = ?`,
			&sqlitex.ExecOptions{Args: []any{uuid[:]}, ResultFunc: func(stmt *sqlite.Stmt) error {
				id, holder = fmt.Sprintf("lea_%d_%d_%d", stmt.ColumnInt64(0), stmt.ColumnInt64(1), stmt.ColumnInt64(2)), stmt.ColumnText(3)
				return nil
			}})
	})
	results, err := s.Acknowledge(t.Context(), "acme", store.Holder{Group: "billing", Subject: holder}, []store.LeaseRef{{Event: old.Leased[0], ID: id}})
	if err != nil || id == "" || results[0].Err != nil {
		t.Errorf("the lease %q is refused: %+v, %v", id, results, err)
	}
}
