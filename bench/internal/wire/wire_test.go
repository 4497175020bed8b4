package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/apier/apier"
)

func TestFrameReadsWhatAppendFrameWrote(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 1000, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte("p"), size)
		wire := append(AppendFrame(nil, OpText, payload), "next"...)
		op, got, rest, ok := Frame(wire)
		if !ok || op != OpText || !bytes.Equal(got, payload) || string(rest) != "next" {
			t.Errorf("size %d: op %d, %d bytes, rest %q, %v", size, op, len(got), rest, ok)
		}
		whole := wire[:len(wire)-len("next")]
		for _, cut := range []int{0, 1, 2, 3, 9, len(whole) - 1} {
			if _, _, _, ok := Frame(whole[:min(cut, len(whole)-1)]); ok {
				t.Errorf("size %d: a frame cut at %d was taken for whole", size, cut)
			}
		}
	}
}

func TestPongIsMasked(t *testing.T) {
	t.Parallel()
	if got := AppendPong(nil, []byte("hi")); !bytes.Equal(got, []byte{0x8a, 0x82, 0, 0, 0, 0, 'h', 'i'}) {
		t.Errorf("got %x", got)
	}
}

func TestAcceptIsThatOfTheRFC(t *testing.T) {
	t.Parallel()
	if got := Accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %s", got)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	const created = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
	for _, c := range []struct {
		text               string
		status, head, body int
		ok                 bool
	}{
		{"", 0, 0, 0, false},
		{"HTTP/1.1 201 Created\r\nContent-Len", 0, 0, 0, false},
		{created + `{"a":"b..."}`, 201, len(created), 12, true},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81", 101, 36, 0, true},
		{"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 3\r\nDate: now\r\n\r\n", 200, 55, 3, true},
		{"SSH-2.0-x\r\n\r\n", 0, 13, 0, true},
		{"HTTP/1.1 204 No Content\r\nContent-Length: -5\r\n\r\n", 204, 47, 0, true},
	} {
		status, head, body, ok := Head([]byte(c.text))
		if status != c.status || head != c.head || body != c.body || ok != c.ok {
			t.Errorf("Head(%q) = %d, %d, %d, %v", c.text, status, head, body, ok)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	head := []byte("GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: abc==\r\n\r\n")
	if got := Header(head, "Sec-WebSocket-Key"); got != "abc==" {
		t.Errorf("got %q", got)
	}
	if got := Header(head, "Origin"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestPayloadIsAnObjectOfItsSizeThatCarriesItsStamp(t *testing.T) {
	t.Parallel()
	const at, size = 1_700_000_000_123_456_789, 250
	payload := AppendPayload(nil, at, 42, size)
	if len(payload) != size || !json.Valid(payload) {
		t.Fatalf("%d bytes: %s", len(payload), payload)
	}
	gotAt, n, rest, ok := Stamp(append([]byte(`{"created_at":"x",`), payload...))
	if !ok || gotAt != at || n != 42 || !strings.HasPrefix(string(rest), `,"order_id"`) {
		t.Errorf("got %d, %d, %q, %v", gotAt, n, rest, ok)
	}
	if _, _, _, ok := Stamp(payload[:stampSize-5]); ok {
		t.Error("half a stamp was read")
	}
}

func TestBatchHoldsValidEventsInOrder(t *testing.T) {
	t.Parallel()
	body := AppendBatch(nil, 1, 7, 3, 250)
	var events []apier.NewEvent
	if err := json.Unmarshal(body, &events); err != nil || len(events) != 3 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	rest := body
	for i, e := range events {
		if faults := e.Validate(apier.PayloadLimits{Bytes: apier.MaxPayloadSize, Depth: apier.MaxDepth}); len(faults) > 0 {
			t.Errorf("event %d: %v", i, faults)
		}
		var n int
		if _, n, rest, _ = Stamp(rest); n != 7+i {
			t.Errorf("event %d has number %d", i, n)
		}
	}
}
