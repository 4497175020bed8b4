package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// createOperation answers POST /api/operations: with dry_run {count}, else 202 and the operation that has begun.
func (a *API) createOperation(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	begun := store.NewOperation{Subject: c.id.Subject}
	var selection json.RawMessage
	dryRun := false
	faults := body.decode(field{"kind", &begun.Kind}, field{"selection", &selection}, field{"dry_run", &dryRun})
	if !begun.Kind.Valid() {
		faults = withFaults(faults, []apier.FieldError{{Field: "kind", Reason: "must be acknowledge"}})
	}
	var more []apier.FieldError
	begun.Selection, more = readSelection(selection)
	if faults = withFaults(faults, more); len(faults) > 0 {
		return invalid(faults)
	}
	if dryRun {
		return a.countOperable(c, begun)
	}
	return a.beginOperation(c, begun)
}

func (a *API) countOperable(c *call, begun store.NewOperation) error {
	var n int64
	err := a.searching(c, begun.Selection.Search, func(ctx context.Context) (err error) {
		n, err = a.store.CountOperable(ctx, c.id.Tenant, begun)
		return err
	})
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Count int64 `json:"count"`
	}{n})
}

func (a *API) beginOperation(c *call, begun store.NewOperation) error {
	var o apier.Operation
	err := a.searching(c, begun.Selection.Search, func(ctx context.Context) (err error) {
		o, err = a.store.CreateOperation(ctx, c.id.Tenant, begun)
		return err
	})
	if err != nil {
		return err
	}
	a.opt.Log.Info("api: an operation begins", "operation", o.ID, "kind", o.Kind, "events", o.Total, "tenant", c.id.Tenant, "user", c.id.Subject)
	a.opt.Operate()
	return answerWith(c.w, http.StatusAccepted, o)
}

// searching runs a read that may go event by event, within the bounds of searches.
func (a *API) searching(c *call, search string, read func(context.Context) error) error {
	if search == "" {
		return read(c.ctx())
	}
	ctx, cancel := context.WithTimeout(c.ctx(), a.searches.timeout)
	defer cancel()
	release, err := a.takeSearch(ctx, c.id.Tenant)
	if err == nil {
		defer release()
		err = read(ctx)
	}
	if err != nil && ctx.Err() != nil && c.ctx().Err() == nil {
		return invalid([]apier.FieldError{{Field: "selection.search", Reason: fmt.Sprintf(
			"could not be counted within %v (--search-timeout); narrow it by types, source or created_after", a.searches.timeout)}})
	}
	return err
}

// readSelection reads what an operation is for. To select every event takes a word: types ["*"].
func readSelection(raw json.RawMessage) (s apier.OperationSelection, faults []apier.FieldError) {
	body, ok := asObject(raw)
	if !ok {
		return s, []apier.FieldError{{Field: "selection", Reason: "must be an object: ids, or any of status, types, source, search, created_after and created_before"}}
	}
	faults = body.decode(field{"ids", &s.IDs}, field{"status", &s.Status}, field{"types", &s.Types}, field{"source", &s.Source},
		field{"search", &s.Search}, field{"created_after", &s.CreatedAfter}, field{"created_before", &s.CreatedBefore})
	faults = withFaults(faults, selectionProblems(s))
	for i := range faults {
		faults[i].Field = "selection." + faults[i].Field
	}
	return s, faults
}

func selectionProblems(s apier.OperationSelection) (faults []apier.FieldError) {
	add := func(wrong bool, field, reason string) {
		if wrong {
			faults = append(faults, apier.FieldError{Field: field, Reason: reason})
		}
	}
	common := s.Status != "" || len(s.Types) > 0 || s.Source != "" || s.Search != "" || s.CreatedAfter != 0 || s.CreatedBefore != 0
	add(len(s.IDs) > 0 && common, "ids", "and the other fields exclude each other")
	add(len(s.IDs) == 0 && !common, "ids", `or status, types, source, search, created_after or created_before is needed; for every event say "types":["*"]`)
	add(len(s.IDs) > apier.MaxOperationIDs, "ids", "names more than "+strconv.Itoa(apier.MaxOperationIDs)+" events")
	add(s.Status != "" && !s.Status.Valid(), "status", "must be pending, delivered or failed")
	add(len(s.Search) > maxSearch, "search", "is longer than "+strconv.Itoa(maxSearch)+" bytes")
	return append(faults, apier.TypesFaults(s.Types)...)
}

func (c *call) operation() apier.OperationID { return apier.OperationID(c.r.PathValue("id")) }

// getOperation answers GET /api/operations/{id}.
func (a *API) getOperation(c *call) error {
	o, err := a.store.Operation(c.ctx(), c.id.Tenant, c.operation())
	if err != nil {
		return err
	}
	return answer(c.w, o)
}

// stopOperation answers POST /api/operations/{id}/stop. One that has ended stays as it is.
func (a *API) stopOperation(c *call) error {
	o, err := a.store.StopOperation(c.ctx(), c.id.Tenant, c.operation())
	if err != nil {
		return err
	}
	return answer(c.w, o)
}

// listOperations answers GET /api/operations: {operations, has_more}, newest first.
func (a *API) listOperations(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	faults := unknownParameters(q, []string{"limit", "starting_after"})
	page := store.PageOf[apier.OperationID]{StartingAfter: apier.OperationID(q.Get("starting_after"))}
	if page.Limit, faults = readLimit(q, faults); len(faults) > 0 {
		return badQuery(faults)
	}
	found, err := a.store.ListOperations(c.ctx(), c.id.Tenant, page)
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Operations []apier.Operation `json:"operations"`
		HasMore    bool              `json:"has_more"`
	}{orEmpty(found.Operations), found.HasMore})
}
