package client

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/apier/apier"
)

// Receipt is what a sender is told of an event that is on disk.
type Receipt struct {
	ID        apier.EventID   `json:"id"`
	Status    apier.Status    `json:"status"`
	Timestamp apier.Timestamp `json:"timestamp"`
	Seq       apier.Seq       `json:"seq"`
}

// Publish stores one event; when it returns without an error, the event is on disk. It sends an
// Idempotency-Key that is made for the call, so that tries again never store twice.
func (c *Client) Publish(ctx context.Context, e apier.NewEvent) (Receipt, error) {
	return c.PublishWithKey(ctx, rand.Text(), e)
}

// PublishWithKey is Publish with a key of the caller's, which makes the call repeatable across processes:
// the same key and event give the first receipt again, the same key and another event apier.CodeConflict.
func (c *Client) PublishWithKey(ctx context.Context, key string, e apier.NewEvent) (Receipt, error) {
	var r Receipt
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/events", body: e, key: key}, &r)
	return r, err
}

// PublishBatch stores up to apier.MaxBatch events, all or none; the receipts are in the order of events.
func (c *Client) PublishBatch(ctx context.Context, events []apier.NewEvent) ([]Receipt, error) {
	return c.PublishBatchWithKey(ctx, rand.Text(), events)
}

// PublishBatchWithKey is PublishBatch with a key of the caller's.
func (c *Client) PublishBatchWithKey(ctx context.Context, key string, events []apier.NewEvent) ([]Receipt, error) {
	var r struct {
		Events []Receipt `json:"events"`
	}
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/events/batch", body: events, key: key}, &r)
	return r.Events, err
}
