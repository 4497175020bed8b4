package api

import "github.com/apier/apier"

// recipients is what a dry run tells of an event: the endpoints that would get it. Without one it waits in the inbox.
type recipients struct {
	Endpoints []apier.EndpointID `json:"endpoints"`
}

// isDryRun reads the query of a request that stores events. A misspelt dry_run must not store what was to be tried.
func isDryRun(c *call) (bool, error) {
	if c.r.URL.RawQuery == "" {
		return false, nil
	}
	q, err := readQuery(c)
	if err != nil {
		return false, err
	}
	faults := unknownParameters(q, []string{"dry_run"})
	dryRun := false
	if q.Has("dry_run") {
		dryRun, faults = readFlag(q, "dry_run", faults)
	}
	if len(faults) > 0 {
		return false, badQuery(faults)
	}
	return dryRun, nil
}

// tryEvent answers POST /api/events?dry_run=true once the event was found valid: nothing is stored.
func (a *API) tryEvent(c *call, event apier.NewEvent) error {
	if err := c.needs("endpoint:*"); err != nil { // the answer names endpoints
		return err
	}
	found, err := a.store.Recipients(c.ctx(), c.id.Tenant, []apier.NewEvent{event})
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		DryRun bool `json:"dry_run"`
		recipients
	}{true, recipients{orEmpty(found[0])}})
}

// tryEvents is tryEvent for a batch.
func (a *API) tryEvents(c *call, events []apier.NewEvent) error {
	if err := c.needs("endpoint:*"); err != nil { // the answer names endpoints
		return err
	}
	found, err := a.store.Recipients(c.ctx(), c.id.Tenant, events)
	if err != nil {
		return err
	}
	tried := make([]recipients, len(found))
	for i := range found {
		tried[i].Endpoints = orEmpty(found[i])
	}
	return answer(c.w, struct {
		DryRun bool         `json:"dry_run"`
		Events []recipients `json:"events"`
	}{true, tried})
}
