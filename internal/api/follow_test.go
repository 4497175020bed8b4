package api

import (
	"strings"
	"testing"

	"github.com/apier/apier"
)

type followBody struct {
	Events  []eventBody
	Next    apier.Seq
	Cursor  string
	HasMore bool `json:"has_more"`
}

// G14: a cursor names the run in which it was told, and is refused where that future was lost.
func TestACursorNamesItsRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for range 2 {
		w.create(t, "a.b", "s", "{}")
	}
	now, err := w.store.BeginRun(t.Context()) // another start; the API goes on to name its own
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.create(t, "a.b", "s", "{}")
	}
	var page followBody
	first := w.do(t, "GET", "/api/inbox?after=0&limit=2", "")
	first.want(t, 200, &page)
	if page.Next != 2 || !strings.HasPrefix(page.Cursor, "c_"+w.run+"_") || first.header.Get(headerCursorRun) != "" {
		t.Fatalf("%s %v", first.body, first.header)
	}
	in := func(run string) string { return strings.Replace(page.Cursor, w.run, run, 1) }
	for _, good := range []string{in(now), page.Cursor} {
		var next followBody
		w.do(t, "GET", "/api/inbox?after="+good, "").want(t, 200, &next)
		if len(next.Events) != 3 || next.Events[0].Seq != 3 || next.HasMore {
			t.Errorf("after %s: %+v", good, next)
		}
	}
	far := strings.TrimSuffix(page.Cursor, "2")
	for _, lost := range []string{far + "3", in("elsewhere"), strings.TrimSuffix(in(now), "2") + "6"} {
		if p := w.do(t, "GET", "/api/inbox?after="+lost, "").refused(t, 409, apier.CodeConflict); !strings.Contains(p.Detail, "after=0") {
			t.Error(p.Detail)
		}
	}
	for _, bad := range []string{"c_", "c_now_2", "c_now_00000000_2", in(now) + "x", "-1", "1e3"} {
		w.do(t, "GET", "/api/inbox?after="+bad, "").refused(t, 422, apier.CodeInvalid)
	}
	w.do(t, "GET", "/api/inbox?after="+page.Cursor, "", as(w.foreign)...).refused(t, 422, apier.CodeInvalid)
	bare := w.do(t, "GET", "/api/inbox?after=2", "")
	if bare.status != 200 || !strings.HasPrefix(bare.header.Get(headerCursorRun), "assumed") {
		t.Errorf("a bare number: %d %v", bare.status, bare.header)
	}
}
