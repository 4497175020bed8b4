package sqlite

import (
	"context"
	"errors"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
)

const (
	maxStartCheck = 64 << 20               // bytes of a database that is checked before the start goes on: a second or two
	scrubPause    = 200 * time.Millisecond // between slices of one that is larger
	damageRemedy  = "stop the server, keep a copy of the directory, run apier check, and start on a backup or on what sqlite3 apier.db .recover saves; the disk may be failing"
)

// checkAfterKill looks for damage when a server starts on a database that was not closed in order: all of it at once
// where it is small, and the checksums of the events by and by where it is large. What it finds is logged.
func (s *Store) checkAfterKill(ctx context.Context, path string, found examination) {
	inOrder := found.marked && !found.damaged && !found.lost && found.mark.state == markClosed
	if !s.options.Exclusive || found.isNew || inOrder || s.address != path {
		return
	}
	size, err := sizeOf(path)
	wal, walErr := sizeOf(path + "-wal")
	if errors.Join(err, walErr) != nil || size+wal > maxStartCheck {
		s.background.Go(s.scrub)
		return
	}
	findings, err := Check(ctx, path)
	if err != nil {
		s.options.Log.Warn("store: the check after a kill could not be made", "cause", err)
	}
	for _, f := range findings {
		if f.Verdict == Bad && f.What != "mark" { // which has its own words
			s.options.Log.Error("store: the database is damaged", "what", f.What, "found", f.Detail, "remedy", damageRemedy)
		}
	}
}

// scrub holds all events against their checksums, with pauses, until it is done or the store closes.
func (s *Store) scrub() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.NewTimer(scrubPause)
	defer timer.Stop()
	for last := apier.Seq(0); ; {
		select {
		case <-s.closing:
			return
		case <-timer.C:
		}
		more, err := s.scrubSlice(ctx, &last)
		if err != nil {
			s.options.Log.Warn("store: the check of the checksums after a kill stopped; run apier check", "cause", err)
			return
		}
		if !more {
			return
		}
		timer.Reset(scrubPause)
	}
}

// scrubSlice reports whether there is another slice.
func (s *Store) scrubSlice(ctx context.Context, last *apier.Seq) (more bool, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		next, err := sumEvents(conn, *last, math.MaxInt64, func(e summedEvent) {
			if e.known && !e.good {
				s.options.Log.Error("store: an event does not fit its checksum", "event", e.id, "remedy", damageRemedy)
			}
		})
		more, *last = next > *last, next
		return err
	})
	return more, err
}
