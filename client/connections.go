package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/apier/apier"
)

// Connections walks over the open WebSockets of a user ("": of everybody), oldest first. An error is the last thing it
// yields.
func (c *Client) Connections(ctx context.Context, user string) iter.Seq2[apier.Connection, error] {
	return pages(func(after string) ([]apier.Connection, bool, error) {
		var page struct {
			Connections []apier.Connection `json:"connections"`
			HasMore     bool               `json:"has_more"`
		}
		q := pageQuery(after)
		setText(q, "user", user)
		err := c.do(ctx, request{method: http.MethodGet, path: "/api/connections", query: q}, &page)
		return page.Connections, page.HasMore, err
	}, func(conn apier.Connection) string { return conn.ID })
}

// Disconnect ends an open WebSocket, such as that of a user who may not listen any more. The reason is shown to its
// client: one word of a-z, 0-9 and _; "": disconnected.
func (c *Client) Disconnect(ctx context.Context, id, reason string) error {
	q := url.Values{}
	setText(q, "reason", reason)
	return c.do(ctx, request{method: http.MethodDelete, path: "/api/connections/{id}", id: id, query: q, done: http.StatusNotFound}, nil)
}
