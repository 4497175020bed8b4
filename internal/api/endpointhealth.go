package api

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// endpointHealth answers GET /api/endpoints/health: how many endpoints do how, what waits, and the endpoints, those
// that need somebody first.
func (a *API) endpointHealth(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	faults := unknownParameters(q, []string{"limit", "starting_after"})
	page := store.PageOf[apier.EndpointID]{StartingAfter: apier.EndpointID(q.Get("starting_after"))}
	if page.Limit, faults = readLimit(q, faults); len(faults) > 0 {
		return badQuery(faults)
	}
	found, err := a.store.EndpointHealth(c.ctx(), c.id.Tenant, page)
	if err != nil {
		return err
	}
	body := healthAnswer{Counts: map[apier.EndpointHealth]int64{}, Endpoints: []json.RawMessage{}, HasMore: found.HasMore, Seq: found.Seq, At: found.At}
	for _, health := range apier.EndpointHealths() {
		body.add(health, found.Counts[health])
	}
	for _, e := range found.Endpoints {
		text, err := withMember(e, "health", e.Health(found.At))
		if err != nil {
			return err
		}
		body.Endpoints = append(body.Endpoints, text)
	}
	return answer(c.w, body)
}

type healthAnswer struct {
	Total          int64                          `json:"total"`
	NeedsAttention int64                          `json:"needs_attention"` // disabled, failing, on hold or given up
	Waiting        int64                          `json:"waiting"`         // deliveries
	Counts         map[apier.EndpointHealth]int64 `json:"counts"`
	Endpoints      []json.RawMessage              `json:"endpoints"`
	HasMore        bool                           `json:"has_more"`
	Seq            apier.Seq                      `json:"seq"`
	At             apier.Timestamp                `json:"at"` // the server's clock
}

func (h *healthAnswer) add(health apier.EndpointHealth, n store.HealthCount) {
	h.Counts[health] = n.Endpoints
	h.Total += n.Endpoints
	h.Waiting += n.Waiting
	if health.NeedsAttention() {
		h.NeedsAttention += n.Endpoints
	}
}

const maxNamedEndpoints = 100

// namedEndpoints answers GET /api/endpoints?ids=…: those of them that there are.
func (a *API) namedEndpoints(c *call, ids string) error {
	named := strings.Split(ids, ",")
	if len(named) > maxNamedEndpoints {
		return badQuery([]apier.FieldError{{Field: "ids", Reason: "names more than " + strconv.Itoa(maxNamedEndpoints) + " endpoints"}})
	}
	found, err := a.store.EndpointsByID(c.ctx(), c.id.Tenant, named)
	if err != nil {
		return err
	}
	return answerEndpoints(c, found)
}

func answerEndpoints(c *call, page store.EndpointPage) error {
	return answer(c.w, struct {
		Endpoints []apier.Endpoint `json:"endpoints"`
		HasMore   bool             `json:"has_more"`
		Seq       apier.Seq        `json:"seq"`
	}{orEmpty(page.Endpoints), page.HasMore, page.Seq})
}
