package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	maxPage      = 1000
	maxSearch    = 1000 // bytes
	maxMergeArms = 32   // types that are merged, each along its index; more: one walk that filters
)

// List implements store.Events.
func (s *Store) List(ctx context.Context, tenant apier.TenantID, filter store.Filter) (store.Page, error) {
	var page store.Page
	err := s.readOf(ctx, tenant, func(conn *sqlite.Conn) (err error) {
		page, err = list(conn, tenant, filter, s.options.DiskBudget > 0)
		return err
	})
	if err != nil {
		return store.Page{}, wrap("list events", err)
	}
	for i := range page.Events {
		s.checkDepth(&page.Events[i])
	}
	return page, nil
}

func list(conn *sqlite.Conn, name apier.TenantID, filter store.Filter, trimmed bool) (store.Page, error) {
	tenant, err := readTenant(conn, name)
	if err != nil {
		return store.Page{}, err
	}
	q := newListQuery(tenant, filter)
	q.trimmed = trimmed
	if possible, err := q.resolve(conn); err != nil || !possible {
		return store.Page{Seq: tenant.seq}, err
	}
	limit := min(max(filter.Limit, 1), maxPage)
	q.args[":limit"] = limit + 1
	page, size, maxBytes := store.Page{Seq: tenant.seq}, 0, cmp.Or(filter.MaxBytes, maxLeaseBytes)
	err = sqlitex.Execute(conn, q.sql(), &sqlitex.ExecOptions{Named: q.args, ResultFunc: func(stmt *sqlite.Stmt) error {
		if len(page.Events) == limit || size >= maxBytes {
			page.HasMore = true
			return errPageFull
		}
		event := scanEvent(stmt).event
		size += len(event.Payload)
		page.Events = append(page.Events, event)
		return nil
	}})
	if errors.Is(err, errPageFull) {
		err = nil
	}
	return page, err
}

// errPageFull ends a query whose page has its events or its bytes.
var errPageFull = errors.New("the page is full") //nolint:gochecknoglobals // a constant

// listQuery becomes one SELECT. All its walks go along an index in the order of created_seq, so that
// the work grows with the page, not with the table.
type listQuery struct {
	tenant tenantRow
	filter store.Filter
	where  []string
	args   map[string]any
	types  []string // exact types to merge

	statuses []int64 // those to show; none: all
	trimmed  bool    // events leave from the middle, for the disk budget
}

func newListQuery(tenant tenantRow, filter store.Filter) *listQuery {
	return &listQuery{
		tenant: tenant,
		filter: filter,
		where:  []string{"e.tenant = :tenant"},
		args:   map[string]any{":tenant": tenant.id},
	}
}

func (q *listQuery) and(condition, name string, value any) {
	q.where = append(q.where, condition)
	q.args[name] = value
}

// resolve turns the filter into conditions; not possible: nothing can match.
func (q *listQuery) resolve(conn *sqlite.Conn) (possible bool, err error) {
	if err := q.resolveCursor(conn); err != nil {
		return false, err
	}
	q.resolveStatus()
	if err := q.resolveSeqs(conn); err != nil {
		return false, err
	}
	if q.filter.Source != "" {
		q.resolveSource()
	}
	if err := q.resolveTimes(conn); err != nil {
		return false, err
	}
	if err := q.resolveSearch(conn); err != nil {
		return false, err
	}
	return q.resolveTypes(conn)
}

// resolveSource: sources are stored in NFC, but older ones as they were sent.
func (q *listQuery) resolveSource() {
	given, normal := q.filter.Source, norm.NFC.String(q.filter.Source)
	if normal == given {
		q.and("e.source = :source", ":source", given)
		return
	}
	q.and("e.source IN (:source, :source_nfc)", ":source", given)
	q.args[":source_nfc"] = normal
}

// resolveStatus: what waits for endpoints is pending too, though not in the inbox.
func (q *listQuery) resolveStatus() {
	switch {
	case q.filter.Status == "":
	case q.filter.Status == apier.StatusPending && !q.filter.Inbox:
		q.statuses = []int64{statusNumber(apier.StatusPending), statusRouted}
	default:
		q.statuses = []int64{statusNumber(q.filter.Status)}
	}
}

func (q *listQuery) resolveCursor(conn *sqlite.Conn) error {
	if q.filter.StartingAfter == "" {
		return nil
	}
	at, err := q.placeOf(conn, q.filter.StartingAfter)
	if err != nil {
		return err
	}
	if q.filter.OldestFirst {
		q.and("e.created_seq >= :cursor", ":cursor", at.newer)
	} else {
		q.and("e.created_seq < :cursor", ":cursor", at.older)
	}
	return nil
}

// place of an event in the lists: what is older than it stands before older, what is newer from newer on.
type place struct{ older, newer int64 }

// placeOf gives the place of an event in the lists, also of one that was deleted, or has left by retention or for the
// disk budget, while somebody pages.
func (q *listQuery) placeOf(conn *sqlite.Conn, id apier.EventID) (place, error) {
	tenant := q.tenant.id
	found, err := findEvent(conn, tenant, id)
	uuid, ok := apier.ParseEventID(string(id))
	if err == nil || !ok {
		return placeAt(int64(found.createdSeq)), err
	}
	missing, at := err, int64(0)
	err = sqlitex.Execute(conn, "SELECT created_seq FROM tombstones WHERE uuid = ? AND tenant = ?",
		&sqlitex.ExecOptions{Args: []any{uuid[:], tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
			at = stmt.ColumnInt64(0)
			return nil
		}})
	switch {
	case err != nil || at != 0:
		return placeAt(at), err
	case uuid[timeBytes]>>4 != 7: // a version 7 has a time
		return place{}, missing
	case q.trimmed && tenant != 0:
		return placeByTime(conn, tenant, uuid)
	}
	expired, err := beforeAll(conn, tenant, uuid)
	if err == nil && !expired {
		err = missing
	}
	return placeAt(0), err
}

func placeAt(seq int64) place { return place{older: seq, newer: seq + 1} }

// timeBytes begin an id: milliseconds.
const timeBytes = 6

const (
	typeOfTenant   = "SELECT 1 FROM types WHERE tenant = ? LIMIT 1"
	oldestOfTenant = "SELECT uuid FROM events INDEXED BY events_by_tenant WHERE tenant = ? ORDER BY created_seq LIMIT 1"
)

// beforeAll reports whether an id is older than every event there is: its event has outlived its retention, and
// everything that is left comes after it. Types stay, so that a tenant of which nothing is left is told from one that
// never had an event.
func beforeAll(conn *sqlite.Conn, tenant int64, uuid [16]byte) (before bool, err error) {
	err = sqlitex.Execute(conn, typeOfTenant, &sqlitex.ExecOptions{Args: []any{tenant}, ResultFunc: func(*sqlite.Stmt) error {
		before = true
		return nil
	}})
	if err != nil || !before {
		return false, err
	}
	err = sqlitex.Execute(conn, oldestOfTenant, &sqlitex.ExecOptions{Args: []any{tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
		var oldest [16]byte
		stmt.ColumnBytes(0, oldest[:])
		before = bytes.Compare(uuid[:timeBytes], oldest[:timeBytes]) < 0
		return nil
	}})
	return before, err
}

const eventOfTenantFrom = "SELECT created_seq, uuid FROM events INDEXED BY events_by_tenant WHERE tenant = ? AND created_seq >= ? ORDER BY created_seq LIMIT 1"

// placeByTime finds, by halving, where an event stood that has left from the middle: ids grow with created_seq, but for
// those that were made at the same moment.
func placeByTime(conn *sqlite.Conn, tenant int64, uuid [16]byte) (place, error) {
	head, err := readPosition(conn)
	low, high := int64(1), head.place+1 // the answer is in [low, high]
	for err == nil && low < high {
		middle, next := low+(high-low)/2, int64(0)
		older := false
		err = sqlitex.Execute(conn, eventOfTenantFrom, &sqlitex.ExecOptions{Args: []any{tenant, middle}, ResultFunc: func(stmt *sqlite.Stmt) error {
			var at [16]byte
			stmt.ColumnBytes(1, at[:])
			next, older = stmt.ColumnInt64(0), bytes.Compare(at[:], uuid[:]) < 0
			return nil
		}})
		if older {
			low = next + 1
		} else {
			high = middle
		}
	}
	return place{older: low, newer: low}, err
}

// resolveTypes expands the globs to the types in use.
func (q *listQuery) resolveTypes(conn *sqlite.Conn) (possible bool, err error) {
	globs := q.filter.Types
	if len(globs) == 0 || slices.Contains(globs, "*") {
		return true, nil
	}
	var alternatives []string
	for i, glob := range globs {
		name := ":type" + strconv.Itoa(i)
		alternatives = append(alternatives, "e.type GLOB "+name)
		q.args[name] = globPattern(glob)
	}
	condition := "(" + strings.Join(alternatives, " OR ") + ")"
	err = sqlitex.Execute(conn, "SELECT e.type FROM types e WHERE e.tenant = :tenant AND "+condition+" LIMIT 33",
		&sqlitex.ExecOptions{Named: typeArgs(q.args), ResultFunc: func(stmt *sqlite.Stmt) error {
			q.types = append(q.types, stmt.ColumnText(0))
			return nil
		}})
	if err != nil || len(q.types) == 0 {
		return false, err
	}
	if len(q.types) > maxMergeArms {
		q.types = nil
		q.where = append(q.where, condition)
		return true, nil
	}
	for i := range globs {
		delete(q.args, ":type"+strconv.Itoa(i))
	}
	return true, nil
}

func typeArgs(args map[string]any) map[string]any {
	types := make(map[string]any)
	for name, value := range args {
		if name == ":tenant" || strings.HasPrefix(name, ":type") {
			types[name] = value
		}
	}
	return types
}

// globPattern makes all characters but * stand for themselves in SQLite's GLOB.
func globPattern(glob string) string {
	return strings.NewReplacer("[", "[[]", "?", "[?]").Replace(glob)
}

// sql gives the SELECT: one walk, or one per type, merged.
func (q *listQuery) sql() string {
	order := " ORDER BY 1 DESC LIMIT :limit"
	if q.filter.OldestFirst {
		order = " ORDER BY 1 LIMIT :limit"
	}
	index := q.index()
	conditions := q.statusArms(index)
	if len(q.types) > 0 {
		conditions = q.typeArms(conditions)
	}
	arms := make([]string, len(conditions))
	for i, condition := range conditions {
		arms[i] = q.walk(index, condition)
	}
	return strings.Join(arms, " UNION ALL ") + order
}

// statusArms gives a condition for each walk: several only along the index of statuses.
func (q *listQuery) statusArms(index string) []string {
	if len(q.statuses) == 0 {
		return []string{""}
	}
	texts := make([]string, len(q.statuses))
	for i, status := range q.statuses {
		texts[i] = strconv.FormatInt(status, 10)
	}
	if len(texts) > 1 && index != "events_by_status" {
		return []string{" AND e.status IN (" + strings.Join(texts, ", ") + ")"}
	}
	for i := range texts {
		texts[i] = " AND e.status = " + texts[i]
	}
	return texts
}

func (q *listQuery) typeArms(conditions []string) []string {
	var arms []string
	for i, name := range q.types {
		parameter := ":exact" + strconv.Itoa(i)
		q.args[parameter] = name
		for _, condition := range conditions {
			arms = append(arms, condition+" AND e.type = "+parameter)
		}
	}
	return arms
}

func (q *listQuery) walk(index, more string) string {
	return "SELECT " + eventColumns + " FROM events e INDEXED BY " + index + " WHERE " + strings.Join(q.where, " AND ") + more
}

// index picks the walk with the fewest events to pass over. It is named in the query, since SQLite
// would rather walk the whole table where a range of created_seq is given.
func (q *listQuery) index() string {
	if _, one := q.args[":uuid"]; one {
		return "sqlite_autoindex_events_1"
	}
	switch {
	case q.statusIsRare():
		return "events_by_status"
	case len(q.types) > 0:
		return "events_by_type"
	case q.filter.Source != "":
		return "events_by_source"
	case q.filter.Status != "":
		return "events_by_status"
	default:
		return "events_by_tenant"
	}
}

// statusIsRare tells by the counters whether the status alone leaves few events.
func (q *listQuery) statusIsRare() bool {
	t := q.tenant
	var n int64
	switch q.filter.Status {
	case apier.StatusPending:
		n = t.pending
	case apier.StatusDelivered:
		n = t.delivered
	case apier.StatusFailed:
		n = t.failed
	default:
		return false
	}
	return n < (t.pending+t.delivered+t.failed)/8
}
