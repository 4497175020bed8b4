package gateway

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

// inbound turns the bytes of a client into messages: RFC 6455, sections 5.2 to 5.5 and 8.1, and
// RFC 7692. It does no
// I/O, so it can be tested and fuzzed alone.
type inbound struct {
	limit    int       // of a message, bytes
	buf      []byte    // input that is not a whole frame yet; nil when there is none
	message  []byte    // of the fragments so far
	fragment bool      // a fragmented message has begun
	z        *deflater // nil: messages are not compressed
	deflated bool      // the message of the fragments so far is
}

// violation is a breach of the protocol that ends the connection.
type violation struct {
	code   apier.CloseCode
	reason string
}

// feed takes input. It copies what it must keep, so p may be used again.
func (in *inbound) feed(p []byte) { in.buf = append(in.buf, p...) }

// next gives the next message or control frame, or OpContinuation for a fragment that was empty; ok is false when more
// input is needed. payload is valid until the next call of feed.
func (in *inbound) next() (op ws.OpCode, payload []byte, ok bool, broken *violation) {
	for {
		h, size, ready, broken := in.header()
		if broken != nil || !ready {
			return 0, nil, false, broken
		}
		frame := in.buf[size : size+int(h.Length)]
		in.buf = in.buf[size+int(h.Length):]
		ws.Cipher(frame, h.Mask, 0)
		if h.OpCode.IsControl() {
			return h.OpCode, frame, true, nil
		}
		if payload, done, broken := in.assemble(h, frame); done || broken != nil {
			return ws.OpText, payload, done, broken
		}
		if h.Length == 0 { // it brings the message no further, so it counts as one: else they are free
			return ws.OpContinuation, nil, true, nil
		}
	}
}

// header reads the header of the frame at the head of buf and checks it; ready says that the whole
// frame is there.
func (in *inbound) header() (h ws.Header, size int, ready bool, broken *violation) {
	r := bytes.NewReader(in.buf)
	h, err := ws.ReadHeader(r)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return h, 0, false, nil
		}
		return h, 0, false, &violation{apier.CloseProtocolError, "protocol_error"}
	}
	state := ws.StateServerSide
	if in.fragment {
		state |= ws.StateFragmented
	}
	deflated := h.Rsv1() && in.z != nil && h.OpCode == ws.OpText
	if deflated {
		h.Rsv &^= rsv1 >> 4
	}
	if ws.CheckHeader(h, state) != nil {
		return h, 0, false, &violation{apier.CloseProtocolError, "protocol_error"}
	}
	if h.OpCode == ws.OpBinary {
		return h, 0, false, &violation{apier.CloseUnsupported, "text_only"}
	}
	if h.Length > int64(in.limit-len(in.message)) && !h.OpCode.IsControl() {
		return h, 0, false, &violation{apier.CloseTooBig, "message_too_big"}
	}
	size, ready = len(in.buf)-r.Len(), int64(r.Len()) >= h.Length
	if ready && h.OpCode == ws.OpText {
		in.deflated = deflated
	}
	return h, size, ready, nil
}

// assemble adds a data frame to the message it belongs to; done gives the whole message.
func (in *inbound) assemble(h ws.Header, frame []byte) (message []byte, done bool, broken *violation) {
	if h.Fin && !in.fragment {
		message = frame
	} else {
		in.message = append(in.message, frame...)
		in.fragment = !h.Fin
		if !h.Fin {
			return nil, false, nil
		}
		message, in.message = in.message, nil
	}
	if in.deflated {
		if message, broken = in.z.inflate(message, in.limit); broken != nil {
			return nil, false, broken
		}
	}
	if !utf8.Valid(message) {
		return nil, false, &violation{apier.CloseInvalidUTF8, "invalid_utf8"}
	}
	return message, true, nil
}

// rest lets go of the buffer once all of it is used, so that an idle connection holds none.
func (in *inbound) rest() {
	if len(in.buf) == 0 {
		in.buf = nil
	}
}
