package api

import (
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

func TestErase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	r := w.create(t, "a.b", "s", `{"email":"jane@shop.example"}`)
	path := "/api/events/" + string(r.ID)
	w.do(t, "POST", path+"/erase", "", as(w.reader)...).refused(t, 403, apier.CodeForbidden)
	w.do(t, "POST", path+"/erase", "", as(w.foreign)...).refused(t, 404, apier.CodeNotFound)
	first := w.do(t, "POST", path+"/erase", "")
	first.want(t, 200, nil)
	if !strings.Contains(string(first.body), `"payload":{},"erased":true`) || !strings.Contains(string(first.body), `"status":"failed"`) {
		t.Errorf("%s", first.body)
	}
	for method, path := range map[string]string{"POST": path + "/erase", "GET": path} {
		if again := w.do(t, method, path, ""); string(again.body) != string(first.body) {
			t.Errorf("%s: %s", method, again.body)
		}
	}
}

func TestEraseByFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, payload := range []string{`{"c":{"id":7}}`, `{"c":{"id":8}}`, `{"c":{"id":7}}`} {
		w.create(t, "order.made", "shop", payload)
	}
	selection := `"types":["order.*"],"source":"shop","created_before":"2026-01-01T00:00:00Z","filter":{"payload.c.id":7}`
	w.do(t, "POST", "/api/events/erase", `{`+selection+`}`).refused(t, 403, apier.CodeForbidden)
	var count struct{ Count, Examined int64 }
	w.do(t, "POST", "/api/events/erase", `{`+selection+`,"dry_run":true}`, as(w.admin)...).want(t, 200, &count)
	if count.Count != 2 || count.Examined != 3 {
		t.Errorf("%+v", count)
	}
	w.do(t, "POST", "/api/events/erase", `{"types":["*"],"created_before":"1970-01-01T00:00:00Z","dry_run":true}`, as(w.admin)...).want(t, 200, &count)
	if count.Count != 0 {
		t.Errorf("%d events are from before 1970", count.Count)
	}
	var erasure apier.Erasure
	w.do(t, "POST", "/api/events/erase", `{`+selection+`}`, as(w.admin)...).want(t, 202, &erasure)
	if err := w.store.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := "/api/erasures/" + string(erasure.ID)
	w.do(t, "GET", path, "", as(w.admin)...).want(t, 200, &erasure)
	if erasure.Status != apier.ErasureDone || erasure.Erased != 2 || erasure.Selection.Source != "shop" || string(erasure.Selection.Filter) != `{"payload.c.id":7}` {
		t.Errorf("%+v", erasure)
	}
	w.do(t, "GET", path, "", as(w.foreign)...).refused(t, 404, apier.CodeNotFound)
	for _, bad := range []string{`{}`, `{"filter":null}`, `{"filter":{ }}`, `{"types":[],"filter":{}}`, `{"filter":{"x":1}}`, `{"types":["a b"]}`, `{"what":1}`, `{"created_before":1}`} {
		w.do(t, "POST", "/api/events/erase", bad, as(w.admin)...).refused(t, 422, apier.CodeInvalid)
	}
	var space struct {
		Erased int64 `json:"events_erased"`
		Used   int64 `json:"used_bytes"`
	}
	w.do(t, "GET", "/api/metrics/storage", "", as(w.admin)...).want(t, 200, &space)
	if space.Erased != 2 || space.Used == 0 {
		t.Errorf("%+v", space)
	}
	w.do(t, "GET", "/api/metrics/storage", "", as(w.foreign)...).refused(t, 403, apier.CodeForbidden) // it is of all tenants together
}

func TestEveryoneButAdminsIsKeptFromErasures(t *testing.T) {
	t.Parallel()
	for _, r := range table() {
		if strings.Contains(r.pattern, "/erasures") && r.scope != auth.ScopeAdmin {
			t.Errorf("%s: a selection may name a person", r.pattern)
		}
	}
}
