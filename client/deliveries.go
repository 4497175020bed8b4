package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/apier/apier"
)

// DeliveryFilter says which deliveries are listed. The zero value is all.
type DeliveryFilter struct {
	Status    apier.DeliveryStatus
	ErrorKind apier.ErrorKind // of the latest attempt
	Since     time.Time       // created then or later; zero: no bound
}

// EndpointDeliveries walks over the deliveries of an endpoint, newest first. An error is the last thing it yields.
func (c *Client) EndpointDeliveries(ctx context.Context, id apier.EndpointID, f DeliveryFilter) iter.Seq2[apier.Delivery, error] {
	return c.deliveries(ctx, "/api/endpoints/{id}/deliveries", string(id), f)
}

// EventDeliveries walks over the deliveries of an event, newest first. An error is the last thing it yields.
func (c *Client) EventDeliveries(ctx context.Context, id apier.EventID, f DeliveryFilter) iter.Seq2[apier.Delivery, error] {
	return c.deliveries(ctx, "/api/events/{id}/deliveries", string(id), f)
}

func (c *Client) deliveries(ctx context.Context, path, id string, f DeliveryFilter) iter.Seq2[apier.Delivery, error] {
	return pages(func(after apier.DeliveryID) ([]apier.Delivery, bool, error) {
		var page struct {
			Deliveries []apier.Delivery `json:"deliveries"`
			HasMore    bool             `json:"has_more"`
		}
		q := pageQuery(string(after))
		setText(q, "status", string(f.Status))
		setText(q, "error_kind", string(f.ErrorKind))
		setTime(q, "since", f.Since)
		err := c.do(ctx, request{method: http.MethodGet, path: path, id: id, query: q}, &page)
		return page.Deliveries, page.HasMore, err
	}, func(d apier.Delivery) apier.DeliveryID { return d.ID })
}

// Delivery gives one delivery.
func (c *Client) Delivery(ctx context.Context, id apier.DeliveryID) (apier.Delivery, error) {
	var d apier.Delivery
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/deliveries/{id}", id: string(id)}, &d)
	return d, err
}

// Attempts gives what was sent of a delivery and what the receiver answered, oldest first.
func (c *Client) Attempts(ctx context.Context, id apier.DeliveryID) ([]apier.Attempt, error) {
	var answer struct {
		Attempts []storedAttempt `json:"attempts"`
	}
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/deliveries/{id}/attempts", id: string(id)}, &answer)
	attempts := make([]apier.Attempt, len(answer.Attempts))
	for i, a := range answer.Attempts {
		attempts[i] = apier.Attempt(a)
	}
	return attempts, err
}

// storedAttempt is an attempt as the REST API shows it.
type storedAttempt apier.Attempt

// UnmarshalJSON implements json.Unmarshaler.
func (a *storedAttempt) UnmarshalJSON(b []byte) error {
	var d struct {
		apier.Attempt
		Body string `json:"response_body"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return err
	}
	*a = storedAttempt(d.Attempt)
	a.ResponseBody = []byte(d.Body)
	return nil
}

// RetryDelivery makes a delivery that was given up due at once. It is not tried again where it may have been done.
func (c *Client) RetryDelivery(ctx context.Context, id apier.DeliveryID) (apier.Delivery, error) {
	var d apier.Delivery
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/deliveries/{id}/retry", id: string(id), once: true}, &d)
	return d, err
}
