package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

const offerDeflate = "Sec-WebSocket-Extensions: permessage-deflate"

func TestNegotiate(t *testing.T) {
	t.Parallel()
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	z := &deflater{}
	for offer, want := range map[string]string{
		"":                   "",
		"permessage-deflate": plain,
		"permessage-deflate; client_max_window_bits":                                 plain, // what browsers say
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover": plain,
		"x-webkit-deflate-frame, permessage-deflate":                                 plain,
		"permessage-deflate; server_max_window_bits=15":                              plain + "; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=9":                               "", // a window we cannot hold to
		"permessage-deflate; server_max_window_bits=9, permessage-deflate":           plain,
		"permessage-deflate; server_max_window_bits":                                 "",
		"permessage-deflate; server_max_window_bits=16":                              "",
		"permessage-deflate; server_no_context_takeover=1":                           "",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": "",
		"permessage-deflate; something_new":                                          "",
		"permessage-deflate;;;":                                                      "",
		"permessage-bzip2":                                                           "",
	} {
		if got := z.negotiate([]string{offer}); got != want {
			t.Errorf("%q: got %q, want %q", offer, got, want)
		}
	}
	if got := (*deflater)(nil).negotiate([]string{"permessage-deflate"}); got != "" {
		t.Errorf("without --compression it answers %q", got)
	}
}

func TestDeflateRoundTrip(t *testing.T) {
	t.Parallel()
	z := &deflater{}
	for _, text := range []string{"", "a", strings.Repeat("ab", 50_000)} {
		small := z.deflate([]byte(text))
		if bytes.HasSuffix(small, []byte(flushTail)) {
			t.Errorf("%d bytes: the tail is sent", len(text))
		}
		got, broken := z.inflate(small, len(text))
		if broken != nil || string(got) != text {
			t.Errorf("%d bytes: got %d, %v", len(text), len(got), broken)
		}
		if text == "" {
			continue
		}
		if _, broken := z.inflate(small, len(text)-1); broken == nil || broken.code != apier.CloseTooBig {
			t.Errorf("%d bytes: one over the limit: %v", len(text), broken)
		}
	}
	whole := z.deflate([]byte(strings.Repeat("words and words ", 100)))
	for name, wire := range map[string][]byte{"nonsense": {0xff, 0xff, 0xff}, "cut": whole[:len(whole)/2]} {
		if _, broken := z.inflate(wire, 10_000); broken == nil || broken.code != apier.CloseInvalidUTF8 {
			t.Errorf("%s: %v", name, broken)
		}
	}
}

// deflated gives a frame of a compressed message.
func deflated(text string) ws.Frame {
	f := ws.NewTextFrame((&deflater{}).deflate([]byte(text)))
	f.Header.Rsv = ws.Rsv(true, false, false)
	return f
}

// text gives the next text message, inflated, and whether it was compressed.
func (c *client) text() (string, bool) {
	c.t.Helper()
	f, err := c.frame()
	if err != nil || f.Header.OpCode != ws.OpText {
		c.t.Fatalf("%+v, %v", f.Header, err)
	}
	if !f.Header.Rsv1() {
		return string(f.Payload), false
	}
	got, broken := (&deflater{}).inflate(f.Payload, 1<<20)
	if broken != nil {
		c.t.Fatal(broken)
	}
	return string(got), true
}

func TestCompressionIsOffUnlessAskedForOnBothSides(t *testing.T) {
	t.Parallel()
	off, on := newBench(t, Options{}), newBench(t, Options{Compression: true})
	if _, res := off.tryDial(t, "token=good", offerDeflate); res.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("switched off, and answers %q", res.Header.Get("Sec-WebSocket-Extensions"))
	}
	silent, res := on.tryDial(t, "token=good")
	if res.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("nobody offered, and it answers %q", res.Header.Get("Sec-WebSocket-Extensions"))
	}
	silent.write(deflated(`{"type":"ping"}`))
	silent.expectClose(apier.CloseProtocolError)
}

func TestLongMessagesAreCompressedOnceForAll(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Compression: true})
	first, res := b.tryDial(t, "token=good&v=1&channels=events", offerDeflate)
	if !strings.HasPrefix(res.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate; server_no_context_takeover") {
		t.Fatalf("answered %q", res.Header.Get("Sec-WebSocket-Extensions"))
	}
	second, plain := b.dial(t, "token=other&v=1&channels=events", offerDeflate), b.dial(t, "token=orders&v=1&channels=events:order.*")
	for _, c := range []*client{first, second, plain} {
		c.expect(apier.FrameSession)
		c.sync()
	}
	long := fmt.Sprintf(`{"x":%q}`, strings.Repeat("y", 3000))
	for _, payload := range []string{long, `{}`} {
		b.store.commit("t1", apier.Created, "evt_"+fmt.Sprint(len(payload)), "order.created", payload)
		a, packed := first.text()
		again, _ := second.text()
		if packed != (payload == long) || a != again || !json.Valid([]byte(a)) {
			t.Errorf("a payload of %d bytes: compressed %v, the same for both %v", len(payload), packed, a == again)
		}
		if _, packed := plain.text(); packed {
			t.Error("compressed for one who did not offer it")
		}
	}
	compressed := 0
	b.g.cache.mu.Lock()
	for key, entry := range b.g.cache.latest {
		if key.deflate != nil && len(entry.wire) > 0 && entry.wire[0]&rsv1 != 0 {
			compressed++
		}
	}
	b.g.cache.mu.Unlock()
	if compressed != 1 {
		t.Errorf("the long message was compressed %d times for two", compressed)
	}
	first.write(deflated(`{"type":"ping","id":"z"}`))
	if a := first.expect(apier.FramePong); a.ID != "z" {
		t.Errorf("got %+v", a)
	}
}

func TestACatchUpIsCompressedToo(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Compression: true})
	c := b.dial(t, "token=good&v=1")
	var s apier.Session
	_ = json.Unmarshal(c.expect(apier.FrameSession).Data, &s)
	for i := range 50 {
		b.store.create(fmt.Sprint("evt_", i))
	}
	again := b.dial(t, fmt.Sprintf("token=good&v=1&session=%s&after=0", s.Session), offerDeflate)
	again.expect(apier.FrameSession)
	got, packed := again.text()
	if !packed || strings.Count(got, "event_created") != 50 {
		t.Errorf("compressed %v: %d events", packed, strings.Count(got, "event_created"))
	}
}

// A few bytes that inflate to a gigabyte end the connection at the limit, and nobody else notices.
func TestADecompressionBomb(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Compression: true, MaxMessage: 64 << 10})
	bystander := b.dial(t, "token=other")
	c := b.dial(t, "token=good", offerDeflate)
	bomb := (&deflater{}).deflate(bytes.Repeat([]byte(" "), 8<<20))
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	f := ws.NewTextFrame(bomb)
	f.Header.Rsv = ws.Rsv(true, false, false)
	c.write(f)
	if reason := c.expectClose(apier.CloseTooBig); reason != "message_too_big" {
		t.Errorf("reason %q", reason)
	}
	bystander.sync()
	parts := b.dial(t, "token=good", offerDeflate) // also in fragments, which inflate as one
	head := ws.NewFrame(ws.OpText, false, bomb[:len(bomb)/2])
	head.Header.Rsv = ws.Rsv(true, false, false)
	parts.write(head, ws.NewFrame(ws.OpContinuation, true, bomb[len(bomb)/2:]))
	parts.expectClose(apier.CloseTooBig)
}
