package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

func masked(fin bool, op ws.OpCode, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	return ws.MustCompileFrame(ws.MaskFrame(f))
}

func unmasked(op ws.OpCode, payload string) []byte {
	return ws.MustCompileFrame(ws.NewFrame(op, true, []byte(payload)))
}

func withFirstByte(frame []byte, first byte) []byte {
	frame[0] = first
	return frame
}

// collect feeds input in pieces of a size and gives what comes out.
func collect(input []byte, piece, limit int, z ...*deflater) (heard []string, code apier.CloseCode) {
	in := inbound{limit: limit}
	if len(z) > 0 {
		in.z = z[0]
	}
	for len(input) > 0 {
		n := min(piece, len(input))
		in.feed(input[:n])
		input = input[n:]
		for {
			op, payload, ok, broken := in.next()
			if broken != nil {
				return heard, broken.code
			}
			if !ok {
				break
			}
			heard = append(heard, string(rune('0'+op))+string(payload))
		}
		in.rest()
	}
	return heard, 0
}

// TestInbound goes through RFC 6455, sections 5.2 to 5.6 and 8.1, frame by frame.
func TestInbound(t *testing.T) {
	t.Parallel()
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	euro := "\xe2\x82\xac"
	for name, tc := range map[string]struct {
		input []byte
		want  string
		code  apier.CloseCode
	}{
		"text":                        {masked(true, ws.OpText, "hello"), "1hello", 0},
		"empty":                       {masked(true, ws.OpText, ""), "1", 0},
		"two":                         {join(masked(true, ws.OpText, "a"), masked(true, ws.OpText, "b")), "1a 1b", 0},
		"fragments":                   {join(masked(false, ws.OpText, "he"), masked(false, ws.OpContinuation, "l"), masked(true, ws.OpContinuation, "lo")), "1hello", 0},
		"ping between fragments":      {join(masked(false, ws.OpText, "he"), masked(true, ws.OpPing, "p"), masked(true, ws.OpContinuation, "llo")), "9p 1hello", 0},
		"character across fragments":  {join(masked(false, ws.OpText, euro[:1]), masked(true, ws.OpContinuation, euro[1:])), "1" + euro, 0},
		"16-bit length":               {masked(true, ws.OpText, strings.Repeat("x", 126)), "1" + strings.Repeat("x", 126), 0},
		"the limit":                   {masked(true, ws.OpText, strings.Repeat("x", 200)), "1" + strings.Repeat("x", 200), 0},
		"close":                       {masked(true, ws.OpClose, "\x03\xe8bye"), "8\x03\xe8bye", 0},
		"over the limit":              {masked(true, ws.OpText, strings.Repeat("x", 201)), "", apier.CloseTooBig},
		"over the limit in fragments": {join(masked(false, ws.OpText, strings.Repeat("x", 150)), masked(true, ws.OpContinuation, strings.Repeat("x", 51))), "", apier.CloseTooBig},
		"a length of 2^62":            {[]byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "", apier.CloseTooBig},
		"a negative length":           {[]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "", apier.CloseProtocolError},
		"binary":                      {masked(true, ws.OpBinary, "x"), "", apier.CloseUnsupported},
		"not masked":                  {unmasked(ws.OpText, "x"), "", apier.CloseProtocolError},
		"reserved bit 1":              {withFirstByte(masked(true, ws.OpText, "x"), 0xc1), "", apier.CloseProtocolError},
		"reserved bit 2":              {withFirstByte(masked(true, ws.OpText, "x"), 0xa1), "", apier.CloseProtocolError},
		"reserved bit 3":              {withFirstByte(masked(true, ws.OpText, "x"), 0x91), "", apier.CloseProtocolError},
		"reserved data opcode":        {withFirstByte(masked(true, ws.OpText, "x"), 0x83), "", apier.CloseProtocolError},
		"reserved control opcode":     {withFirstByte(masked(true, ws.OpPing, "x"), 0x8b), "", apier.CloseProtocolError},
		"fragmented ping":             {masked(false, ws.OpPing, "x"), "", apier.CloseProtocolError},
		"ping of 126 bytes":           {masked(true, ws.OpPing, strings.Repeat("x", 126)), "", apier.CloseProtocolError},
		"continuation of nothing":     {masked(true, ws.OpContinuation, "x"), "", apier.CloseProtocolError},
		"text within fragments":       {join(masked(false, ws.OpText, "a"), masked(true, ws.OpText, "b")), "", apier.CloseProtocolError},
		"invalid UTF-8":               {masked(true, ws.OpText, "\xff"), "", apier.CloseInvalidUTF8},
		"half a character":            {masked(true, ws.OpText, euro[:2]), "", apier.CloseInvalidUTF8},
		"a surrogate":                 {masked(true, ws.OpText, "\xed\xa0\x80"), "", apier.CloseInvalidUTF8},
	} {
		for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
			heard, code := collect(tc.input, piece, 200)
			if got := strings.Join(heard, " "); got != tc.want || code != tc.code {
				t.Errorf("%s in pieces of %d: got %q %d, want %q %d", name, piece, got, code, tc.want, tc.code)
			}
		}
	}
}

func TestInboundHoldsNothingWhenIdle(t *testing.T) {
	t.Parallel()
	in := inbound{limit: 100}
	in.feed(masked(true, ws.OpText, "x"))
	if _, _, ok, _ := in.next(); !ok {
		t.Fatal("no message")
	}
	in.rest()
	if in.buf != nil || in.message != nil {
		t.Errorf("an idle connection holds %d bytes", cap(in.buf)+cap(in.message))
	}
}
