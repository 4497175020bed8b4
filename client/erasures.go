package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/apier/apier"
)

// Erase takes the payload of one event for good and leaves the rest, {} in its place. Erasing twice changes nothing.
func (c *Client) Erase(ctx context.Context, id apier.EventID) (apier.Event, error) {
	var e apier.Event
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/events/{id}/erase", id: string(id)}, &e)
	return e, err
}

// EraseAll begins to erase every event that s selects, as Erase does, and gives the erasure: [Client.Erasure] tells how
// far it is. All there is has to be asked for, by Types "*". It is not tried again where it may have been done.
func (c *Client) EraseAll(ctx context.Context, s apier.Selection) (apier.Erasure, error) {
	var e apier.Erasure
	err := c.do(ctx, eraseRequest(s, false), &e)
	return e, err
}

// CountErasable gives how many events EraseAll would erase, and how many were examined to tell.
func (c *Client) CountErasable(ctx context.Context, s apier.Selection) (count, examined int64, err error) {
	var answer struct {
		Count    int64 `json:"count"`
		Examined int64 `json:"examined"`
	}
	err = c.do(ctx, eraseRequest(s, true), &answer)
	return answer.Count, answer.Examined, err
}

func eraseRequest(s apier.Selection, dryRun bool) request {
	body := struct {
		Types         []string        `json:"types,omitempty"`
		Source        string          `json:"source,omitempty"`
		CreatedAfter  apier.Timestamp `json:"created_after,omitzero"`
		CreatedBefore apier.Timestamp `json:"created_before,omitzero"`
		Filter        json.RawMessage `json:"filter,omitempty"`
		DryRun        bool            `json:"dry_run,omitempty"`
	}{s.Types, s.Source, s.CreatedAfter, s.CreatedBefore, s.Filter, dryRun}
	return request{method: http.MethodPost, path: "/api/events/erase", body: body, once: !dryRun}
}

// Erasure gives one erasure.
func (c *Client) Erasure(ctx context.Context, id apier.ErasureID) (apier.Erasure, error) {
	var e apier.Erasure
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/erasures/{id}", id: string(id)}, &e)
	return e, err
}

// Erasures gives all erasures, newest first.
func (c *Client) Erasures(ctx context.Context) ([]apier.Erasure, error) {
	var answer struct {
		Erasures []apier.Erasure `json:"erasures"`
	}
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/erasures"}, &answer)
	return answer.Erasures, err
}
