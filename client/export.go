package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ExportFormat is how an export is written.
type ExportFormat string

// The formats.
const (
	ExportJSON   ExportFormat = "json"   // an array of events, as Get has them
	ExportNDJSON ExportFormat = "ndjson" // one event a line
	ExportCSV    ExportFormat = "csv"    // with a head; for spreadsheets
)

// exportTime is how long an export may take, besides what ctx says.
const exportTime = 24 * time.Hour

// Export writes all events that match to w, newest first, as they come: memory does not bound it, and RequestTimeout
// does not either. It is tried again until the first byte. With an error, what was written is not the whole.
func (c *Client) Export(ctx context.Context, w io.Writer, f EventFilter, format ExportFormat) error {
	q := f.query()
	q.Set("format", string(format))
	return c.do(ctx, request{method: http.MethodGet, path: "/api/events/export", query: q, wait: exportTime, file: &file{w, format}}, nil)
}

// file takes an answer as it comes.
type file struct {
	w      io.Writer
	format ExportFormat
}

// take trusts nobody: what answers may be a proxy, with a page of its own.
func (f *file) take(req *http.Request, res *http.Response) error {
	address := req.URL.Redacted()
	if kind := res.Header.Get("Content-Type"); !strings.Contains(kind, string(f.format)) { // application/x-ndjson, …
		return fmt.Errorf("apier: what answered %s %s is not the server: it sent %q, and nothing was written", req.Method, address, kind)
	}
	if n, err := io.Copy(f.w, res.Body); err != nil {
		return fmt.Errorf("apier: %s %s was cut after %d bytes: %w", req.Method, address, n, err)
	}
	return nil
}
