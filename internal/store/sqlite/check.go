package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// Verdict says what a check found.
type Verdict string

// The verdicts of a check. What is unknown may be good or bad: nothing tells.
const (
	Good    Verdict = "good"
	Bad     Verdict = "bad"
	Unknown Verdict = "unknown"
)

// Finding is one line of a check.
type Finding struct {
	Verdict Verdict
	What    string // mark, structure, events, head, counters
	Detail  string
}

// maxNamed bounds the damaged events that a check names.
const maxNamed = 20

// checker collects findings about one state of a database.
type checker struct {
	conn     *sqlite.Conn
	findings []Finding
}

func (c *checker) add(v Verdict, what, format string, args ...any) {
	c.findings = append(c.findings, Finding{v, what, fmt.Sprintf(format, args...)})
}

// Check examines a database, of a server that runs or of one that stands, and writes nothing. It reads all of it. An
// error says that the check could not be made; damage is a finding.
func Check(ctx context.Context, path string) ([]Finding, error) {
	c := &checker{}
	found, err := examine(ctx, path, "")
	var lost *LostError
	switch {
	case errors.As(err, &lost):
		c.add(Bad, "mark", "%v", lost)
	case err != nil:
		c.add(Bad, "mark", "%v", errDamaged(err))
		return c.findings, ctx.Err()
	default:
		c.addMark(path, found)
	}
	if found.isNew {
		return c.findings, nil
	}
	if c.conn, err = sqlite.OpenConn(path, sqlite.OpenReadOnly); err != nil {
		return c.findings, err
	}
	c.conn.SetBusyTimeout(busyTimeout)
	c.conn.SetInterrupt(ctx.Done())
	defer func() { c.conn.SetInterrupt(nil); _ = c.conn.Close() }()
	c.all()
	return c.findings, ctx.Err()
}

func (c *checker) addMark(path string, x examination) {
	switch {
	case x.isNew:
		c.add(Bad, "mark", "there is no database at %s", path)
	case x.oldSchema:
		c.add(Unknown, "mark", "the database was written by a program that kept none")
	case !x.marked:
		c.add(Unknown, "mark", "%s is missing or damaged: nobody can say whether the latest commits are all there", MarkPath(path))
	case x.damaged:
		c.add(Bad, "mark", "one of its two records is damaged; the database stands at commit %d, the other says %d", x.commits, x.mark.commits)
	default:
		c.add(Good, "mark", "the database stands at commit %d, the mark at %d (%s)", x.commits, x.mark.commits, strings.TrimSpace(string(x.mark.state)))
	}
}

// all reads everything in one transaction. A step that cannot be made is damage, and does not keep off the others.
func (c *checker) all() {
	if err := exec(c.conn, "BEGIN"); err != nil {
		c.add(Bad, "structure", "%v", errDamaged(err))
		return
	}
	for _, step := range []struct {
		what string
		run  func() error
	}{{"structure", c.structure}, {"events", c.events}, {"head", c.head}, {"counters", c.counters}} {
		if err := step.run(); err != nil {
			c.add(Bad, step.what, "%v", errDamaged(err))
		}
	}
	_ = exec(c.conn, "ROLLBACK")
}

// structure is SQLite's own check: pages, trees, and that each index holds what its table holds.
func (c *checker) structure() error {
	var faults []string
	err := sqlitex.ExecuteTransient(c.conn, "PRAGMA integrity_check(20)", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		if line := stmt.ColumnText(0); line != "ok" {
			faults = append(faults, line)
		}
		return nil
	}})
	if err == nil && len(faults) == 0 {
		c.add(Good, "structure", "SQLite finds every page, table and index whole")
	}
	for _, fault := range faults {
		c.add(Bad, "structure", "%s", fault)
	}
	return err
}

// events holds each event against its checksum.
func (c *checker) events() error {
	columns, err := metaColumns(c.conn)
	if err != nil {
		return err
	}
	if !columns["commits"] {
		c.add(Unknown, "events", "they have no checksums yet: the program that wrote them made none")
		return nil
	}
	sums, err := countSums(c.conn, func() error { return nil })
	for i, id := range sums.bad {
		if i < maxNamed {
			c.add(Bad, "events", "%s does not fit its checksum: its payload, type, source or time was changed on the disk", id)
		}
	}
	if n := len(sums.bad); n > maxNamed {
		c.add(Bad, "events", "and %d more", n-maxNamed)
	}
	if sums.unknown > 0 {
		c.add(Unknown, "events", "%d have no checksum yet", sums.unknown)
	}
	if sums.good > 0 || sums.unknown == 0 && len(sums.bad) == 0 {
		c.add(Good, "events", "%d fit their checksums", sums.good)
	}
	return err
}

type sumCount struct {
	good, unknown int64
	bad           []apier.EventID
}

// countSums holds all events against their checksums, a slice at a time; between asks whether to go on.
func countSums(conn *sqlite.Conn, between func() error) (n sumCount, err error) {
	for last := apier.Seq(0); err == nil; {
		last, err = sumEvents(conn, last, math.MaxInt64, func(e summedEvent) {
			switch {
			case !e.known:
				n.unknown++
			case e.good:
				n.good++
			default:
				n.bad = append(n.bad, e.id)
			}
		})
		if last == 0 {
			return n, err
		}
		if err == nil {
			err = between()
		}
	}
	return n, err
}

// head: no change may be later than the latest, or its seq would be given again.
func (c *checker) head() error {
	position, err := readPosition(c.conn)
	if err != nil {
		return err
	}
	latest, err := sqlitex.ResultInt64(c.conn.Prep("SELECT coalesce(max(created_seq), 0) FROM events"))
	if err != nil {
		return err
	}
	if latest > position.place {
		c.add(Bad, "head", "the latest change is said to be %d, and an event is at %d: seqs would be given twice", position.place, latest)
		return nil
	}
	c.add(Good, "head", "the latest change is %d", position.place)
	return c.tenantHeads()
}

const aheadOfTenant = "SELECT t.name, t.seq, max(e.seq) FROM tenants t JOIN events e INDEXED BY events_by_seq ON e.tenant = t.id " +
	"AND e.seq > t.seq GROUP BY t.id"

// tenantHeads has nothing to say of a database in which seqs are of all tenants.
func (c *checker) tenantHeads() error {
	own, err := exists(c.conn, "SELECT 1 FROM pragma_table_info('tenants') WHERE name = 'seq'")
	if err != nil || !own {
		return err
	}
	return sqlitex.Execute(c.conn, aheadOfTenant, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		c.add(Bad, "head", "the latest change of %s is said to be %d, and an event of it is at %d: seqs would be given twice",
			stmt.ColumnText(0), stmt.ColumnInt64(1), stmt.ColumnInt64(2))
		return nil
	}})
}

// recounts are counters as they are kept, beside the rows that they count.
const (
	recountEvents = `SELECT t.name || ' ' || c.status, c.kept, (SELECT count(*) FROM events e WHERE e.tenant = t.id AND e.status IN (c.number, CASE c.number WHEN 1 THEN 4 ELSE c.number END))
		FROM tenants t JOIN (SELECT id, 1 AS number, 'pending' AS status, pending AS kept FROM tenants UNION ALL
			SELECT id, 2, 'delivered', delivered FROM tenants UNION ALL SELECT id, 3, 'failed', failed FROM tenants) c ON c.id = t.id`
	recountDeliveries = `SELECT 'deliveries of endpoint ' || c.endpoint || ' ' || c.status, c.kept,
			(SELECT count(*) FROM deliveries d WHERE d.endpoint = c.endpoint AND d.status = c.number)
		FROM (SELECT number AS endpoint, 1 AS number, 'pending' AS status, pending AS kept FROM endpoints UNION ALL
			SELECT number, 2, 'delivered', delivered FROM endpoints UNION ALL SELECT number, 3, 'failed', failed FROM endpoints) c`
	recountLeases = `SELECT 'open of group ' || g.name, g.open, (SELECT count(*) FROM inbox_leases l WHERE l.group_id = g.id) FROM inbox_groups g`
)

func (c *checker) counters() error {
	good, bad := 0, 0
	for _, query := range []string{recountEvents, recountDeliveries, recountLeases} {
		err := sqlitex.ExecuteTransient(c.conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			kept, counted := stmt.ColumnInt64(1), stmt.ColumnInt64(2)
			if kept == counted {
				good++
				return nil
			}
			bad++
			c.add(Bad, "counters", "%s is kept as %d, and there are %d", stmt.ColumnText(0), kept, counted)
			return nil
		}})
		if err != nil {
			return err
		}
	}
	if bad == 0 {
		c.add(Good, "counters", "%d are what their rows count", good)
	}
	return nil
}
