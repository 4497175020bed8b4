package api

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const exportPage = 500 // events read at once

// exporter writes events in one format.
type exporter struct {
	contentType string
	begin       func(w io.Writer) error
	event       func(w io.Writer, e *apier.Event, first bool) error
	end         func(w io.Writer) error
}

// exportEvents answers GET /api/events/export: every event that the filters let through, newest first,
// streamed. If it cannot be completed the connection is cut, so that a part is never taken for the whole.
func (a *API) exportEvents(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	filter, faults := readFilter(q, "format")
	format := q.Get("format")
	if format == "" {
		format = "json"
	}
	x, known := exporters()[format]
	if !known {
		faults = append(faults, apier.FieldError{Field: "format", Reason: "must be json, ndjson or csv"})
	}
	if len(faults) > 0 {
		return badQuery(faults)
	}
	filter.Limit, filter.MaxBytes = exportPage, exportBytes
	walk, err := a.beginSearch(c.ctx(), c.id.Tenant, filter)
	if err != nil {
		return err
	}
	room, cancel := context.WithTimeout(c.ctx(), roomWait)
	defer cancel()
	page, err := a.nextOfExport(room, c, walk)
	if err != nil {
		return a.tooSlow(q, err)
	}
	h := c.w.Header()
	h.Set("Content-Type", x.contentType)
	h.Set("Content-Disposition", `attachment; filename="events.`+format+`"`)
	h.Set("Cache-Control", "no-store")
	out := c.stream(payloadBytes(page.Events) + eventOverhead*int64(len(page.Events)))
	if err := a.export(c, out, x, walk, page); err != nil {
		out.discard()
		if c.ctx().Err() == nil {
			a.opt.Log.Error("api: export cut short", "tenant", c.id.Tenant, "user", c.id.Subject, "cause", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (a *API) export(c *call, out *textStream, x exporter, walk *searchWalk, page store.Page) error {
	if err := x.begin(out); err != nil {
		return err
	}
	defer context.AfterFunc(c.ctx(), func() { _ = out.control.SetWriteDeadline(time.Now()) })() // a client that does not read
	for first := true; ; {
		for i := range page.Events {
			if err := x.event(out, &page.Events[i], first); err != nil {
				return err
			}
			first = false
		}
		if !page.HasMore {
			return endExport(out, x)
		}
		if err := out.Flush(); err != nil {
			return err
		}
		page = store.Page{}
		var err error
		if page, err = a.nextOfExport(c.ctx(), c, walk); err != nil { // which waits for room as long as the client does
			return err
		}
	}
}

func (a *API) nextOfExport(room context.Context, c *call, walk *searchWalk) (page store.Page, err error) {
	//nolint:contextcheck // the time to wait for room is not that of the read
	err = c.page(room, exportBytes+int64(a.opt.MaxPayload), func() (int64, error) {
		page, err = walk.next(c.ctx(), a)
		return payloadBytes(page.Events), err
	})
	return page, err
}

func endExport(out *textStream, x exporter) error {
	if err := x.end(out); err != nil {
		return err
	}
	return out.Close()
}

func payloadBytes(events []apier.Event) (n int64) {
	for i := range events {
		n += int64(len(events[i].Payload))
	}
	return n
}

func exporters() map[string]exporter {
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	return map[string]exporter{
		"json":   {"application/json", write("["), jsonEvent, write("]\n")},
		"ndjson": {"application/x-ndjson", write(""), ndjsonEvent, write("")},
		"csv":    {"text/csv; charset=utf-8", csvHead, csvEvent, write("")},
	}
}

func jsonEvent(w io.Writer, e *apier.Event, first bool) error {
	var b []byte
	if !first {
		b = append(b, ',')
	}
	_, err := w.Write(e.AppendJSON(append(b, '\n')))
	return err
}

// ndjsonEvent writes one line. A payload's own line breaks stand between its tokens, so blanks serve as
// well.
func ndjsonEvent(w io.Writer, e *apier.Event, _ bool) error {
	line := e.AppendJSON(nil)
	for i, b := range line {
		if b == '\n' || b == '\r' {
			line[i] = ' '
		}
	}
	_, err := w.Write(append(line, '\n'))
	return err
}

func csvHead(w io.Writer) error {
	_, err := io.WriteString(w, "id,type,source,status,created_at,updated_at,delivery_attempts,last_delivery_attempt,delivery_latency_ms,error_message,seq,payload\n")
	return err
}

func csvEvent(w io.Writer, e *apier.Event, _ bool) error {
	latency, last := "", ""
	if e.DeliveryLatencyMS >= 0 {
		latency = strconv.FormatInt(e.DeliveryLatencyMS, 10)
	}
	if e.LastDeliveryAttempt != 0 {
		last = e.LastDeliveryAttempt.String()
	}
	row := csv.NewWriter(w)
	if err := row.Write([]string{
		string(e.ID), cell(e.Type), cell(e.Source), string(e.Status), e.CreatedAt.String(), e.UpdatedAt.String(),
		strconv.Itoa(e.DeliveryAttempts), last, latency, cell(e.ErrorMessage), strconv.FormatInt(int64(e.Seq), 10), string(e.Payload),
	}); err != nil {
		return err
	}
	row.Flush()
	return row.Error()
}

// formulaStart are the characters with which a spreadsheet begins a formula: those of ASCII, and the full-width and small
// forms of them that East Asian editions take for the same.
const formulaStart = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"

// cell keeps a spreadsheet from running user data as a formula (OWASP, CSV injection). Spaces and invisible characters
// before it do not hide one.
func cell(s string) string {
	shown := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
	first, _ := utf8.DecodeRuneInString(shown)
	if shown != "" && strings.ContainsRune(formulaStart, first) || strings.IndexAny(s, "\t\r\n") == 0 {
		return "'" + s
	}
	return s
}
