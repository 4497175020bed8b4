package wire

import (
	"bytes"
	"strconv"
)

// A stamp is the part of a payload by which a client knows an event again without parsing JSON: when it
// was due, Unix nanoseconds, and its number, both of fixed width.
const (
	markAt    = `"bench_at":"`
	markN     = `","bench_n":"`
	widthAt   = 19
	widthN    = 9
	stampSize = len(markAt) + widthAt + len(markN) + widthN + 1
)

// AppendPayload appends a JSON object of size bytes (or as few as a stamp needs) that looks like an order.
func AppendPayload(dst []byte, at int64, n, size int) []byte {
	const order = `,"order_id":"ord_8f2k1","customer":{"id":"cus_4421","country":"DE"},"total":129.90,"currency":"EUR","note":"`
	start := len(dst)
	dst = append(append(dst, '{'), markAt...)
	dst = append(appendFixed(dst, at, widthAt), markN...)
	dst = append(appendFixed(dst, int64(n), widthN), '"')
	dst = append(dst, order...)
	for len(dst)-start < size-2 {
		dst = append(dst, 'x')
	}
	return append(dst, `"}`...)
}

func appendFixed(dst []byte, value int64, width int) []byte {
	text := strconv.AppendInt(make([]byte, 0, widthAt+1), value, 10)
	for range width - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

// Stamp finds the first stamp in p and gives what follows it.
func Stamp(p []byte) (at int64, n int, rest []byte, ok bool) {
	i := bytes.Index(p, []byte(markAt))
	if i < 0 || len(p)-i < stampSize {
		return 0, 0, nil, false
	}
	p = p[i+len(markAt):]
	at = digits(p[:widthAt])
	p = p[widthAt+len(markN):]
	return at, int(digits(p[:widthN])), p[widthN+1:], true
}

func digits(p []byte) (value int64) {
	for _, c := range p {
		value = value*10 + int64(c-'0')
	}
	return value
}

// AppendEvent appends the body of POST /api/events.
func AppendEvent(dst, payload []byte) []byte {
	dst = append(dst, `{"type":"order.created","source":"bench","payload":`...)
	return append(append(dst, payload...), '}')
}

// AppendBatch appends the body of POST /api/events/batch with count events, from number first on.
func AppendBatch(dst []byte, at int64, first, count, size int) []byte {
	dst = append(dst, '[')
	for i := range count {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendEvent(dst, AppendPayload(nil, at, first+i, size))
	}
	return append(dst, ']')
}
