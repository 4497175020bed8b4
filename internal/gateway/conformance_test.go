package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

const (
	jsonPing = `{"type":"ping","id":"é"}`
	finBit   = 0x80
)

// conformance is RFC 6455 and RFC 7692 at the level of frames: what a client sends, and what it gets.
type conformance struct {
	input []byte
	pongs []string        // the control pongs that come, by payload
	hears int             // answers to jsonPing
	code  apier.CloseCode // with which the server closes; 0: it does not
}

// frame gives a masked frame from its first byte.
func frameOf(first byte, payload string) []byte {
	return withFirstByte(masked(true, ws.OpText, payload), first)
}

func packed(payload string) string { return string((&deflater{}).deflate([]byte(payload))) }

func cases() map[string]conformance {
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	text, cont, ping := masked(true, ws.OpText, jsonPing), byte(ws.OpContinuation), byte(ws.OpPing)
	part := func(i, j int) string { return jsonPing[i:j] }
	const violation, tooBig, utf8 = apier.CloseProtocolError, apier.CloseTooBig, apier.CloseInvalidUTF8
	at := strings.Index(jsonPing, "é") + 1 // in the middle of a character
	return map[string]conformance{
		// 5.4 fragmentation
		"one frame":                    {input: text, hears: 1},
		"two messages in one write":    {input: join(text, text), hears: 2},
		"two fragments":                {input: join(frameOf(1, part(0, 5)), frameOf(finBit, part(5, len(jsonPing)))), hears: 1},
		"cut inside a character":       {input: join(frameOf(1, part(0, at)), frameOf(finBit, part(at, len(jsonPing)))), hears: 1},
		"empty fragments":              {input: join(frameOf(1, ""), frameOf(cont, ""), frameOf(cont, jsonPing), frameOf(finBit, "")), hears: 1},
		"a continuation of nothing":    {input: frameOf(finBit, "x"), code: violation},
		"a continuation after the end": {input: join(text, frameOf(finBit, "x")), hears: 1, code: violation},
		"a message within a message":   {input: join(frameOf(1, "{"), text), code: violation},
		"binary within a message":      {input: join(frameOf(1, "{"), frameOf(finBit|2, "x")), code: violation},
		// 5.5 control frames
		"ping":                    {input: frameOf(finBit|ping, "hello"), pongs: []string{"hello"}},
		"an empty ping":           {input: frameOf(finBit|ping, ""), pongs: []string{""}},
		"a ping of 125 bytes":     {input: frameOf(finBit|ping, strings.Repeat("p", 125)), pongs: []string{strings.Repeat("p", 125)}},
		"a ping of 126 bytes":     {input: frameOf(finBit|ping, strings.Repeat("p", 126)), code: violation},
		"a ping that is no text":  {input: frameOf(finBit|ping, "\xff\xfe"), pongs: []string{"\xff\xfe"}},
		"a fragmented ping":       {input: frameOf(ping, "x"), code: violation},
		"a pong nobody asked for": {input: join(frameOf(finBit|0xa, "x"), text), hears: 1},
		"pings between fragments": {input: join(frameOf(1, part(0, 5)), frameOf(finBit|ping, "a"), frameOf(cont, part(5, 9)), frameOf(finBit|ping, "b"), frameOf(finBit, part(9, len(jsonPing)))), pongs: []string{"a", "b"}, hears: 1},
		"a close of 126 bytes":    {input: frameOf(finBit|8, "\x03\xe8"+strings.Repeat("r", 124)), code: violation},
		"a fragmented close":      {input: frameOf(8, "\x03\xe8"), code: violation},
		// 5.2 reserved bits and opcodes, masking, length
		"reserved bit 1":              {input: frameOf(finBit|0x40|1, jsonPing), code: violation},
		"reserved bit 2":              {input: frameOf(finBit|0x20|1, jsonPing), code: violation},
		"reserved bit 3":              {input: frameOf(finBit|0x10|1, jsonPing), code: violation},
		"a reserved bit of a ping":    {input: frameOf(finBit|0x40|ping, ""), code: violation},
		"opcode 3":                    {input: frameOf(finBit|3, ""), code: violation},
		"opcode 7":                    {input: frameOf(finBit|7, ""), code: violation},
		"opcode 11":                   {input: frameOf(finBit|0xb, ""), code: violation},
		"opcode 15":                   {input: frameOf(finBit|0xf, ""), code: violation},
		"not masked":                  {input: unmasked(ws.OpText, jsonPing), code: violation},
		"a ping that is not masked":   {input: unmasked(ws.OpPing, ""), code: violation},
		"a close that is not masked":  {input: unmasked(ws.OpClose, "\x03\xe8"), code: violation},
		"binary":                      {input: frameOf(finBit|2, jsonPing), code: apier.CloseUnsupported},
		"a length of 2^63":            {input: []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, code: violation},
		"a length of 2^62":            {input: []byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, code: tooBig},
		"a short length in long form": {input: append([]byte{0x81, 0xfe, 0, byte(len(jsonPing)), 0, 0, 0, 0}, jsonPing...), hears: 1},
		"one byte over the limit":     {input: masked(true, ws.OpText, strings.Repeat(" ", 1025)), code: tooBig},
		"over the limit in fragments": {input: join(frameOf(1, strings.Repeat(" ", 1000)), frameOf(cont, strings.Repeat(" ", 25))), code: tooBig},
		"the limit":                   {input: masked(true, ws.OpText, jsonPing+strings.Repeat(" ", 1024-len(jsonPing))), hears: 1},
		// 8.1 UTF-8
		"a byte that is never UTF-8":     {input: frameOf(finBit|1, "\xff"), code: utf8},
		"an overlong form":               {input: frameOf(finBit|1, "\xc0\xaf"), code: utf8},
		"a surrogate":                    {input: frameOf(finBit|1, "\xed\xa0\x80"), code: utf8},
		"over U+10FFFF":                  {input: frameOf(finBit|1, "\xf4\x90\x80\x80"), code: utf8},
		"half a character at the end":    {input: join(frameOf(1, "{"), frameOf(finBit, "\xe2\x82")), code: utf8},
		"a wrong half in the next frame": {input: join(frameOf(1, "\xe2\x82"), frameOf(finBit, "x")), code: utf8},
		// 7.4 the close handshake: the table of codes is TestTheCloseHandshake
		"close between fragments": {input: join(frameOf(1, "{"), frameOf(finBit|8, "\x03\xe8")), code: 1000},
		"what follows a close":    {input: join(frameOf(finBit|8, "\x03\xe8"), text), code: 1000},
		// RFC 7692, where it is not negotiated
		"compressed": {input: frameOf(finBit|0x40|1, packed(jsonPing)), code: violation},
	}
}

// compressedCases are those that end otherwise once compression is negotiated.
func compressedCases() map[string]conformance {
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	small := packed(jsonPing)
	all := cases()
	all["reserved bit 1"] = conformance{input: frameOf(finBit|0x40|1, jsonPing), code: apier.CloseInvalidUTF8} // it does not inflate
	all["compressed"] = conformance{input: frameOf(finBit|0x40|1, small), hears: 1}
	all["compressed, then not, then again"] = conformance{input: join(frameOf(finBit|0x40|1, small), masked(true, ws.OpText, jsonPing), frameOf(finBit|0x40|1, small)), hears: 3}
	all["compressed, in fragments"] = conformance{input: join(frameOf(0x40|1, small[:3]), frameOf(finBit|byte(ws.OpPing), "p"), frameOf(finBit, small[3:])), pongs: []string{"p"}, hears: 1}
	all["the bit on a continuation"] = conformance{input: join(frameOf(0x40|1, small[:3]), frameOf(finBit|0x40, small[3:])), code: apier.CloseProtocolError}
	all["the bit on a continuation alone"] = conformance{input: join(frameOf(1, small[:3]), frameOf(finBit|0x40, small[3:])), code: apier.CloseProtocolError}
	all["the bit on a close"] = conformance{input: frameOf(finBit|0x40|8, "\x03\xe8"), code: apier.CloseProtocolError}
	all["compressed and not UTF-8"] = conformance{input: frameOf(finBit|0x40|1, packed("\xff")), code: apier.CloseInvalidUTF8}
	all["compressed and over the limit"] = conformance{input: frameOf(finBit|0x40|1, packed(strings.Repeat(" ", 1025))), code: apier.CloseTooBig}
	all["compressed to the limit"] = conformance{input: frameOf(finBit|0x40|1, packed(jsonPing+strings.Repeat(" ", 1024-len(jsonPing)))), hears: 1}
	all["an empty message, compressed"] = conformance{input: join(frameOf(finBit|0x40|1, "\x00"), masked(true, ws.OpText, jsonPing)), hears: 2} // of which one is an error
	return all
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name    string
		headers []string
		cases   map[string]conformance
	}{{"plain", nil, cases()}, {"compressed", []string{offerDeflate}, compressedCases()}} {
		b := newBench(t, Options{Compression: true, MaxMessage: 1024, MessagesPerSec: 1000})
		for name, tc := range mode.cases {
			for _, piece := range []int{1, 1 << 20} { // a byte a packet, and all at once
				c := b.dial(t, "token=good&channels=", mode.headers...)
				c.send(tc.input, piece)
				c.conforms(mode.name+": "+name, tc)
				c.conn.Close()
			}
		}
		waitFor(t, func() bool { return b.g.Connections() == 0 })
	}
}

// send writes in pieces; the server may hang up meanwhile.
func (c *client) send(input []byte, piece int) {
	for len(input) > 0 {
		n := min(piece, len(input))
		if _, err := c.conn.Write(input[:n]); err != nil {
			return
		}
		input = input[n:]
	}
}

func (c *client) conforms(name string, want conformance) {
	c.t.Helper()
	var got conformance
	if want.code == 0 { // a last ping, whose pong is the end of what there is to hear
		c.send(frameOf(finBit|byte(ws.OpPing), "the end"), 1<<20)
	}
	for {
		f, err := c.frame()
		if err != nil {
			c.t.Errorf("%s: %v", name, err)
			return
		}
		switch f.Header.OpCode {
		case ws.OpText:
			got.hears++
			continue
		case ws.OpPong:
			if string(f.Payload) != "the end" {
				got.pongs = append(got.pongs, string(f.Payload))
				continue
			}
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(f.Payload)
			got.code = apier.CloseCode(code)
			c.hangsUp(name)
		}
		break
	}
	if got.hears != want.hears || got.code != want.code || strings.Join(got.pongs, ",") != strings.Join(want.pongs, ",") {
		c.t.Errorf("%s: %d answers, pongs %q, closed with %d; want %d, %q, %d", name, got.hears, got.pongs, got.code, want.hears, want.pongs, want.code)
	}
}

// hangsUp answers the close frame and waits for the end: nothing follows a close frame.
func (c *client) hangsUp(name string) {
	c.t.Helper()
	c.send(masked(true, ws.OpClose, "\x03\xe8"), 1<<20)
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	if f, err := c.frame(); !errors.Is(err, io.EOF) && !isReset(err) {
		c.t.Errorf("%s: after the close frame comes %v, %v", name, f.Header.OpCode, err)
	}
}

// What a server must answer to an upgrade request, and refuse (RFC 6455, section 4.2).
func TestHandshakeConformance(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for name, tc := range map[string]struct {
		request string
		status  string
	}{
		"as it should be":   {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "101"},
		"other letters":     {"upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "101"},
		"no key":            {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", "426"},
		"a short key":       {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: abc\r\n", "426"},
		"an old version":    {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "426"},
		"no upgrade":        {"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "426"},
		"connection: close": {"Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "426"},
	} {
		nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(nc, "GET /ws?token=good HTTP/1.1\r\nHost: "+b.addr+"\r\n"+tc.request+"\r\n")
		answer, in := "", bufio.NewReader(nc)
		for !strings.HasSuffix(answer, "\r\n\r\n") {
			line, err := in.ReadString('\n')
			if answer += line; err != nil {
				break
			}
		}
		if !strings.HasPrefix(answer, "HTTP/1.1 "+tc.status) {
			t.Errorf("%s: %.60q, want %s", name, answer, tc.status)
		}
		if tc.status == "101" && !strings.Contains(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") {
			t.Errorf("%s: the sample of section 1.3 is answered with %q", name, answer)
		}
		if name == "an old version" && !strings.Contains(answer, "Sec-Websocket-Version: 13") {
			t.Errorf("%s: the answer does not name the version", name)
		}
		nc.Close()
	}
}
