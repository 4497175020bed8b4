package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/memory"
	"github.com/apier/apier/internal/store"
)

const (
	firstRead   = 32 << 10 // bytes of memory for a body, at first
	smallAnswer = 64 << 10 // bytes of an answer that is not counted
)

// errTooLong is what readAll returns for a body beyond its limit.
var errTooLong = errors.New("the body is over its limit") //nolint:gochecknoglobals // a constant

// readAll reads a body of at most limit bytes. It takes memory as the body comes, so a sender that is slow holds what it
// has sent and no more. A body that says that it is longer is refused before it is read: a client that waits for
// 100 Continue then gets the refusal in its place.
func (c *call) readAll(limit int) ([]byte, error) {
	if c.r.ContentLength > int64(limit) {
		return nil, errTooLong
	}
	size := firstRead
	if n := int(c.r.ContentLength); n >= 0 && n < firstRead {
		size = n + 1 // one more, to see its end
	}
	source := http.MaxBytesReader(c.raw, c.r.Body, int64(limit))
	if err := c.memory.Grow(int64(size)); err != nil {
		return nil, c.outOfMemory()
	}
	body := make([]byte, 0, size)
	for {
		n, err := source.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		var tooLong *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case errors.As(err, &tooLong):
			return body, errTooLong
		case err != nil:
			return body, err
		case len(body) == cap(body):
			more := min(cap(body), limit+1-cap(body))
			if err := c.memory.Grow(int64(more)); err != nil {
				return nil, c.outOfMemory()
			}
			body = append(make([]byte, 0, cap(body)+more), body...)
		}
	}
}

// outOfMemory answers a request that finds no room. What is sent of it still is not read.
func (c *call) outOfMemory() *apier.Error {
	c.w.Header().Set("Connection", "close")
	c.excess = true
	return errOutOfMemory()
}

func errOutOfMemory() *apier.Error {
	return apier.Errorf(apier.CodeUnavailable, "The memory for requests under way is used up, or your share of it (--memory-budget). Read answers to their end, send less at once, and try again.")
}

// answerWriter counts an answer that is in memory until it is written.
type answerWriter struct {
	http.ResponseWriter
	account *memory.Account
	counted int64 // bytes of the page that was read, or of the answer made of it
	changed bool  // the request has changed something, so that its answer is not refused

	takesGzip bool
}

// Unwrap lets http.ResponseController find what is beneath.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// hold counts an answer in place of what it was made of.
func (w *answerWriter) hold(n int) error {
	more := int64(n) - w.counted
	if n <= smallAnswer {
		more = -w.counted
	}
	if more > 0 && !w.changed {
		if err := w.account.Grow(more); err != nil {
			return err
		}
	} else {
		w.account.Force(more)
	}
	w.counted += more
	return nil
}

// Bounds of a page that is read for an answer.
const (
	pageBytes   = 8 << 20 // of payloads, as the store has it
	exportBytes = 1 << 20 // of a page of an export
	roomWait    = 5 * time.Second
)

// page reads a page, once there is room for the largest that it can be. From then on it counts as what it is: read returns
// the bytes of what it has read, which are in memory twice while the answer is made. The page before it counts no more.
func (c *call) page(ctx context.Context, most int64, read func() (size int64, err error)) error {
	w, ok := c.w.(*answerWriter)
	if !ok {
		_, err := read()
		return err
	}
	w.account.Force(-w.counted)
	w.counted = 0
	taken, err := w.account.Wait(ctx, most)
	if err != nil {
		return c.outOfMemory()
	}
	size, err := read()
	w.counted = 2 * size
	w.account.Force(w.counted - taken)
	return err
}

// listed reads a page of events, whose filter bounds it.
func (a *API) listed(ctx context.Context, c *call, filter store.Filter, read func() ([]apier.Event, error)) error {
	ctx, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	one := int64(a.opt.MaxPayload + envelopeSize)
	most := min(int64(filter.Limit)*one, int64(cmp.Or(filter.MaxBytes, pageBytes))+one)
	return c.page(ctx, most, func() (int64, error) {
		events, err := read()
		return payloadBytes(events), err
	})
}

// changes says that the request is about to change something, if there is room for an answer at all.
func (c *call) changes() error {
	if err := c.memory.Admit(); err != nil {
		return c.outOfMemory()
	}
	if w, ok := c.w.(*answerWriter); ok {
		w.changed = true
	}
	return nil
}
