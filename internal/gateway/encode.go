package gateway

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/hub"
)

// maxBatch bounds the envelopes in one batch frame, in bytes: a browser parses it in one go.
const maxBatch = 64 << 10

// appendMessage appends payload as one final, unmasked WebSocket frame (RFC 6455, section 5.2).
func appendMessage(dst []byte, op ws.OpCode, payload []byte) []byte {
	const fin, length16, length64 = 0x80, 126, 127
	dst = append(dst, fin|byte(op))
	switch n := len(payload); {
	case n < length16:
		dst = append(dst, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, length16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, length64), uint64(n))
	}
	return append(dst, payload...)
}

func textMessage(payload []byte) []byte { return appendMessage(nil, ws.OpText, payload) }

func closeFrame(code apier.CloseCode, reason string) []byte {
	return appendMessage(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

// encodeBatch gives the bytes on the wire of what lies in a batch for one set of subscriptions; empty
// where nothing does.
func encodeBatch(batch hub.Batch, subs *hub.Subscriptions, v1 bool, z *deflater, at apier.Timestamp) (wire []byte, frames int) {
	if v1 {
		return encodeV1(batch, subs, z, at)
	}
	return encodePlain(batch, subs, z)
}

func encodePlain(batch hub.Batch, subs *hub.Subscriptions, z *deflater) (wire []byte, frames int) {
	var frame []byte
	for i := range batch.Changes {
		if channel, ok := subs.Match(&batch.Changes[i]); ok && inPlain(&batch.Changes[i], channel) {
			frame = apier.AppendChange(frame[:0], &batch.Changes[i], nil)
			wire = z.appendText(wire, frame)
			frames++
		}
	}
	if batch.Metrics != nil && subs.Metrics() {
		frame = apier.AppendMetrics(frame[:0], batch.Metrics.Metrics, batch.Metrics.At, nil)
		wire = z.appendText(wire, frame)
		frames++
	}
	return wire, frames
}

// inPlain keeps what the integration guide does not know from the channels that it does: there, an attempt shows
// as the event's update alone.
func inPlain(c *apier.Change, channel string) bool {
	return c.Kind != apier.DeliveryChanged || strings.HasPrefix(channel, "endpoint:")
}

func encodeV1(batch hub.Batch, subs *hub.Subscriptions, z *deflater, at apier.Timestamp) (wire []byte, frames int) {
	b := batcher{at: at, z: z}
	for i := range batch.Changes {
		c := &batch.Changes[i]
		if channel, ok := subs.Match(c); ok {
			b.add(func(dst []byte) []byte {
				return apier.AppendChange(dst, c, &apier.V1{Channel: channel, Seq: c.Seq})
			})
		}
	}
	if batch.Metrics != nil && subs.Metrics() {
		b.add(func(dst []byte) []byte {
			return apier.AppendMetrics(dst, batch.Metrics.Metrics, batch.Metrics.At, &apier.V1{Channel: "metrics"})
		})
	}
	b.flush()
	return b.wire, b.frames
}

// batcher puts envelopes into as few messages as maxBatch permits: one alone as itself, several as a
// batch frame.
type batcher struct {
	z         *deflater
	at        apier.Timestamp
	envelopes []byte
	count     int
	wire      []byte
	frames    int // in wire
}

func (b *batcher) add(envelope func(dst []byte) []byte) {
	if b.count > 0 {
		b.envelopes = append(b.envelopes, ',')
	}
	b.envelopes = envelope(b.envelopes)
	if b.count++; len(b.envelopes) >= maxBatch {
		b.flush()
	}
}

func (b *batcher) flush() {
	if b.count > 0 {
		b.frames++
	}
	switch {
	case b.count == 1:
		b.wire = b.z.appendText(b.wire, b.envelopes)
	case b.count > 1:
		b.wire = b.z.appendText(b.wire, apier.AppendBatch(nil, b.envelopes, b.at))
	}
	b.envelopes, b.count = b.envelopes[:0], 0
}
