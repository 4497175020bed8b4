package wire

import (
	"bytes"
	"strconv"
)

// Head gives the status and the size of the head of an HTTP/1.1 response, and the size of its body by
// Content-Length (0 without one: the bench's servers always give it, or have no body). ok is false
// while the head is incomplete; a head that makes no sense has status 0.
func Head(p []byte) (status, head, body int, ok bool) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, 0, 0, false
	}
	const version = "HTTP/1.1 "
	if len(p) >= len(version)+3 && string(p[:len(version)]) == version {
		status, _ = strconv.Atoi(string(p[len(version) : len(version)+3]))
	}
	const name = "\r\nContent-Length: "
	if at := bytes.Index(p[:end], []byte(name)); at >= 0 {
		value, _, _ := bytes.Cut(p[at+len(name):end+2], []byte("\r\n"))
		body, _ = strconv.Atoi(string(value))
	}
	return status, end + 4, max(body, 0), true
}

// Header gives the value of a header in the head of a message, "" where there is none. name must be
// spelt as the other side spells it: both sides are known here.
func Header(head []byte, name string) string {
	_, after, ok := bytes.Cut(head, []byte("\r\n"+name+": "))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(after, []byte("\r\n"))
	return string(value)
}
