// Package encoding chooses and writes the content codings of HTTP answers.
package encoding

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Choose returns the first of the known codings that the request's Accept-Encoding takes; "": none, or none is asked for.
func Choose(header http.Header, known ...string) string {
	weights := map[string]float64{}
	for item := range strings.SplitSeq(strings.Join(header["Accept-Encoding"], ","), ",") {
		name, weight := readItem(item)
		weights[name] = weight
	}
	for _, coding := range known {
		weight, named := weights[coding]
		if !named {
			weight = weights["*"]
		}
		if weight > 0 {
			return coding
		}
	}
	return ""
}

// readItem reads one item of Accept-Encoding, such as "gzip;q=0.5". What is no number refuses the coding: plain is safe.
func readItem(item string) (name string, weight float64) {
	name, parameters, _ := strings.Cut(item, ";")
	weight = 1
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(parameter, "=")
		if strings.EqualFold(strings.TrimSpace(key), "q") {
			weight, _ = strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return strings.ToLower(strings.TrimSpace(name)), weight
}

// writers keeps gzip writers between answers: each has some hundred KiB of tables.
var writers = sync.Pool{New: func() any { //nolint:gochecknoglobals // one pool for all answers
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // a constant level is valid
	return w
}}

// Gzip returns a text compressed.
func Gzip(text []byte) []byte {
	var compressed bytes.Buffer
	w := NewWriter(&compressed)
	_, _ = w.Write(text) // a buffer takes everything
	_ = w.Close()
	return compressed.Bytes()
}

// Writer compresses what is written to it. Close it to end the text.
type Writer struct{ gzip *gzip.Writer }

// NewWriter returns a writer that writes compressed to another.
func NewWriter(to io.Writer) *Writer {
	w, _ := writers.Get().(*gzip.Writer)
	w.Reset(to)
	return &Writer{w}
}

// Write implements io.Writer.
func (w *Writer) Write(b []byte) (int, error) { return w.gzip.Write(b) }

// Flush writes what was given so far, so that the reader can decompress it.
func (w *Writer) Flush() error { return w.gzip.Flush() }

// Close ends the text. The writer is not used after it.
func (w *Writer) Close() error {
	err := w.gzip.Close()
	w.Discard()
	return err
}

// Discard gives the writer up without an end of the text. After Close it does nothing.
func (w *Writer) Discard() {
	if w.gzip == nil {
		return
	}
	w.gzip.Reset(io.Discard)
	writers.Put(w.gzip)
	w.gzip = nil
}
