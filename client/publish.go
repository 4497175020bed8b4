package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/apier/apier"
)

// Receipt is what a sender is told of an event that is on disk.
type Receipt struct {
	ID        apier.EventID   `json:"id"`
	Status    apier.Status    `json:"status"`
	Timestamp apier.Timestamp `json:"timestamp"` // of its creation
	Seq       apier.Seq       `json:"seq"`       // of its creation: the Change of it has the same
}

// Publish stores one event; when it returns without an error, the event is on disk. It sends an
// Idempotency-Key that is made for the call, so that tries again never store twice.
func (c *Client) Publish(ctx context.Context, e apier.NewEvent) (Receipt, error) {
	return c.PublishWithKey(ctx, rand.Text(), e)
}

// PublishWithKey is Publish with a key of the caller's, which makes the call repeatable across processes:
// the same key and event give the first receipt again, the same key and another event [apier.CodeConflict]. A key has
// 1 to 255 bytes; the server keeps it for 7 days, where it is not told otherwise.
func (c *Client) PublishWithKey(ctx context.Context, key string, e apier.NewEvent) (Receipt, error) {
	var r Receipt
	body, err := appendEvent(nil, e, "payload")
	if err != nil {
		return r, err
	}
	err = c.store(ctx, "/api/events", key, body, &r)
	return r, err
}

// PublishBatch stores 1 to [apier.MaxBatch] events, all or none; the receipts are in the order of events.
func (c *Client) PublishBatch(ctx context.Context, events []apier.NewEvent) ([]Receipt, error) {
	return c.PublishBatchWithKey(ctx, rand.Text(), events)
}

// PublishBatchWithKey is PublishBatch with a key of the caller's.
func (c *Client) PublishBatchWithKey(ctx context.Context, key string, events []apier.NewEvent) ([]Receipt, error) {
	var r struct {
		Events []Receipt `json:"events"`
	}
	body := json.RawMessage{'['}
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = appendEvent(body, e, fmt.Sprintf("[%d].payload", i)); err != nil {
			return nil, err
		}
	}
	err := c.store(ctx, "/api/events/batch", key, append(body, ']'), &r)
	return r.Events, err
}

// Recipients checks an event as Publish does, and gives the endpoints that would get it; with none, it would wait in
// the inbox. Nothing is stored.
func (c *Client) Recipients(ctx context.Context, e apier.NewEvent) ([]apier.EndpointID, error) {
	body, err := appendEvent(nil, e, "payload")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Endpoints []apier.EndpointID `json:"endpoints"`
	}
	q := url.Values{"dry_run": {"true"}}
	err = c.do(ctx, request{method: http.MethodPost, path: "/api/events", query: q, body: body}, &answer)
	return answer.Endpoints, err
}

const maxKey = 255 // bytes

// store sends events with a key, never without: it may be tried again.
func (c *Client) store(ctx context.Context, path, key string, body json.RawMessage, out any) error {
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, unicode.IsControl) {
		return apier.Errorf(apier.CodeInvalid, "An Idempotency-Key has 1 to %d bytes, none of them a control character. Nothing was sent.", maxKey)
	}
	return c.do(ctx, request{method: http.MethodPost, path: path, body: body, key: key}, out)
}

// appendEvent appends the JSON of an event, the payload byte for byte, which encoding/json would not keep. field is
// where the payload stands, for errors.
func appendEvent(dst json.RawMessage, e apier.NewEvent, field string) (json.RawMessage, error) {
	payload := e.Payload
	if payload == nil {
		payload = json.RawMessage("null") // the server says what is missing
	}
	if !json.Valid(payload) {
		return nil, &apier.Error{
			Code: apier.CodeInvalid, Message: "The payload is not JSON. Nothing was sent.",
			Fields: []apier.FieldError{{Field: field, Reason: "is not JSON"}},
		}
	}
	head, err := encodeBody(struct {
		Type   string `json:"type"`
		Source string `json:"source"`
	}{e.Type, e.Source})
	if err != nil {
		return nil, err
	}
	dst = append(append(dst, bytes.TrimSuffix(head, []byte("}\n"))...), `,"payload":`...)
	return append(append(dst, payload...), '}'), nil
}
