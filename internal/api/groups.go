package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// maxGroupName is of a group's name, bytes.
const maxGroupName = 64

// groupBody is the body of PUT /api/inbox/groups/{name}.
type groupBody struct {
	Types  []string        `json:"types"`
	Filter json.RawMessage `json:"filter"`
	From   string          `json:"from"`
}

type groupAnswer struct {
	Name      string          `json:"name"`
	Types     []string        `json:"types"`
	Filter    json.RawMessage `json:"filter"`
	Position  apier.Seq       `json:"position"`
	Open      int64           `json:"open"`
	Dropped   int64           `json:"dropped"`
	CreatedAt apier.Timestamp `json:"created_at"`
}

func answerGroup(g store.Group) groupAnswer {
	return groupAnswer(g)
}

// putGroup answers PUT /api/inbox/groups/{name} with the group, made or changed.
func (a *API) putGroup(c *call) error {
	var body groupBody
	if err := readOptional(c, &body); err != nil {
		return err
	}
	name := c.r.PathValue("name")
	faults := groupNameFault("name", name)
	faults = append(faults, apier.TypesFaults(body.Types)...)
	_, filterFaults := apier.ParseFilter(body.Filter)
	faults = append(faults, filterFaults...)
	if body.From != "" && body.From != "now" && body.From != "start" {
		faults = append(faults, apier.FieldError{Field: "from", Reason: "must be now or start"})
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	g, err := a.store.PutGroup(c.ctx(), c.id.Tenant, store.NewGroup{Name: name, Types: body.Types, Filter: body.Filter, FromStart: body.From == "start"})
	if err != nil {
		return err
	}
	return answer(c.w, answerGroup(g))
}

// listGroups answers GET /api/inbox/groups: {groups}, by name.
func (a *API) listGroups(c *call) error {
	found, err := a.store.Groups(c.ctx(), c.id.Tenant)
	if err != nil {
		return err
	}
	groups := make([]groupAnswer, len(found))
	for i, g := range found {
		groups[i] = answerGroup(g)
	}
	return answer(c.w, map[string]any{"groups": groups})
}

// deleteGroup answers DELETE /api/inbox/groups/{name} with 204.
func (a *API) deleteGroup(c *call) error {
	if err := a.store.DeleteGroup(c.ctx(), c.id.Tenant, c.r.PathValue("name")); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func groupNameFault(field, name string) []apier.FieldError {
	if len(name) <= maxGroupName && regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(name) {
		return nil
	}
	return []apier.FieldError{{Field: field, Reason: fmt.Sprintf("must be 1 to %d letters, digits, '.', '_' or '-'", maxGroupName)}}
}
