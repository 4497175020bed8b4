package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/apier/apier"
)

// NewEndpoint is where webhooks are to go. The zero value of each field but URL is the server's default.
type NewEndpoint struct {
	URL             string            `json:"url"`
	Description     string            `json:"description,omitempty"`
	Types           []string          `json:"types,omitempty"`             // globs; empty: every type
	Filter          json.RawMessage   `json:"filter,omitempty"`            // see apier.ParseFilter; nil: every event
	Headers         map[string]string `json:"headers,omitempty"`           // sent with each attempt
	RatePerSecond   float64           `json:"rate_per_second,omitempty"`   // attempts. Default: no limit
	MaxInFlight     int               `json:"max_in_flight,omitempty"`     // attempts under way at once. Default: 10
	TimeoutMS       int64             `json:"timeout_ms,omitempty"`        // of one attempt. Default: 15 000
	RetryScheduleMS []int64           `json:"retry_schedule_ms,omitempty"` // the wait before each attempt. Default: apier.DefaultRetrySchedule
	OrderKey        string            `json:"order_key,omitempty"`         // path in the payload: events that agree there go one after the other. Default: no order
}

// CreateEndpoint makes an endpoint. The secret signs its webhooks and is shown this once. It is not tried
// again where it may have been done.
func (c *Client) CreateEndpoint(ctx context.Context, e NewEndpoint) (made apier.Endpoint, secret string, err error) {
	var answer struct {
		apier.Endpoint
		Secret string `json:"secret"`
	}
	err = c.do(ctx, request{method: http.MethodPost, path: "/api/endpoints", body: e, once: true}, &answer)
	return answer.Endpoint, answer.Secret, err
}

// Endpoints walks over all endpoints, newest first. An error is the last thing it yields.
func (c *Client) Endpoints(ctx context.Context) iter.Seq2[apier.Endpoint, error] {
	return pages(func(after apier.EndpointID) ([]apier.Endpoint, bool, error) {
		var page struct {
			Endpoints []apier.Endpoint `json:"endpoints"`
			HasMore   bool             `json:"has_more"`
		}
		err := c.do(ctx, request{method: http.MethodGet, path: "/api/endpoints", query: pageQuery(string(after))}, &page)
		return page.Endpoints, page.HasMore, err
	}, func(e apier.Endpoint) apier.EndpointID { return e.ID })
}

func pageQuery(after string) url.Values {
	q := url.Values{}
	setText(q, "starting_after", after)
	setNumber(q, "limit", pageSize)
	return q
}

// Endpoint gives one endpoint, with its counters.
func (c *Client) Endpoint(ctx context.Context, id apier.EndpointID) (apier.Endpoint, error) {
	var e apier.Endpoint
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/endpoints/{id}", id: string(id)}, &e)
	return e, err
}

// PauseEndpoint lets deliveries wait, or lets them go again; that enables one that was disabled, too.
func (c *Client) PauseEndpoint(ctx context.Context, id apier.EndpointID, paused bool) (apier.Endpoint, error) {
	body := struct {
		Paused bool `json:"paused"`
	}{paused}
	var e apier.Endpoint
	err := c.do(ctx, request{method: http.MethodPatch, path: "/api/endpoints/{id}", id: string(id), body: body}, &e)
	return e, err
}

// DeleteEndpoint ends an endpoint; its open deliveries are canceled.
func (c *Client) DeleteEndpoint(ctx context.Context, id apier.EndpointID) error {
	return c.do(ctx, request{method: http.MethodDelete, path: "/api/endpoints/{id}", id: string(id), done: http.StatusNotFound}, nil)
}

// EndpointDeliveries walks over the deliveries of an endpoint, newest first; status "" is all. An error is
// the last thing it yields.
func (c *Client) EndpointDeliveries(ctx context.Context, id apier.EndpointID, status apier.DeliveryStatus) iter.Seq2[apier.Delivery, error] {
	return c.deliveries(ctx, "/api/endpoints/{id}/deliveries", string(id), status)
}

// EventDeliveries walks over the deliveries of an event, newest first; status "" is all.
func (c *Client) EventDeliveries(ctx context.Context, id apier.EventID, status apier.DeliveryStatus) iter.Seq2[apier.Delivery, error] {
	return c.deliveries(ctx, "/api/events/{id}/deliveries", string(id), status)
}

func (c *Client) deliveries(ctx context.Context, path, id string, status apier.DeliveryStatus) iter.Seq2[apier.Delivery, error] {
	return pages(func(after apier.DeliveryID) ([]apier.Delivery, bool, error) {
		var page struct {
			Deliveries []apier.Delivery `json:"deliveries"`
			HasMore    bool             `json:"has_more"`
		}
		q := pageQuery(string(after))
		setText(q, "status", string(status))
		err := c.do(ctx, request{method: http.MethodGet, path: path, id: id, query: q}, &page)
		return page.Deliveries, page.HasMore, err
	}, func(d apier.Delivery) apier.DeliveryID { return d.ID })
}

// RetryDelivery makes a delivery that was given up due at once. It is not tried again where it may have been done.
func (c *Client) RetryDelivery(ctx context.Context, id apier.DeliveryID) (apier.Delivery, error) {
	var d apier.Delivery
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/deliveries/{id}/retry", id: string(id), once: true}, &d)
	return d, err
}

// Recover sends again what an endpoint gave up since then, and gives the recovery that has begun; its Total is how many
// deliveries that are, and RecoveryChanged on endpoint:<id> tells how far it is. dryRun begins nothing: only Total is
// set. It is not tried again where it may have been done.
func (c *Client) Recover(ctx context.Context, id apier.EndpointID, since time.Time, dryRun bool) (apier.Recovery, error) {
	body := struct {
		Kind   apier.RecoveryKind `json:"kind"`
		Since  time.Time          `json:"since"`
		DryRun bool               `json:"dry_run"`
	}{apier.RecoverFailed, since.UTC(), dryRun}
	var answer struct {
		apier.Recovery
		Count int64 `json:"count"`
	}
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/endpoints/{id}/recover", id: string(id), body: body, once: !dryRun}, &answer)
	if dryRun {
		answer.Total = answer.Count
	}
	return answer.Recovery, err
}
