package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/apier/apier"
)

// GroupSettings say what a group of consumers gets. The zero value is every event, from now on.
type GroupSettings struct {
	Types     []string        // globs; empty: every type
	Filter    json.RawMessage // see apier.ParseFilter; nil: every event
	FromStart bool            // where it is made: it gets what is there already, too
}

// Group is a group of consumers, and how far it is.
type Group struct {
	Name      string          `json:"name"`
	Types     []string        `json:"types"`
	Filter    json.RawMessage `json:"filter"`
	Position  apier.Seq       `json:"position"` // what was created up to there was handed out, or is not wanted
	Open      int64           `json:"open"`     // events handed out or given back, and not acknowledged
	Dropped   int64           `json:"dropped"`  // events given up after too many hand-outs
	CreatedAt apier.Timestamp `json:"created_at"`
	Bound     int64           `json:"bound"` // of Open: there, it hands out only what is due again

	// Of Groups: events that it wants and was not handed out yet, as far as they were counted; whether there may be
	// more; when the first was created, 0 if there is none.
	Waiting     int64           `json:"waiting"`
	WaitingMore bool            `json:"waiting_more"`
	Oldest      apier.Timestamp `json:"oldest"`

	FilterProblem string `json:"filter_problem"` // why a filter of old can never match as it was meant; "": it can
}

// PutGroup makes a group of 1 to 64 letters, digits, '.', '_' and '-', or changes what one gets: that holds for what it
// was not handed out yet.
func (c *Client) PutGroup(ctx context.Context, name string, s GroupSettings) (Group, error) {
	from := "now"
	if s.FromStart {
		from = "start"
	}
	body := struct {
		Types  []string        `json:"types,omitempty"`
		Filter json.RawMessage `json:"filter,omitempty"`
		From   string          `json:"from"`
	}{s.Types, s.Filter, from}
	var g Group
	err := c.do(ctx, request{method: http.MethodPut, path: "/api/inbox/groups/{id}", id: name, body: body}, &g)
	return g, err
}

// Groups gives all groups, by name.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	var answer struct {
		Groups []Group `json:"groups"`
	}
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/inbox/groups"}, &answer)
	return answer.Groups, err
}

// DeleteGroup ends a group; its leases are void, the events stay.
func (c *Client) DeleteGroup(ctx context.Context, name string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: "/api/inbox/groups/{id}", id: name, done: http.StatusNotFound}, nil)
}
