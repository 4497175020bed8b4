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
	Paused          bool              `json:"paused,omitempty"`            // deliveries wait from the first on, until ResumeEndpoint
	Secret          string            `json:"secret,omitempty"`            // one that is in use already, whsec_…. Default: the server makes one
}

// EndpointUpdate says what of an endpoint is to change: nil stays as it is.
type EndpointUpdate struct {
	URL             *string           `json:"url,omitempty"`
	Description     *string           `json:"description,omitempty"`
	Types           []string          `json:"types,omitzero"`   // empty: every type
	Filter          json.RawMessage   `json:"filter,omitempty"` // null: every event
	Headers         map[string]string `json:"headers,omitzero"` // all there are to be; apier.HiddenValue keeps a value
	RatePerSecond   *float64          `json:"rate_per_second,omitempty"`
	MaxInFlight     *int              `json:"max_in_flight,omitempty"`
	TimeoutMS       *int64            `json:"timeout_ms,omitempty"`
	RetryScheduleMS []int64           `json:"retry_schedule_ms,omitzero"` // empty: apier.DefaultRetrySchedule
	OrderKey        *string           `json:"order_key,omitempty"`        // to "": no order
	Paused          *bool             `json:"paused,omitempty"`
}

// EndpointInfo is an endpoint and what the server thinks of it.
type EndpointInfo struct {
	apier.Endpoint
	Warning string `json:"warning"` // why no attempt will reach its address as it is; "": nothing is known
}

// CreateEndpoint makes an endpoint. The secret signs its webhooks and is shown this once. It is not tried
// again where it may have been done.
func (c *Client) CreateEndpoint(ctx context.Context, e NewEndpoint) (made EndpointInfo, secret string, err error) {
	var answer struct {
		EndpointInfo
		Secret string `json:"secret"`
	}
	err = c.do(ctx, request{method: http.MethodPost, path: "/api/endpoints", body: e, once: true}, &answer)
	return answer.EndpointInfo, answer.Secret, err
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
func (c *Client) Endpoint(ctx context.Context, id apier.EndpointID) (EndpointInfo, error) {
	var e EndpointInfo
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/endpoints/{id}", id: string(id)}, &e)
	return e, err
}

// UpdateEndpoint changes what u names, and gives the endpoint as it then is.
func (c *Client) UpdateEndpoint(ctx context.Context, id apier.EndpointID, u EndpointUpdate) (EndpointInfo, error) {
	var e EndpointInfo
	err := c.do(ctx, request{method: http.MethodPatch, path: "/api/endpoints/{id}", id: string(id), body: u}, &e)
	return e, err
}

// PauseEndpoint lets deliveries wait until ResumeEndpoint; none is lost.
func (c *Client) PauseEndpoint(ctx context.Context, id apier.EndpointID) (EndpointInfo, error) {
	return c.UpdateEndpoint(ctx, id, EndpointUpdate{Paused: new(true)})
}

// ResumeEndpoint lets deliveries go again; it enables an endpoint that was disabled, too.
func (c *Client) ResumeEndpoint(ctx context.Context, id apier.EndpointID) (EndpointInfo, error) {
	return c.UpdateEndpoint(ctx, id, EndpointUpdate{Paused: new(false)})
}

// RotateSecret gives an endpoint a new secret, which is shown this once. For the grace, in whole seconds, at most 7
// days, the one before signs too, so that receivers can change over; 0: it ends at once. It is not tried again where
// it may have been done.
func (c *Client) RotateSecret(ctx context.Context, id apier.EndpointID, grace time.Duration) (secret string, err error) {
	body := struct {
		Grace int64 `json:"grace_seconds"`
	}{seconds(grace)}
	var answer struct {
		Secret string `json:"secret"`
	}
	err = c.do(ctx, request{method: http.MethodPost, path: "/api/endpoints/{id}/rotate-secret", id: string(id), body: body, once: true}, &answer)
	return answer.Secret, err
}

// TestEndpoint sends an endpoint a webhook of that type and payload ("" and nil: the server's sample) and gives the
// attempt: one that failed is no error, but an Attempt that is not OK. Nothing is stored or counted. It is not tried
// again where it may have been done.
func (c *Client) TestEndpoint(ctx context.Context, id apier.EndpointID, eventType string, payload json.RawMessage) (apier.Attempt, error) {
	body := struct {
		Type    string          `json:"type,omitempty"`
		Payload json.RawMessage `json:"payload,omitempty"`
	}{eventType, payload}
	var a storedAttempt
	err := c.do(ctx, request{
		method: http.MethodPost, path: "/api/endpoints/{id}/test", id: string(id), body: body, once: true, wait: apier.TimeoutLimitMS * time.Millisecond,
	}, &a)
	return apier.Attempt(a), err
}

// DeleteEndpoint ends an endpoint; its open deliveries are canceled.
func (c *Client) DeleteEndpoint(ctx context.Context, id apier.EndpointID) error {
	return c.do(ctx, request{method: http.MethodDelete, path: "/api/endpoints/{id}", id: string(id), done: http.StatusNotFound}, nil)
}
