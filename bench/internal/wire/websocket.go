// Package wire reads and writes what the bench sees on the wire, as cheaply as it can: the load runs on
// the same cores as the server.
package wire

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it; it guards nothing
	"encoding/base64"
	"encoding/binary"
)

// The opcodes of RFC 6455, section 5.2, that the bench meets.
const (
	OpText  = 0x1
	OpClose = 0x8
	OpPing  = 0x9
	OpPong  = 0xa
)

const (
	fin      = 0x80
	masked   = 0x80
	length16 = 126
	length64 = 127
)

// Frame splits the first frame off p. ok is false while it is incomplete. Frames of servers carry no mask.
func Frame(p []byte) (op byte, payload, rest []byte, ok bool) {
	if len(p) < 2 {
		return 0, nil, p, false
	}
	head, size := 2, int(p[1])
	switch size {
	case length16:
		if head = 4; len(p) >= head {
			size = int(binary.BigEndian.Uint16(p[2:]))
		}
	case length64:
		if head = 10; len(p) >= head {
			size = int(binary.BigEndian.Uint64(p[2:]))
		}
	}
	if len(p) < head || size < 0 || len(p)-head < size {
		return 0, nil, p, false
	}
	return p[0] & 0x0f, p[head : head+size], p[head+size:], true
}

// AppendFrame appends one unmasked frame, as a server sends it.
func AppendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, fin|op)
	switch n := len(payload); {
	case n < length16:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, length16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, length64), uint64(n))
	}
	return append(dst, payload...)
}

// AppendPong appends the answer to a ping.
func AppendPong(dst, payload []byte) []byte {
	return AppendMasked(dst, OpPong, payload[:min(len(payload), length16-1)])
}

// AppendMasked appends one frame of less than 64 KiB, masked as RFC 6455 asks of clients. The mask is 0, which
// leaves the payload as it is.
func AppendMasked(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, fin|op)
	if n := len(payload); n < length16 {
		dst = append(dst, masked|byte(n))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, masked|length16), uint16(n)) //nolint:gosec // as promised
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}

// Accept gives the value of Sec-WebSocket-Accept for a key (RFC 6455, section 4.2.2).
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
