package api

import (
	"encoding/json"
	"net/http"

	"github.com/apier/apier"
)

// eraseEvent answers POST /api/events/{id}/erase with the event, without its payload. Twice is harmless.
func (a *API) eraseEvent(c *call) error {
	event, err := a.store.EraseEvent(c.ctx(), c.id.Tenant, c.event())
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, event.AppendJSON(nil))
	return nil
}

// eraseBody is the body of POST /api/events/erase.
type eraseBody struct {
	Types         []string         `json:"types"`
	Source        string           `json:"source"`
	CreatedAfter  *apier.Timestamp `json:"created_after"`
	CreatedBefore *apier.Timestamp `json:"created_before"`
	Filter        json.RawMessage  `json:"filter"`
	DryRun        bool             `json:"dry_run"`
}

func (b eraseBody) selection() (s apier.Selection, faults []apier.FieldError) {
	s = apier.Selection{Types: b.Types, Source: b.Source, Filter: b.Filter}
	if b.CreatedAfter != nil {
		s.CreatedAfter = *b.CreatedAfter
	}
	if b.CreatedBefore != nil {
		s.CreatedBefore = *b.CreatedBefore
	}
	_, filterFaults := s.Matcher()
	faults = append(apier.TypesFaults(b.Types), filterFaults...)
	if len(b.Types) == 0 && b.Source == "" && b.CreatedAfter == nil && b.CreatedBefore == nil && (len(b.Filter) == 0 || string(b.Filter) == "null") {
		faults = append(faults, apier.FieldError{Field: "filter", Reason: "or types, source, created_after or created_before is needed; to erase everything say \"types\":[\"*\"]"})
	}
	return s, faults
}

// eraseEvents answers POST /api/events/erase: with dry_run {count, examined}, else 202 and the erasure that
// begins.
func (a *API) eraseEvents(c *call) error {
	var body eraseBody
	if err := readStrict(c, envelopeSize+apier.MaxFilterSize+apier.MaxEndpointTypes*apier.MaxTypeSize, &body); err != nil {
		return err
	}
	selection, faults := body.selection()
	if len(faults) > 0 {
		return invalid(faults)
	}
	if body.DryRun {
		count, examined, err := a.store.CountErasable(c.ctx(), c.id.Tenant, selection)
		if err != nil {
			return err
		}
		return answer(c.w, map[string]int64{"count": count, "examined": examined})
	}
	erasure, err := a.store.CreateErasure(c.ctx(), c.id.Tenant, selection)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(erasure)
	if err != nil {
		return err
	}
	a.opt.Log.Info("api: an erasure begins", "erasure", erasure.ID, "tenant", c.id.Tenant, "user", c.id.Subject)
	writeJSON(c.w, http.StatusAccepted, encoded)
	return nil
}

// getErasure answers GET /api/erasures/{id}.
func (a *API) getErasure(c *call) error {
	erasure, err := a.store.Erasure(c.ctx(), c.id.Tenant, apier.ErasureID(c.r.PathValue("id")))
	if err != nil {
		return err
	}
	return answer(c.w, erasure)
}

// listErasures answers GET /api/erasures: {erasures}, newest first.
func (a *API) listErasures(c *call) error {
	erasures, err := a.store.Erasures(c.ctx(), c.id.Tenant)
	if err != nil {
		return err
	}
	return answer(c.w, map[string]any{"erasures": erasures})
}

// storage answers GET /api/metrics/storage.
func (a *API) storage(c *call) error {
	s, err := a.store.Space(c.ctx())
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Used    int64 `json:"used_bytes"`
		File    int64 `json:"file_bytes"`
		Budget  int64 `json:"budget_bytes"`
		Full    bool  `json:"full"`
		Expired int64 `json:"events_expired"`
		Trimmed int64 `json:"events_trimmed"`
		Erased  int64 `json:"events_erased"`
	}(s))
}
