package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

// FuzzInbound holds the state machine of what comes in to this: it reads the same in whatever pieces it comes, and
// gives no message that is too long or no UTF-8.
func FuzzInbound(f *testing.F) {
	for _, tc := range compressedCases() {
		f.Add(tc.input, 3, true)
	}
	f.Add([]byte{0x81, 0xfe, 0xff, 0xff}, 1, false)
	f.Fuzz(func(t *testing.T, input []byte, piece int, compress bool) {
		const limit = 64
		var z *deflater
		if compress {
			z = &deflater{}
		}
		whole, code := collect(bytes.Clone(input), 1<<20, limit, z)
		pieces, again := collect(bytes.Clone(input), 1+(piece&7), limit, z)
		if strings.Join(whole, "\x00") != strings.Join(pieces, "\x00") || code != again {
			t.Fatalf("in pieces it reads otherwise: %q %d, %q %d", whole, code, pieces, again)
		}
		for _, m := range whole {
			if len(m)-1 > max(limit, ws.MaxControlFramePayloadSize) {
				t.Fatalf("a message of %d bytes", len(m)-1)
			}
			if m[0] == '0'+byte(ws.OpText) && strings.ToValidUTF8(m, "") != m {
				t.Fatalf("a text that is none: %q", m)
			}
		}
	})
}

// FuzzConnection sends frames that the fuzzer writes, rightly masked, to a running server. Whatever they are, the server
// ends the connection with the code that the state machine gives, or goes on to answer; and it serves others.
func FuzzConnection(f *testing.F) {
	for _, tc := range compressedCases() {
		f.Add(tc.input, uint8(len(tc.input)))
	}
	f.Add([]byte("\x81\x05hello\x89\x01p"), uint8(1))
	b := newBench(f, Options{Compression: true, MaxMessage: 256, MessagesPerSec: 1e9, MessageBurst: 1e9})
	f.Fuzz(func(t *testing.T, script []byte, piece uint8) {
		input := frames(script)
		heard, want := collect(bytes.Clone(input), 1<<20, 256, &deflater{})
		for _, m := range heard {
			if m[0] == '0'+byte(ws.OpClose) {
				want = 1 // the client itself closes: any answer
			}
		}
		c := b.dial(t, "token=good&channels=", offerDeflate)
		defer c.conn.Close()
		c.send(input, 1+int(piece))
		if want == 0 {
			c.send(frameOf(finBit|byte(ws.OpPing), "the end"), 1<<20)
		}
		if got := c.outcome(); got != want && want != 1 {
			t.Fatalf("closed with %d, want %d", got, want)
		}
		b.dial(t, "token=other&channels=").bye()
	})
}

// frames turns a script into masked frames: a first byte, a length, a payload.
func frames(script []byte) []byte {
	var wire []byte
	for len(script) >= 2 {
		first, n := script[0], min(int(script[1]), len(script)-2)
		wire = append(wire, frameOf(first, string(script[2:2+n]))...)
		script = script[2+n:]
	}
	return wire
}

// outcome reads until the pong of "the end", 0, the code of a close frame, or the end, 1.
func (c *client) outcome() apier.CloseCode {
	c.t.Helper()
	for {
		f, err := c.frame()
		if err != nil { // it hung up, without a word or before it was read
			return 1
		}
		switch {
		case f.Header.OpCode == ws.OpPong && string(f.Payload) == "the end":
			return 0
		case f.Header.OpCode == ws.OpClose:
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return apier.CloseCode(code)
		}
	}
}

// bye shows that the connection is served, and ends it.
func (c *client) bye() {
	c.t.Helper()
	c.sync()
	c.conn.Close()
}
