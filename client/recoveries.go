package client

import (
	"context"
	"net/http"
	"time"

	"github.com/apier/apier"
)

// RecoverOptions say what an endpoint is to be sent again, and how fast.
type RecoverOptions struct {
	Kind           apier.RecoveryKind // Default: apier.RecoverFailed, what it gave up
	Since          time.Time          // given up, or of apier.RecoverReplay created, then or later; needed
	Until          time.Time          // and until then. Default: now
	Types          []string           // globs; empty: every type
	SourceEndpoint apier.EndpointID   // of apier.RecoverReplay: the events that this one got. Default: all that match
	RatePerSecond  float64            // Default: 50
}

// recoverBody is RecoverOptions as the server reads them.
type recoverBody struct {
	Kind           apier.RecoveryKind `json:"kind"`
	Since          time.Time          `json:"since,omitzero"`
	Until          time.Time          `json:"until,omitzero"`
	Types          []string           `json:"types,omitempty"`
	SourceEndpoint apier.EndpointID   `json:"source_endpoint,omitempty"`
	RatePerSecond  float64            `json:"rate_per_second,omitempty"`
	DryRun         bool               `json:"dry_run,omitempty"`
}

func (o RecoverOptions) request(id apier.EndpointID, dryRun bool) request {
	if o.Kind == "" {
		o.Kind = apier.RecoverFailed
	}
	body := recoverBody{o.Kind, o.Since.UTC(), o.Until.UTC(), o.Types, o.SourceEndpoint, o.RatePerSecond, dryRun}
	return request{method: http.MethodPost, path: "/api/endpoints/{id}/recover", id: string(id), body: body, once: !dryRun}
}

// Recover begins to send an endpoint again what o says, and gives the recovery: Total is how many deliveries that are;
// [Client.Recovery], or RecoveryChanged on endpoint:<id>, tells how far it is. It is not tried again where it may have
// been done.
func (c *Client) Recover(ctx context.Context, id apier.EndpointID, o RecoverOptions) (apier.Recovery, error) {
	var r apier.Recovery
	err := c.do(ctx, o.request(id, false), &r)
	return r, err
}

// CountRecoverable gives how many deliveries Recover would send.
func (c *Client) CountRecoverable(ctx context.Context, id apier.EndpointID, o RecoverOptions) (int64, error) {
	var answer struct {
		Count int64 `json:"count"`
	}
	err := c.do(ctx, o.request(id, true), &answer)
	return answer.Count, err
}

// Recovery gives one recovery.
func (c *Client) Recovery(ctx context.Context, id string) (apier.Recovery, error) {
	var r apier.Recovery
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/recoveries/{id}", id: id}, &r)
	return r, err
}

// Recoveries gives the latest hundred recoveries of an endpoint, newest first.
func (c *Client) Recoveries(ctx context.Context, id apier.EndpointID) ([]apier.Recovery, error) {
	var answer struct {
		Recoveries []apier.Recovery `json:"recoveries"`
	}
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/endpoints/{id}/recoveries", id: string(id)}, &answer)
	return answer.Recoveries, err
}

// StopRecovery ends a recovery; what it has begun goes on. Stopping one that has ended changes nothing.
func (c *Client) StopRecovery(ctx context.Context, id string) (apier.Recovery, error) {
	var r apier.Recovery
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/recoveries/{id}/stop", id: id}, &r)
	return r, err
}
