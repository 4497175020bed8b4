package server

import (
	"net/http"
	"time"
)

// progressChunk is how much of an answer has to leave within the write timeout, bytes.
const progressChunk = 64 << 10

// progressWriter ends an answer that its reader does not take: each chunk of it has the write timeout. A reader that is
// slow but reads is served to the end.
type progressWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

// withProgress serves with a deadline for each step of the answer. What net/http writes behind the handler's back, the
// end of the answer, has one too.
func withProgress(w http.ResponseWriter, r *http.Request, timeout time.Duration, serve func(http.ResponseWriter, *http.Request)) {
	p := &progressWriter{w, http.NewResponseController(w), timeout}
	_ = p.control.SetWriteDeadline(time.Time{}) // of the request before it on this connection
	defer p.step()
	serve(p, r)
}

func (p *progressWriter) step() { _ = p.control.SetWriteDeadline(time.Now().Add(p.timeout)) }

// Write writes chunk by chunk.
func (p *progressWriter) Write(b []byte) (written int, err error) {
	for {
		p.step()
		chunk := b[:min(len(b), progressChunk)]
		n, err := p.ResponseWriter.Write(chunk)
		written += n
		if b = b[len(chunk):]; err != nil || len(b) == 0 {
			return written, err
		}
	}
}

// FlushError flushes within the timeout.
func (p *progressWriter) FlushError() error {
	p.step()
	return p.control.Flush()
}

// Unwrap lets http.ResponseController find what is beneath, such as Hijack.
func (p *progressWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
