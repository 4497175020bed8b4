package api

import (
	"crypto/sha256"
	"net/http"
	"strconv"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	envelopeSize      = 4 << 10 // room for type, source and punctuation around a payload, bytes
	receiptSize       = 128     // about that of one, bytes
	maxIdempotencyKey = 255     // bytes
)

// createEvent answers POST /api/events.
func (a *API) createEvent(c *call) error {
	dryRun, err := isDryRun(c)
	if err != nil {
		return err
	}
	body, err := readBody(c, a.opt.MaxPayload+envelopeSize)
	if err != nil {
		return err
	}
	if err := checkJSON(body, c.maxDepth); err != nil {
		return err
	}
	event, faults := decodeEvent(body, "", a.payloadLimits())
	if len(faults) > 0 {
		if len(event.Payload) > a.opt.MaxPayload {
			return apier.Errorf(apier.CodeTooLarge, "The payload is %d bytes long, at most %d are allowed (--max-payload-bytes).", len(event.Payload), a.opt.MaxPayload)
		}
		return invalid(faults)
	}
	if err := c.permitNew(event); err != nil {
		return err
	}
	if dryRun {
		return a.tryEvent(c, event)
	}
	receipts, err := a.append(c, []apier.NewEvent{event}, body)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, appendReceipt(make([]byte, 0, receiptSize), receipts.Events[0]))
	return nil
}

// createEvents answers POST /api/events/batch: all or nothing.
func (a *API) createEvents(c *call) error {
	dryRun, err := isDryRun(c)
	if err != nil {
		return err
	}
	body, err := readBody(c, a.opt.MaxBatchBytes)
	if err != nil {
		return err
	}
	items, err := splitBatch(body, c.maxDepth)
	if err != nil {
		return err
	}
	if len(items) == 0 || len(items) > apier.MaxBatch {
		return apier.Errorf(apier.CodeInvalid, "A batch has 1 to %d events, this one has %d. Nothing was stored.", apier.MaxBatch, len(items))
	}
	events := make([]apier.NewEvent, len(items))
	var faults []apier.FieldError
	for i, item := range items {
		var f []apier.FieldError
		events[i], f = decodeEvent(item, "["+strconv.Itoa(i)+"].", a.payloadLimits())
		faults = append(faults, f...)
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	if err := c.permitNew(events...); err != nil {
		return err
	}
	if dryRun {
		return a.tryEvents(c, events)
	}
	receipts, err := a.append(c, events, body)
	if err != nil {
		return err
	}
	answer := append(make([]byte, 0, receiptSize*(1+len(receipts.Events))), `{"events":[`...)
	for i, r := range receipts.Events {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = appendReceipt(answer, r)
	}
	writeJSON(c.w, http.StatusCreated, append(answer, "]}"...))
	return nil
}

func (a *API) payloadLimits() apier.PayloadLimits {
	return apier.PayloadLimits{Bytes: a.opt.MaxPayload, Depth: a.opt.MaxDepth}
}

func (a *API) append(c *call, events []apier.NewEvent, body []byte) (store.Receipts, error) {
	key, err := idempotencyKey(c.r, body)
	if err != nil {
		return store.Receipts{}, err
	}
	receipts, err := a.store.Append(c.ctx(), c.id.Tenant, events, key)
	if receipts.Replayed {
		c.w.Header().Set("Idempotent-Replayed", "true")
	}
	return receipts, err
}

func idempotencyKey(r *http.Request, body []byte) (*store.IdempotencyKey, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return nil, nil
	}
	key := values[0]
	if key == "" || len(key) > maxIdempotencyKey || len(values) > 1 {
		return nil, apier.Errorf(apier.CodeInvalid, "Idempotency-Key must be one value of 1 to %d bytes. Nothing was stored.", maxIdempotencyKey)
	}
	h := sha256.New()
	h.Write([]byte(r.URL.Path + "\n")) // a hash never fails to write
	h.Write(body)
	return &store.IdempotencyKey{Key: key, RequestHash: [32]byte(h.Sum(nil))}, nil
}

func appendReceipt(dst []byte, r store.Receipt) []byte {
	dst = append(append(dst, `{"id":"`...), r.ID...)
	dst = append(dst, `","status":"pending","timestamp":`...)
	dst = r.CreatedAt.AppendJSON(dst)
	dst = append(dst, `,"seq":`...)
	return append(strconv.AppendInt(dst, int64(r.Seq), 10), '}')
}
