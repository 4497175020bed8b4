package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// followInbox gives events in the order of their creation: {events, next, cursor, has_more}.
func (a *API) followInbox(c *call, q url.Values) error {
	faults := unknownParameters(q, []string{"after", "limit", "wait_seconds"})
	at, faults := a.readCursor(c.id.Tenant, q.Get("after"), faults)
	limit, faults := readPull(q, faults)
	wait, faults := readSeconds(q, "wait_seconds", 0, maxWaitSeconds, faults)
	if len(faults) > 0 {
		return badQuery(faults)
	}
	if err := a.checkCursor(c, at); err != nil {
		return err
	}
	var page store.FollowPage
	err := a.wait(c, wait, pull{line: lineKey{kind: lineOfFollow}, look: func(ctx context.Context, _ apier.Seq) (r store.Readiness, err error) {
		err = a.listed(ctx, c, store.Filter{Limit: limit}, func() (_ []apier.Event, err error) {
			page, err = a.store.Follow(ctx, c.id.Tenant, at.seq, limit)
			return page.Events, err
		})
		r.Ready = len(page.Events) > 0
		return r, err
	}})
	if err != nil {
		return err
	}
	body := appendEvents([]byte(`{"events":`), page.Events)
	body = strconv.AppendInt(append(body, `,"next":`...), int64(page.Next), 10)
	body = append(append(append(body, `,"cursor":"`...), a.cursor(c.id.Tenant, page.Next)...), '"')
	body = strconv.AppendBool(append(body, `,"has_more":`...), page.HasMore)
	writeJSON(c.w, http.StatusOK, append(body, '}'))
	return nil
}

// logPlace is where somebody reads on. A bare number names no run.
type logPlace struct {
	run string
	seq apier.Seq
}

const cursorPrefix = "c_"

// cursor names a place: the run in which it was told, by which a history that was put back is known, and the tenant.
func (a *API) cursor(tenant apier.TenantID, seq apier.Seq) string {
	return cursorPrefix + a.opt.Run + "_" + tenantMark(tenant) + "_" + strconv.FormatInt(int64(seq), 10)
}

func tenantMark(tenant apier.TenantID) string {
	sum := sha256.Sum256([]byte(tenant))
	return hex.EncodeToString(sum[:4])
}

// readCursor reads a cursor, or a bare number, which is taken as of the present run.
func (a *API) readCursor(tenant apier.TenantID, text string, faults []apier.FieldError) (logPlace, []apier.FieldError) {
	run, digits := "", text
	if rest, ok := strings.CutPrefix(text, cursorPrefix); ok {
		parts := strings.Split(rest, "_")
		if len(parts) == 3 && parts[1] == tenantMark(tenant) {
			run, digits = parts[0], parts[2]
		}
	}
	seq, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seq < 0 {
		faults = append(faults, apier.FieldError{Field: "after", Reason: "must be 0, or the cursor of an earlier answer to this tenant"})
	}
	return logPlace{run, apier.Seq(seq)}, faults
}

// headerCursorRun says of a bare number that it was taken as of the present run: whether it is of a history that an
// older database has replaced, only a cursor can tell.
const headerCursorRun = "Apier-Cursor-Run"

// checkCursor refuses a place that is not of this history: its reader would be given what comes after other events than
// those it has, and believe that it had all.
func (a *API) checkCursor(c *call, at logPlace) error {
	if at.run != "" {
		if held, err := a.store.Holds(c.ctx(), c.id.Tenant, at.run, at.seq); err != nil || !held {
			return cmp.Or(err, errLostCursor())
		}
	}
	head, err := a.store.Head(c.ctx(), c.id.Tenant)
	switch {
	case err != nil:
		return err
	case at.seq > head && at.run != "":
		return errLostCursor()
	case at.seq > head:
		return badQuery([]apier.FieldError{{Field: "after", Reason: fmt.Sprintf(
			"is %d, and the latest change here is %d: the cursor is of another server, or an older database was restored; read again from 0", at.seq, head)}})
	}
	if at.run == "" && at.seq > 0 {
		c.w.Header().Set(headerCursorRun, "assumed; send the cursor of an answer in place of its next")
	}
	return nil
}

func errLostCursor() error {
	return apier.Errorf(apier.CodeConflict, "The cursor is of a history that is not here: an older database was restored, or it is of another server. "+
		"What was created since then may be other events. Read again from after=0, or from the place of the restored copy.")
}
