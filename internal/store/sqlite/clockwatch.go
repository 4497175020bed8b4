package sqlite

import (
	"log/slog"
	"math"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// beliefAfter is how long a clock that jumped has to go on evenly before things leave by it.
const beliefAfter = day

// clockWatch is the clock by which things leave. It follows the wall clock as long as that agrees with the monotonic
// one. After a jump it goes on as if there had been none, until the wall clock steps back, or has gone on evenly for
// beliefAfter. It belongs to the writer, which asks it with every transaction and at least every half minute.
type clockWatch struct {
	now     func() time.Time
	elapsed func() time.Duration // by the monotonic clock
	log     *slog.Logger

	trusted  apier.Timestamp // at the last look
	at       time.Duration   // elapsed at the last look
	off      int64           // how far the wall clock is ahead, in milliseconds; 0: it agrees
	since    time.Duration   // elapsed when it jumped
	mend     bool            // rows may be dated ahead
	running  bool            // the jump was seen, and not found at the start
	heldFrom apier.Timestamp // see the schema
}

// newClockWatch begins where the database stands. Nothing tells a long rest from a jump that came with the start: both
// wait.
func newClockWatch(s *Store, conn *sqlite.Conn) (*clockWatch, error) {
	c := &clockWatch{now: s.options.Now, elapsed: s.options.Elapsed, log: s.options.Log, mend: true}
	wall := apier.TimestampOf(c.now())
	c.trusted, c.at = wall, c.elapsed()
	var last apier.Timestamp
	err := sqlitex.Execute(conn, "SELECT trusted, held_from FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		last, c.heldFrom = apier.Timestamp(stmt.ColumnInt64(0)), apier.Timestamp(stmt.ColumnInt64(1))
		return nil
	}})
	if last == 0 {
		return c, err
	}
	switch off := int64(wall - last); {
	case off > beliefAfter.Milliseconds():
		c.off, c.since, c.trusted = off, c.at, last
		c.log.Warn("store: the clock is far ahead of the newest rows; nothing leaves by age until it has gone on evenly for a day. If this server rested so long, all is well; else set the clock right",
			"clock", wall.String(), "newest", last.String())
	case off < -clockTolerance:
		c.log.Warn("store: the clock is behind the newest rows; they may be dated ahead, or it may be wrong. Nothing leaves before its time by either",
			"clock", wall.String(), "newest", last.String())
	}
	return c, err
}

// look returns the time to go by.
func (c *clockWatch) look() apier.Timestamp {
	wall, elapsed := apier.TimestampOf(c.now()), c.elapsed()
	expected := c.trusted + apier.Timestamp((elapsed - c.at).Milliseconds())
	off := int64(wall - expected)
	c.at = elapsed
	switch {
	case within(off, clockTolerance):
		c.agrees(wall)
	case c.off == 0 || !within(off-c.off, clockTolerance):
		c.jumped(off, wall)
		c.trusted = expected
	case elapsed-c.since >= beliefAfter:
		c.believe(off, wall)
	default:
		c.trusted = expected
	}
	return c.trusted
}

func (c *clockWatch) agrees(wall apier.Timestamp) {
	if c.off != 0 {
		c.mend = true
		c.log.Warn("store: the clock is back where it was before it jumped; retention goes on by it", "clock", wall.String())
	}
	c.off, c.trusted = 0, wall
}

func (c *clockWatch) jumped(off int64, wall apier.Timestamp) {
	c.off, c.since, c.running = off, c.elapsed(), true
	c.log.Warn("store: the clock jumped; nothing leaves by it until it steps back or has gone on evenly for a day. Set it right if it is wrong",
		"by", (time.Duration(off) * time.Millisecond).String(), "clock", wall.String())
}

// believe takes the wall clock's word. What was stored by the clock of before is dated wrong by as much as it jumped:
// where that is much, nothing leaves before its retention has passed anew.
func (c *clockWatch) believe(off int64, wall apier.Timestamp) {
	c.log.Warn("store: the clock has gone on evenly for a day since it jumped, and is believed now", "clock", wall.String())
	if c.running && !within(off, beliefAfter.Milliseconds()) {
		c.heldFrom = wall
	}
	c.off, c.running, c.mend, c.trusted = 0, false, true, wall
}

// before returns the time before which a thing is too old; the beginning of time while nothing may leave.
func (c *clockWatch) before(retention time.Duration) int64 {
	if c.heldFrom != 0 && c.heldFrom <= c.trusted && int64(c.trusted-c.heldFrom) < retention.Milliseconds() {
		return math.MinInt64 / 2
	}
	return int64(c.trusted) - retention.Milliseconds()
}

// future is the time from which on a row is dated ahead of any clock that is right.
func (c *clockWatch) future() int64 { return int64(c.trusted) + clockTolerance }

func within(ms, bound int64) bool { return -bound <= ms && ms <= bound }
