package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	defaultLimit = 50
	maxLimit     = 100
	maxSearch    = 200 // bytes
	maxTypeGlobs = 20
)

// listEvents answers GET /api/events: {events, has_more, seq}, newest first.
func (a *API) listEvents(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	filter, faults := readFilter(q, "limit", "starting_after")
	filter.Limit, faults = readLimit(q, faults)
	filter.StartingAfter = apier.EventID(q.Get("starting_after"))
	if len(faults) > 0 {
		return badQuery(faults)
	}
	if filter.Search != "" { // which takes long, and holds room for its page meanwhile
		filter.MaxBytes = exportBytes
	}
	var page store.Page
	err = a.listed(c.ctx(), c, filter, func() (_ []apier.Event, err error) {
		page, err = a.list(c, q, filter)
		return page.Events, err
	})
	if err != nil {
		return err
	}
	body := appendEvents([]byte(`{"events":`), page.Events)
	body = append(body, `,"has_more":`...)
	body = strconv.AppendBool(body, page.HasMore)
	body = append(body, `,"seq":`...)
	writeJSON(c.w, http.StatusOK, append(strconv.AppendInt(body, int64(page.Seq), 10), '}'))
	return nil
}

// getEvent answers GET /api/events/{id}.
func (a *API) getEvent(c *call) error {
	event, err := a.store.Event(c.ctx(), c.id.Tenant, apier.EventID(c.r.PathValue("id")))
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, event.AppendWhole(nil))
	return nil
}

// deleteEvent answers DELETE /api/events/{id} with 204.
func (a *API) deleteEvent(c *call) error {
	if err := a.store.Delete(c.ctx(), c.id.Tenant, apier.EventID(c.r.PathValue("id"))); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// readFilter reads what lists and exports filter by. others are the parameters that the caller reads.
func readFilter(q url.Values, others ...string) (store.Filter, []apier.FieldError) {
	known := append([]string{"status", "type", "source", "search", "created_after", "created_before"}, others...)
	faults := unknownParameters(q, known)
	f := store.Filter{Status: apier.Status(q.Get("status")), Source: q.Get("source"), Search: q.Get("search")}
	if f.Status != "" && !f.Status.Valid() {
		faults = append(faults, apier.FieldError{Field: "status", Reason: "must be pending, delivered or failed"})
	}
	f.Types = typeGlobs(q)
	faults = append(faults, typeFaults(f.Types)...)
	if len(f.Search) > maxSearch {
		faults = append(faults, apier.FieldError{Field: "search", Reason: "is longer than " + strconv.Itoa(maxSearch) + " bytes"})
	}
	f.CreatedAfter, faults = readTime(q, "created_after", faults)
	f.CreatedBefore, faults = readTime(q, "created_before", faults)
	return f, faults
}

func typeFaults(globs []string) []apier.FieldError {
	if len(globs) > maxTypeGlobs {
		return []apier.FieldError{{Field: "type", Reason: "names more than " + strconv.Itoa(maxTypeGlobs) + " globs"}}
	}
	for _, glob := range globs {
		if len(glob) > apier.MaxTypeSize {
			return []apier.FieldError{{Field: "type", Reason: fmt.Sprintf("has a glob of %d bytes; a type has at most %d", len(glob), apier.MaxTypeSize)}}
		}
	}
	return nil
}

// typeGlobs returns the types that a list is limited to; none: all.
func typeGlobs(q url.Values) (globs []string) {
	for _, value := range q["type"] {
		for glob := range strings.SplitSeq(value, ",") {
			if glob = strings.TrimSpace(glob); glob != "" {
				globs = append(globs, glob)
			}
		}
	}
	return globs
}

func readTime(q url.Values, name string, faults []apier.FieldError) (apier.Timestamp, []apier.FieldError) {
	text := q.Get(name)
	if text == "" {
		return 0, faults
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, append(faults, apier.FieldError{Field: name, Reason: "must be an RFC 3339 time such as 2025-11-14T17:30:00Z (a + in it is written %2B)"})
	}
	return asTime(apier.TimestampOf(t)), faults
}

// asTime keeps the first moment of 1970 from being taken for no time at all, which would turn nothing into everything.
func asTime(at apier.Timestamp) apier.Timestamp {
	if at == 0 {
		return 1
	}
	return at
}

func readFlag(q url.Values, name string, faults []apier.FieldError) (bool, []apier.FieldError) {
	text := q.Get(name)
	if text != "true" && text != "false" {
		faults = append(faults, apier.FieldError{Field: name, Reason: "must be true or false"})
	}
	return text == "true", faults
}

func readLimit(q url.Values, faults []apier.FieldError) (int, []apier.FieldError) {
	text := q.Get("limit")
	if text == "" {
		return defaultLimit, faults
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, append(faults, apier.FieldError{Field: "limit", Reason: "must be a number from 1 to " + strconv.Itoa(maxLimit)})
	}
	return n, faults
}

func badQuery(faults []apier.FieldError) error {
	words := make([]string, len(faults))
	for i, f := range faults {
		words[i] = f.Field + " " + f.Reason
	}
	return &apier.Error{Code: apier.CodeInvalid, Message: "The query does not fit: " + strings.Join(words, "; ") + ".", Fields: faults}
}
