package gateway

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/apier/apier"
)

// minDeflate is the size from which a message is compressed, bytes: below it little is won for the work.
const minDeflate = 1 << 10

const (
	rsv1      = 0x40               // of a frame's first byte: the message is compressed
	flushTail = "\x00\x00\xff\xff" // RFC 7692, section 7.2.1: left out on the wire
	endBlock  = "\x01\x00\x00\xff\xff"
	maxWindow = 15 // bits; what compress/flate works with, no less
)

// deflater is permessage-deflate (RFC 7692) without context takeover: nothing is kept between messages, so one
// compressed message serves all who share it, and an idle connection holds no window. A nil one compresses nothing.
type deflater struct {
	writers sync.Pool
	readers sync.Pool
}

// negotiate gives what the server answers to the offers of a client; "": none is accepted.
func (z *deflater) negotiate(offers []string) string {
	if z == nil {
		return ""
	}
	options, ok := httphead.ParseOptions([]byte(strings.Join(offers, ",")), nil)
	if !ok {
		return ""
	}
	for _, offer := range options {
		var p wsflate.Parameters
		if string(offer.Name) != wsflate.ExtensionName || p.Parse(offer) != nil {
			continue
		}
		answer := wsflate.ExtensionName + "; server_no_context_takeover; client_no_context_takeover"
		switch {
		case !p.ServerMaxWindowBits.Defined():
			return answer
		case p.ServerMaxWindowBits == maxWindow:
			return answer + "; server_max_window_bits=15"
		}
	}
	return ""
}

// appendText appends a text message, compressed where that pays.
func (z *deflater) appendText(dst, payload []byte) []byte {
	if z != nil && len(payload) >= minDeflate {
		if small := z.deflate(payload); len(small) < len(payload) {
			first := len(dst)
			dst = appendMessage(dst, ws.OpText, small)
			dst[first] |= rsv1
			return dst
		}
	}
	return appendMessage(dst, ws.OpText, payload)
}

func (z *deflater) deflate(payload []byte) []byte {
	var out bytes.Buffer
	w, ok := z.writers.Get().(*flate.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w, _ = flate.NewWriter(&out, flate.BestSpeed) // the level is valid
	}
	_, _ = w.Write(payload) // into memory
	_ = w.Flush()
	z.writers.Put(w)
	return bytes.TrimSuffix(out.Bytes(), []byte(flushTail))
}

// inflate undoes a client's compression. However small the message is on the wire, no more than limit bytes come
// of it.
func (z *deflater) inflate(message []byte, limit int) ([]byte, *violation) {
	in := io.MultiReader(bytes.NewReader(message), strings.NewReader(flushTail+endBlock))
	r, ok := z.readers.Get().(io.ReadCloser)
	if ok {
		_ = r.(flate.Resetter).Reset(in, nil) //nolint:forcetypeassert,errcheck // every reader of flate is one
	} else {
		r = flate.NewReader(in)
	}
	defer z.readers.Put(r)
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(out) > limit:
		return nil, &violation{apier.CloseTooBig, "message_too_big"}
	case err != nil:
		return nil, &violation{apier.CloseInvalidUTF8, "invalid_deflate"}
	}
	return out, nil
}
