package sqlite

import (
	"context"
	"sort"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// look is what readers found out for a group, beside the writer: which of the events behind its place it
// wants. The writer hands out by it, if it fits what the group wants and where it stands by then.
type look struct {
	mu    sync.Mutex // one reader looks at a time; the others use what it found
	found foundAhead
}

// groupName is the key of a look.
type groupName struct {
	tenant apier.TenantID
	name   string
}

// foundAhead is of the events in (from, upto]. A value never changes.
type foundAhead struct {
	group      int64
	asked      groupWants
	from, upto apier.Seq
	wanted     []apier.Seq
	end        bool // there were no events behind upto
}

// fits reports whether it tells what the group wants next.
func (f *foundAhead) fits(g *inboxGroup) bool {
	return f.group == g.id && f.asked == g.asked && f.from <= g.Position && g.Position <= f.upto
}

// after returns what is wanted behind a place.
func (f *foundAhead) after(place apier.Seq) []apier.Seq {
	return f.wanted[sort.Search(len(f.wanted), func(i int) bool { return f.wanted[i] > place }):]
}

// lookAhead finds out what a group wants next. It looks on until it has enough, or has looked at so many
// events or bytes as one operation may. The zero value: there is no such group, or it cannot say.
func (s *Store) lookAhead(ctx context.Context, tenant apier.TenantID, name string, enough int) (found foundAhead, err error) {
	stored, _ := s.looks.LoadOrStore(groupName{tenant, name}, new(look))
	l := stored.(*look) //nolint:forcetypeassert // nothing else is stored
	l.mu.Lock()
	defer l.mu.Unlock()
	err = s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		g, err := findGroup(conn, t.id, name)
		if err != nil || g == nil || g.fault != nil {
			return err
		}
		if !l.found.fits(g) {
			l.found = foundAhead{group: g.id, asked: g.asked, from: g.Position, upto: g.Position}
		}
		wanted, err := stillThere(conn, l.found.after(g.Position))
		if err != nil {
			return err
		}
		if l.found.from, l.found.wanted = g.Position, wanted; len(wanted) < enough {
			if l.found, err = l.found.more(ctx, s.heavy, conn, g, wanted, enough); err != nil {
				return err
			}
		}
		found = l.found
		return nil
	})
	return found, err
}

// stillThere leaves out what was deleted or erased since it was found.
func stillThere(conn *sqlite.Conn, events []apier.Seq) (left []apier.Seq, err error) {
	left = make([]apier.Seq, 0, len(events))
	for _, seq := range events {
		there, err := exists(conn, "SELECT 1 FROM events WHERE created_seq = +? AND length(payload) > 0", int64(seq))
		if err != nil {
			return nil, err
		}
		if there {
			left = append(left, seq)
		}
	}
	return left, nil
}

const typesOfGroup = "SELECT e.created_seq, e.type, length(e.payload) FROM events e INDEXED BY events_by_tenant WHERE e.tenant = ? AND e.created_seq > ? ORDER BY e.created_seq LIMIT ?"

// more looks on from where it ended. Of a group without a filter it reads no payload.
func (f foundAhead) more(ctx context.Context, turn heavy, conn *sqlite.Conn, g *inboxGroup, wanted []apier.Seq, enough int) (foundAhead, error) {
	f.wanted = append(make([]apier.Seq, 0, len(wanted)+enough), wanted...)
	f.end = false
	query, wants := freshGroup, f.wantsStored(g)
	if g.filter.Empty() {
		query, wants = typesOfGroup, f.wantsType(g)
	}
	stmt, err := conn.Prepare(query)
	if err != nil {
		return f, err
	}
	defer func() { _ = stmt.Reset() }() // reports what Step has reported
	stmt.BindInt64(1, g.tenant)
	stmt.BindInt64(2, int64(f.upto))
	stmt.BindInt64(3, leaseScan)
	looked, bytes := 0, 0
	for ; len(f.wanted) < enough && bytes < sliceBytes; looked++ {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		if more, err := stmt.Step(); err != nil || !more {
			f.end = looked < leaseScan
			return f, err
		}
		wanted, size := false, 0
		if !g.filter.Empty() {
			size = stmt.ColumnLen(payloadColumn)
		}
		if err := turn.do(ctx, size, func() error { wanted = wants(stmt); return nil }); err != nil {
			return f, err
		}
		f.upto = apier.Seq(stmt.ColumnInt64(0))
		if bytes += size; wanted {
			f.wanted = append(f.wanted, f.upto)
		}
	}
	return f, nil
}

func (f *foundAhead) wantsStored(g *inboxGroup) func(*sqlite.Stmt) bool {
	return func(stmt *sqlite.Stmt) bool {
		found := scanEvent(stmt)
		return !found.event.Erased && g.wantsDecoded(found.event.Decoded())
	}
}

func (f *foundAhead) wantsType(g *inboxGroup) func(*sqlite.Stmt) bool {
	return func(stmt *sqlite.Stmt) bool {
		erased := stmt.ColumnInt64(2) == 0
		return !erased && (len(g.Types) == 0 || apier.TypesMatch(g.Types, stmt.ColumnText(1)))
	}
}

// wishes are what the groups of a tenant were found to want of some events, beside the writer.
type wishes struct {
	asked  map[int64]groupWants                 // of each group
	wanted map[apier.EventID]map[int64]struct{} // the groups that want an event
	head   apier.Seq                            // the latest change there was
}

// know reports whether they are of what a group wants now.
func (w *wishes) know(g *inboxGroup) bool {
	asked, known := w.asked[g.id]
	return known && asked == g.asked
}

// wishesFor finds out which groups want each of some events. Each is decoded once.
func (s *Store) wishesFor(ctx context.Context, tenant apier.TenantID, events []store.LeaseRef) (*wishes, error) {
	w := &wishes{asked: map[int64]groupWants{}, wanted: map[apier.EventID]map[int64]struct{}{}}
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		groups, err := readGroups(conn, "WHERE tenant = ? AND name <> ''", t.id)
		if err != nil {
			return err
		}
		for _, g := range groups {
			w.asked[g.id] = g.asked
		}
		position, err := readPosition(conn)
		if err != nil {
			return err
		}
		w.head = apier.Seq(position.place)
		for _, ref := range events {
			if err := w.ofEvent(ctx, s.heavy, conn, t.id, ref.Event, groups); err != nil {
				return err
			}
		}
		return nil
	})
	return w, err
}

const oneOfTenant = "SELECT " + eventColumns + " FROM events e WHERE e.uuid = ? AND e.tenant = ?"

func (w *wishes) ofEvent(ctx context.Context, turn heavy, conn *sqlite.Conn, tenant int64, id apier.EventID, groups []*inboxGroup) error {
	uuid, _ := apier.ParseEventID(string(id)) // of anything else there is none
	return sqlitex.Execute(conn, oneOfTenant, &sqlitex.ExecOptions{Args: []any{uuid[:], tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
		found := scanEvent(stmt)
		of := map[int64]struct{}{}
		w.wanted[id] = of
		return turn.do(ctx, len(found.event.Payload), func() error {
			d := found.event.Decoded()
			for _, g := range groups {
				if err := ctx.Err(); err != nil {
					return err
				}
				if g.wantsDecoded(d) {
					of[g.id] = struct{}{}
				}
			}
			return nil
		})
	}})
}
