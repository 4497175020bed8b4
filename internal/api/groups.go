package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// maxGroupName is of a group's name, bytes.
const maxGroupName = 64

type groupAnswer struct {
	Name      string          `json:"name"`
	Types     []string        `json:"types"`
	Filter    json.RawMessage `json:"filter"`
	Position  apier.Seq       `json:"position"`
	Open      int64           `json:"open"`
	Dropped   int64           `json:"dropped"`
	CreatedAt apier.Timestamp `json:"created_at"`
	Bound     int64           `json:"bound"`

	FilterProblem string `json:"filter_problem,omitempty"`
}

func answerGroup(g store.Group) groupAnswer {
	return groupAnswer{g.Name, g.Types, g.Filter, g.Position, g.Open, g.Dropped, g.CreatedAt, g.Bound, apier.FilterProblem(g.Filter)}
}

// listedGroup is a group in a list, with what it was not handed out yet.
type listedGroup struct {
	groupAnswer

	Waiting     int64            `json:"waiting"`
	WaitingMore bool             `json:"waiting_more"`
	Oldest      *apier.Timestamp `json:"oldest"`
}

func listGroup(g store.Group) listedGroup {
	l := listedGroup{groupAnswer: answerGroup(g), Waiting: g.Behind.Waiting, WaitingMore: g.Behind.More}
	if g.Behind.Oldest != 0 {
		l.Oldest = &g.Behind.Oldest
	}
	return l
}

// putGroup answers PUT /api/inbox/groups/{name} with the group, made or changed.
func (a *API) putGroup(c *call) error {
	body, err := readObject(c, maxObject)
	if err != nil {
		return err
	}
	g, from := store.NewGroup{Name: c.r.PathValue("name")}, ""
	faults := body.decode(field{"types", &g.Types}, field{"filter", &g.Filter}, field{"from", &from})
	g.FromStart = from == "start"
	filterFaults := apier.CheckFilter(g.Filter)
	if len(filterFaults) > 0 && a.hasFilter(c, g) {
		filterFaults = nil
	}
	for _, more := range [][]apier.FieldError{groupNameFault("name", g.Name), apier.TypesFaults(g.Types), filterFaults} {
		faults = withFaults(faults, more)
	}
	if from != "" && from != "now" && from != "start" {
		faults = append(faults, apier.FieldError{Field: "from", Reason: "must be now or start"})
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	group, err := a.store.PutGroup(c.ctx(), c.id.Tenant, g)
	if err != nil {
		return err
	}
	return answer(c.w, answerGroup(group))
}

// hasFilter reports whether the group has that very filter: stored under older rules, it may stay.
func (a *API) hasFilter(c *call, g store.NewGroup) bool {
	groups, err := a.store.Groups(c.ctx(), c.id.Tenant)
	return err == nil && slices.ContainsFunc(groups, func(known store.Group) bool {
		return known.Name == g.Name && bytes.Equal(known.Filter, g.Filter)
	})
}

// listGroups answers GET /api/inbox/groups: {groups, inbox}, groups by name.
func (a *API) listGroups(c *call) error {
	found, err := a.store.Groups(c.ctx(), c.id.Tenant)
	if err != nil {
		return err
	}
	inbox, err := a.store.Readiness(c.ctx(), c.id.Tenant, "", 0)
	if err != nil {
		return err
	}
	groups := make([]listedGroup, len(found))
	for i, g := range found {
		groups[i] = listGroup(g)
	}
	type backlog struct {
		Open  int64 `json:"open"`
		Bound int64 `json:"bound"`
	}
	return answer(c.w, struct {
		Groups []listedGroup `json:"groups"`
		Inbox  backlog       `json:"inbox"`
	}{groups, backlog(inbox.Backlog)})
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
