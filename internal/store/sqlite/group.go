package sqlite

import (
	"context"
	"encoding/json"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// inboxGroup is a group with what its operations need. Its Position is a place among the events of all tenants; what is
// shown is the seq of it.
type inboxGroup struct {
	store.Group

	id     int64
	tenant int64
	asked  groupWants
	from   apier.Seq
	filter *apier.Filter
	fault  error // why filter is not known; such a group hands out nothing, and no event is settled over its head
}

// groupWants is what a group wants, as it is stored: it tells whether an answer is to the same question.
type groupWants struct{ types, filter string }

// isInbox tells the inbox itself from the named groups.
func (g *inboxGroup) isInbox() bool { return g.Name == "" }

const groupColumns = "SELECT id, tenant, name, types, filter, from_seq, next_seq, open, dropped, created_at FROM inbox_groups "

func readGroups(conn *sqlite.Conn, where string, args ...any) ([]*inboxGroup, error) {
	groups, err := readPlainGroups(conn, where, args...)
	for _, g := range groups {
		if err == nil {
			err = g.parse(g.asked.types, g.asked.filter)
		}
	}
	return groups, err
}

// readPlainGroups leaves what the groups want as it is stored.
func readPlainGroups(conn *sqlite.Conn, where string, args ...any) (groups []*inboxGroup, err error) {
	err = sqlitex.Execute(conn, groupColumns+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		g := &inboxGroup{id: stmt.ColumnInt64(0), tenant: stmt.ColumnInt64(1), from: apier.Seq(stmt.ColumnInt64(5))}
		g.Group = store.Group{
			Name: stmt.ColumnText(2), Position: apier.Seq(stmt.ColumnInt64(6)),
			Open: stmt.ColumnInt64(7), Dropped: stmt.ColumnInt64(8), CreatedAt: apier.Timestamp(stmt.ColumnInt64(9)),
		}
		g.asked = groupWants{stmt.ColumnText(3), stmt.ColumnText(4)}
		groups = append(groups, g)
		return nil
	}})
	return groups, err
}

func (g *inboxGroup) parse(types, filter string) error {
	if err := json.Unmarshal([]byte(types), &g.Types); err != nil {
		return err
	}
	if filter != "" {
		g.Filter = json.RawMessage(filter)
	}
	parsed, faults := apier.ParseFilter(g.Filter)
	if len(faults) > 0 { // one that was stored before the rules became stricter
		g.fault = apier.Errorf(apier.CodeConflict, "The filter of the group %q cannot be read any more: %s. Put another: PUT /api/inbox/groups/%s.",
			g.Name, faults[0].Reason, g.Name)
	}
	if g.filter = parsed; parsed == nil || g.fault != nil {
		g.filter = &apier.Filter{}
	}
	return nil
}

// wants reports whether an event is for the group, or may be.
func (g *inboxGroup) wants(e *apier.Event) bool {
	wants := store.Wants{Types: g.Types, Filter: g.filter}
	return wants.Match(e)
}

// wantsDecoded is wants for an event that many groups look into.
func (g *inboxGroup) wantsDecoded(d *apier.Decoded) bool {
	if len(g.Types) > 0 && !apier.TypesMatch(g.Types, d.Event.Type) {
		return false
	}
	return g.filter.MatchDecoded(d)
}

// findGroup gives a group of a tenant; nil: there is none.
func findGroup(conn *sqlite.Conn, tenant int64, name string) (*inboxGroup, error) {
	groups, err := readGroups(conn, "WHERE tenant = ? AND name = ?", tenant, name)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	return groups[0], nil
}

// ensureGroup gives a group, new if need be.
func (b *batch) ensureGroup(tenant int64, g store.NewGroup) (*inboxGroup, error) {
	found, err := findGroup(b.conn, tenant, g.Name)
	if err != nil || found != nil {
		return found, err
	}
	if g.Name != "" {
		if err := b.checkRoomForGroup(tenant); err != nil {
			return nil, err
		}
	}
	from := b.place
	if g.FromStart {
		from = 0
	}
	types, filter, err := encodeWants(g)
	if err != nil {
		return nil, err
	}
	err = exec(b.conn, "INSERT INTO inbox_groups (tenant, name, types, filter, from_seq, next_seq, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
		tenant, g.Name, types, filter, from, int64(b.now))
	if err != nil {
		return nil, err
	}
	return findGroup(b.conn, tenant, g.Name)
}

func (b *batch) checkRoomForGroup(tenant int64) error {
	groups, err := readPlainGroups(b.conn, "WHERE tenant = ? AND name <> ''", tenant)
	if err == nil && len(groups) >= store.MaxGroups {
		err = apier.Errorf(apier.CodeConflict, "There are %d groups already, as many as there may be. Delete one: DELETE /api/inbox/groups/{name}.", store.MaxGroups)
	}
	return err
}

func encodeWants(g store.NewGroup) (types, filter string, err error) {
	if g.Types == nil {
		g.Types = []string{}
	}
	encoded, err := json.Marshal(g.Types)
	filter = string(g.Filter)
	if filter == "null" {
		filter = ""
	}
	return string(encoded), filter, err
}

// PutGroup implements store.Inbox.
func (s *Store) PutGroup(ctx context.Context, tenant apier.TenantID, g store.NewGroup) (store.Group, error) {
	changing := s.groups.changing(tenant)
	changing.RLock()
	defer changing.RUnlock()
	var group store.Group
	err := s.submit(ctx, tenant, 1, func(b *batch) error {
		number, err := b.ensureTenant(tenant)
		if err != nil {
			return err
		}
		found, err := b.ensureGroup(number, g)
		if err != nil {
			return err
		}
		types, filter, err := encodeWants(g)
		if err != nil {
			return err
		}
		if err := exec(b.conn, "UPDATE inbox_groups SET types = ?, filter = ? WHERE id = ?", types, filter, found.id); err != nil {
			return err
		}
		b.of(tenant).InboxReady = true // who waits for the group waits for something else by now
		if found, err = findGroup(b.conn, number, g.Name); err != nil {
			return err
		}
		group = found.Group
		group.Bound = int64(s.options.InboxOpen)
		group.Position, err = seqOfPlace(b.conn, &tenantRow{id: number, seq: b.head(number).seq}, int64(found.Position))
		return err
	})
	return group, wrap("put group", err)
}

// Groups implements store.Inbox.
func (s *Store) Groups(ctx context.Context, tenant apier.TenantID) ([]store.Group, error) {
	var groups []store.Group
	err := s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		found, err := readGroups(conn, "WHERE tenant = ? AND name <> '' ORDER BY name", t.id)
		budget := budgetOfBehind{rows: maxBehindRows, bytes: maxBehindBytes}
		for _, g := range found {
			if g.Bound = int64(s.options.InboxOpen); err == nil {
				g.Behind, err = budget.count(conn, g)
			}
			shown := g.Group
			if err == nil {
				shown.Position, err = seqOfPlace(conn, &t, int64(g.Position))
			}
			groups = append(groups, shown)
		}
		return err
	})
	return groups, wrap("list groups", err)
}

// DeleteGroup implements store.Inbox.
func (s *Store) DeleteGroup(ctx context.Context, tenant apier.TenantID, name string) error {
	gone := int64(0) // the number of the group, once it is deleted
	deleted := func(b *batch) error {
		number, err := b.tenant(tenant)
		if err != nil {
			return err
		}
		g, err := findGroup(b.conn, number, name)
		if err != nil {
			return err
		}
		if g == nil || g.isInbox() {
			return errNoGroup(name)
		}
		s.looks.Delete(groupName{tenant, name})
		b.of(tenant).InboxReady = true
		if err := exec(b.conn, "DELETE FROM inbox_groups WHERE id = ?", g.id); err != nil {
			return err
		}
		gone = g.id
		return b.forgetLeases(gone)
	}
	return wrap("delete group", s.submitOp(ctx, &op{
		tenant: tenant, weight: sliceWeight, apply: deleted, rest: func(b *batch) error { return b.forgetLeases(gone) },
	}))
}

// forgetLeases removes a slice of the leases of a group that is gone; errMore: there are others.
func (b *batch) forgetLeases(group int64) error {
	err := exec(b.conn, "DELETE FROM inbox_leases WHERE (group_id, event) IN (SELECT group_id, event FROM inbox_leases WHERE group_id = ? LIMIT ?)", group, sliceWeight)
	if err == nil && b.conn.Changes() == sliceWeight {
		err = errMore
	}
	return err
}

func errNoGroup(name string) error {
	return apier.Errorf(apier.CodeNotFound, "There is no group %q. GET /api/inbox/groups lists those there are.", name)
}
