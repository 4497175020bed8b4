package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/apier/apier"
)

// AcknowledgeAll begins to acknowledge every event that s selects and that is not delivered yet, and returns the
// operation: [Client.Operation] says how far it is. All there are have to be asked for, by Types "*". A second one
// for the same selection is [apier.CodeConflict] while the first runs. It is not tried again where it may have been
// done.
func (c *Client) AcknowledgeAll(ctx context.Context, s apier.OperationSelection) (apier.Operation, error) {
	var o apier.Operation
	err := c.do(ctx, operationRequest(s, false), &o)
	return o, err
}

// CountAcknowledgeable returns how many events AcknowledgeAll would acknowledge.
func (c *Client) CountAcknowledgeable(ctx context.Context, s apier.OperationSelection) (int64, error) {
	var answer struct {
		Count int64 `json:"count"`
	}
	err := c.do(ctx, operationRequest(s, true), &answer)
	return answer.Count, err
}

func operationRequest(s apier.OperationSelection, dryRun bool) request {
	type selection struct {
		IDs           []apier.EventID `json:"ids,omitempty"`
		Status        apier.Status    `json:"status,omitempty"`
		Types         []string        `json:"types,omitempty"`
		Source        string          `json:"source,omitempty"`
		Search        string          `json:"search,omitempty"`
		CreatedAfter  apier.Timestamp `json:"created_after,omitzero"`
		CreatedBefore apier.Timestamp `json:"created_before,omitzero"`
	}
	body := struct {
		Kind      apier.OperationKind `json:"kind"`
		Selection selection           `json:"selection"`
		DryRun    bool                `json:"dry_run,omitempty"`
	}{apier.OperationAcknowledge, selection(s), dryRun}
	return request{method: http.MethodPost, path: "/api/operations", body: body, once: !dryRun}
}

// Operation returns one operation.
func (c *Client) Operation(ctx context.Context, id apier.OperationID) (apier.Operation, error) {
	var o apier.Operation
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/operations/{id}", id: string(id)}, &o)
	return o, err
}

// Operations walks over all operations, newest first. An error is the last thing it yields.
func (c *Client) Operations(ctx context.Context) iter.Seq2[apier.Operation, error] {
	return pages(func(after apier.OperationID) ([]apier.Operation, bool, error) {
		var page struct {
			Operations []apier.Operation `json:"operations"`
			HasMore    bool              `json:"has_more"`
		}
		err := c.do(ctx, request{method: http.MethodGet, path: "/api/operations", query: pageQuery(string(after))}, &page)
		return page.Operations, page.HasMore, err
	}, func(o apier.Operation) apier.OperationID { return o.ID })
}

// StopOperation ends an operation where it is. What it has done stays done; one that has ended stays as it is.
func (c *Client) StopOperation(ctx context.Context, id apier.OperationID) (apier.Operation, error) {
	var o apier.Operation
	err := c.do(ctx, request{method: http.MethodPost, path: "/api/operations/{id}/stop", id: string(id)}, &o)
	return o, err
}
