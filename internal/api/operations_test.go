package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/store"
)

func TestOperation(t *testing.T) {
	t.Parallel()
	woken := make(chan struct{}, 8)
	w := newWorld(t, worldOptions{api: Options{Operate: func() { woken <- struct{}{} }}})
	for range 3 {
		w.create(t, "order.created", "shop", `{"n":1}`)
	}
	w.create(t, "user.created", "crm", `{}`)
	var counted struct{ Count int64 }
	body := `{"kind":"acknowledge","selection":{"status":"pending","types":["order.*"]}`
	w.do(t, "POST", "/api/operations", body+`,"dry_run":true}`).want(t, 200, &counted)
	var o apier.Operation
	w.do(t, "POST", "/api/operations", body+`}`).want(t, 202, &o)
	if counted.Count != 3 || o.Total != 3 || o.Status != apier.OperationRunning || len(woken) != 1 {
		t.Fatalf("counted %d, began %+v, woken %d times", counted.Count, o, len(woken))
	}
	w.do(t, "POST", "/api/operations", body+`}`).refused(t, 409, apier.CodeConflict)
	path := "/api/operations/" + string(o.ID)
	for range 2 { // one each: a slice may end by the clock
		if _, err := w.store.AdvanceOperation(t.Context(), auth.DefaultTenant, o.ID, 1); err != nil {
			t.Fatal(err)
		}
	}
	w.do(t, "GET", path, "").want(t, 200, &o)
	if o.Done != 2 || o.Status != apier.OperationRunning {
		t.Errorf("after two slices: %+v", o)
	}
	w.do(t, "POST", path+"/stop", "", as(w.reader)...).refused(t, 403, apier.CodeForbidden)
	w.do(t, "POST", path+"/stop", "", as(w.foreign)...).refused(t, 404, apier.CodeNotFound)
	w.do(t, "POST", path+"/stop", "").want(t, 200, &o)
	if o.Status != apier.OperationStopped || o.Done != 2 {
		t.Errorf("stopped: %+v", o)
	}
	var list struct {
		Operations []apier.Operation
		HasMore    bool `json:"has_more"`
	}
	w.do(t, "GET", "/api/operations", "").want(t, 200, &list)
	if len(list.Operations) != 1 || list.Operations[0].ID != o.ID || list.HasMore {
		t.Errorf("the list is %+v", list)
	}
}

func TestOperationProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	many := `["` + strings.Repeat(`evt_1","`, apier.MaxOperationIDs) + `evt_1"]`
	for selection, field := range map[string]string{
		`{}`:                                "selection.ids",
		`{"ids":["evt_1"],"source":"s"}`:    "selection.ids",
		`{"ids":` + many + `}`:              "selection.ids",
		`{"status":"gone"}`:                 "selection.status",
		`{"types":["a b"]}`:                 "selection.types[0]",
		`{"filter":{}}`:                     "selection.filter",
		`[]`:                                "selection",
		`{"search":"` + longSearch() + `"}`: "selection.search",
	} {
		p := w.do(t, "POST", "/api/operations", `{"kind":"acknowledge","selection":`+selection+`}`).refused(t, 422, apier.CodeInvalid)
		if p.Errors[0].Field != field {
			t.Errorf("%.60s: the problem is with %s, want %s", selection, p.Errors[0].Field, field)
		}
	}
	p := w.do(t, "POST", "/api/operations", `{"kind":"explode","selection":{"source":"s"}}`).refused(t, 422, apier.CodeInvalid)
	if p.Errors[0].Field != "kind" {
		t.Errorf("problems %+v", p.Errors)
	}
}

func longSearch() string { return strings.Repeat("x", maxSearch+1) }

// TestHealthOfMoreEndpointsThanAPage: 243 endpoints, the oldest fails; whoever reads one page learns of it.
func TestHealthOfMoreEndpointsThanAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	ids := make([]apier.EndpointID, 243)
	for i := range ids {
		e := apier.Endpoint{URL: fmt.Sprintf("https://e%d.example/hooks", i)}.WithDefaults()
		made, err := w.store.CreateEndpoint(t.Context(), auth.DefaultTenant, e, []byte("s"))
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = made.ID
	}
	_, err := w.store.UpdateEndpoint(t.Context(), auth.DefaultTenant, ids[0], func(e *apier.Endpoint) error {
		e.Status, e.DisabledReason = apier.EndpointDisabled, "It answered 410"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var health struct {
		Total, Waiting int64
		NeedsAttention int64 `json:"needs_attention"`
		Counts         map[string]int64
		Endpoints      []struct{ ID, Health string }
		HasMore        bool `json:"has_more"`
		At             apier.Timestamp
	}
	w.do(t, "GET", "/api/endpoints/health?limit=100", "").want(t, 200, &health)
	if health.Total != 243 || health.NeedsAttention != 1 || health.Counts["disabled"] != 1 || health.Counts["idle"] != 242 ||
		len(health.Endpoints) != 100 || !health.HasMore || health.At != apier.TimestampOf(w.clock.Now()) {
		t.Errorf("the first page is %+v", health)
	}
	if first := health.Endpoints[0]; first.ID != string(ids[0]) || first.Health != "disabled" {
		t.Errorf("the first is %+v, want %s", first, ids[0])
	}
	var named struct{ Endpoints []struct{ ID string } }
	w.do(t, "GET", "/api/endpoints?ids="+string(ids[0])+",ep_none,"+string(ids[242]), "").want(t, 200, &named)
	if len(named.Endpoints) != 2 || named.Endpoints[0].ID != string(ids[0]) {
		t.Errorf("by id: %+v", named)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var id struct {
		Tenant  string
		KeyName *string `json:"key_name"`
		Scopes  []string
	}
	w.do(t, "GET", "/api/identity", "", as(w.foreign)...).want(t, 200, &id)
	if id.Tenant != "elsewhere" || id.KeyName == nil || *id.KeyName != "test" || len(id.Scopes) != 1 || id.Scopes[0] != auth.ScopeAdmin {
		t.Errorf("the identity is %+v", id)
	}
}

// TestDeletedIsToldFromNeverThere: both are not found, and one says when it was deleted.
func TestDeletedIsToldFromNeverThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	id := w.create(t, "order.created", "shop", `{}`).ID
	w.do(t, "DELETE", "/api/events/"+string(id), "").want(t, 204, nil)
	for path, deleted := range map[string]bool{"/api/events/" + string(id): true, "/api/events/evt_06d86tnnr1x3372y4yw09mvfm4": false, "/api/events/nonsense": false} {
		answer := w.do(t, "GET", path, "")
		answer.refused(t, 404, apier.CodeNotFound)
		if told := strings.Contains(string(answer.body), `"deleted_at"`); told != deleted {
			t.Errorf("%s: %s", path, answer.body)
		}
	}
}

// TestFiguresCarryTheirSeq: whoever adds live changes to them knows which are in already.
func TestFiguresCarryTheirSeq(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	id := w.create(t, "order.created", "shop", `{}`).ID
	if _, err := w.store.Settle(t.Context(), auth.DefaultTenant, id, store.Outcome{Status: apier.StatusDelivered}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Delete(t.Context(), auth.DefaultTenant, id); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/metrics/throughput", "/api/metrics/latency"} {
		var figures struct {
			Seq    apier.Seq
			Series []struct {
				Created, Delivered, Deleted int64
				LeftDelivered               int64 `json:"left_delivered"`
			}
		}
		w.do(t, "GET", path, "").want(t, 200, &figures)
		if figures.Seq != w.seq(t) {
			t.Errorf("%s: seq %d, want %d", path, figures.Seq, w.seq(t))
		}
		last := figures.Series[len(figures.Series)-1]
		if strings.HasSuffix(path, "throughput") && (last.Created != 1 || last.Delivered != 1 || last.Deleted != 1 || last.LeftDelivered != 1) {
			t.Errorf("the minute is %+v", last)
		}
	}
}
