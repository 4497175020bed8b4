package api

import (
	"io"
	"net/http"
	"strconv"

	"github.com/apier/apier/internal/encoding"
)

const (
	leastCompressed = 1 << 10 // bytes of an answer below which compression saves nothing: it fits into one packet
	compressorSize  = 1 << 20 // bytes that a compressor holds while it writes
	eventOverhead   = 300     // bytes of an event in an export, without its payload
)

// takesGzip reports whether the answer to a request may be compressed. Only what is read is: answers to POST hold tokens
// and secrets, whose length must tell nothing about them, and are short (docs/decisions/0034-compression.md).
func takesGzip(r *http.Request) bool {
	return r.Method == http.MethodGet && encoding.Choose(r.Header, "gzip") != ""
}

// compressed returns the answer to write, and says in the headers how it is written.
func (w *answerWriter) compressed(body []byte) []byte {
	if !w.takesGzip || len(body) < leastCompressed {
		return body
	}
	shorter := encoding.Gzip(body)
	if len(shorter) >= len(body) {
		return body
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.account.Force(int64(len(shorter)))
	w.counted += int64(len(shorter))
	return shorter
}

// fixedText is an answer that is the same for everybody, with its compressed form.
type fixedText struct{ plain, gzipped []byte }

func newFixedText(plain []byte) fixedText { return fixedText{plain, encoding.Gzip(plain)} }

func (t fixedText) serve(c *call, contentType string) error {
	h := c.w.Header()
	body := t.plain
	if takesGzip(c.r) {
		body = t.gzipped
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", describedFor)
	_, _ = c.w.Write(body) // the client may be gone; there is nobody to tell
	return nil
}

// textStream is an answer whose length is not known when it begins.
type textStream struct {
	io.Writer

	control *http.ResponseController
	gzip    *encoding.Writer // nil: plain
}

// stream begins an answer of at least so many bytes. Discard it when it was cut short.
func (c *call) stream(atLeast int64) *textStream {
	s := &textStream{Writer: c.w, control: http.NewResponseController(c.w)}
	if takesGzip(c.r) && atLeast >= leastCompressed {
		c.w.Header().Set("Content-Encoding", "gzip")
		c.memory.Force(compressorSize)
		s.gzip = encoding.NewWriter(c.w)
		s.Writer = s.gzip
	}
	return s
}

// Flush sends what was written so far.
func (s *textStream) Flush() error {
	if s.gzip != nil {
		if err := s.gzip.Flush(); err != nil {
			return err
		}
	}
	return s.control.Flush()
}

// Close ends the answer.
func (s *textStream) Close() error {
	if s.gzip == nil {
		return nil
	}
	return s.gzip.Close()
}

func (s *textStream) discard() {
	if s.gzip != nil {
		s.gzip.Discard()
	}
}
