package rules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/apier/apier"
)

// maxOrderKey bounds an order key, bytes. A longer value is known by its hash.
const maxOrderKey = 128

// A Route says which events an endpoint takes. It never changes: a changed endpoint gets another one.
type Route struct {
	Endpoint int64
	ID       apier.EndpointID
	Types    []string
	Filter   *apier.Filter
	OrderKey string // a path in the payload; "": no order
}

// NewRoute returns the route of an endpoint.
func NewRoute(number int64, e *apier.Endpoint) *Route {
	filter, faults := apier.ParseFilter(e.Filter)
	if len(faults) > 0 { // it was valid when it was stored: better too much than nothing
		filter = &apier.Filter{}
	}
	return &Route{Endpoint: number, ID: e.ID, Types: e.Types, Filter: filter, OrderKey: e.OrderKey}
}

// Takes reports whether the endpoint takes an event.
func (r *Route) Takes(e *apier.Decoded, typ string) bool {
	return apier.TypesMatch(r.Types, typ) && r.Filter.MatchDecoded(e)
}

// A Target is an endpoint that gets an event.
type Target struct {
	Endpoint int64
	OrderKey string // the event's; "": none
}

// Targets returns the endpoints that get an event. It ends with ctx. However many routes there are, the
// payload is decoded once, and not at all where no route looks into it.
func Targets(ctx context.Context, routes []*Route, e *apier.Event) (targets []Target, err error) {
	d := e.Decoded()
	for _, r := range routes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.Takes(d, e.Type) {
			targets = append(targets, Target{r.Endpoint, OrderKey(d, r.OrderKey)})
		}
	}
	return targets, nil
}

// Recipients returns the ids of the endpoints that get an event. It ends with ctx.
func Recipients(ctx context.Context, routes []*Route, e *apier.Event) (ids []apier.EndpointID, err error) {
	d := e.Decoded()
	for _, r := range routes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.Takes(d, e.Type) {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

// OrderKey returns the value that puts an event in order; "": it stands in none.
func OrderKey(d *apier.Decoded, path string) string {
	if path == "" {
		return ""
	}
	value := d.Text(path)
	if len(value) <= maxOrderKey {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}
