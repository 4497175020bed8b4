package delivery

import (
	"context"
	"net/http"
	"time"

	"github.com/apier/apier"
)

// The watchdog's patience with an attempt that ends neither with its time nor when it is told to. Both are well within
// the lease.
const (
	overdueAfter = 2 * time.Second        // beyond its timeout
	abortedAfter = 250 * time.Millisecond // after it was told to end
)

// sent is what came of an attempt.
type sent struct {
	attempt apier.Attempt
	header  http.Header
	fault   error
}

// sendInTime makes an attempt and returns in time, whatever the attempt does: it holds a place, which others need. One
// that does not end is left behind, and counts as one that had no answer in time.
func (d *Dispatcher) sendInTime(ctx context.Context, m message, ids []any) (apier.Attempt, http.Header, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := d.opt.Now()
	done := make(chan sent, 1)
	go func() {
		attempt, header, fault := d.send(ctx, m)
		done <- sent{attempt, header, fault}
	}()
	overdue := time.NewTimer(time.Duration(m.endpoint.TimeoutMS)*time.Millisecond + overdueAfter)
	defer overdue.Stop()
	select {
	case s := <-done:
		return s.attempt, s.header, s.fault
	case <-overdue.C:
	case <-ctx.Done():
		overdue.Reset(abortedAfter)
		select {
		case s := <-done:
			return s.attempt, s.header, s.fault
		case <-overdue.C:
		}
	}
	held := d.opt.Now().Sub(started)
	d.opt.Log.Warn("delivery: an attempt does not end and was given up; its place is free again", append(ids, "held", held.Round(time.Millisecond))...)
	return apier.Attempt{
		StartedAt: apier.TimestampOf(started), DurationMS: ms(held),
		ErrorKind: apier.ErrorTimeout, ErrorMessage: "the attempt did not end in time",
	}, nil, nil
}
