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

// selectionFaults gives what is wrong with a selection besides its form.
func selectionFaults(s apier.Selection) []apier.FieldError {
	filter, _ := apier.ParseFilter(s.Filter)
	faults := append(apier.TypesFaults(s.Types), apier.CheckFilter(s.Filter)...)
	if len(faults) == 0 && len(s.Types) == 0 && s.Source == "" && s.CreatedAfter == 0 && s.CreatedBefore == 0 && filter.Empty() {
		faults = append(faults, apier.FieldError{Field: "filter", Reason: "or types, source, created_after or created_before is needed; to erase everything say \"types\":[\"*\"]"})
	}
	return faults
}

// eraseEvents answers POST /api/events/erase: with dry_run {count, examined}, else 202 and the erasure that
// begins.
func (a *API) eraseEvents(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	var selection apier.Selection
	dryRun := false
	faults := body.decode(field{"types", &selection.Types}, field{"source", &selection.Source}, field{"created_after", &selection.CreatedAfter},
		field{"created_before", &selection.CreatedBefore}, field{"filter", &selection.Filter}, field{"dry_run", &dryRun})
	if faults = withFaults(faults, selectionFaults(selection)); len(faults) > 0 {
		return invalid(faults)
	}
	if dryRun {
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
	}{s.Used, s.File, s.Budget, s.Full, s.Expired, s.Trimmed, s.Erased})
}
