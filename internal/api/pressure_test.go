package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apier/apier/internal/store"
)

// A5: a group that is full says so: in the answer, and in the list of groups. The answer itself stays an array.
func TestAFullGroupSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{store: store.Options{InboxOpen: 5}})
	w.do(t, "PUT", "/api/inbox/groups/g", `{"from":"start","types":["a.*"]}`).want(t, 200, nil)
	for i := range 24 {
		w.create(t, []string{"a.b", "a.b", "a.b", "a.b", "a.b", "x.y"}[i%6], "s", "{}")
	}
	for _, group := range []string{"&group=g", ""} {
		leased := w.lease(t, "lease_seconds=3600&limit=4"+group)
		if head := w.do(t, "GET", "/api/inbox?lease_seconds=3600&limit=1"+group, ""); head.header.Get(headerInboxFull) != "open=5, bound=5" {
			t.Errorf("%q: the lease that fills it: %v", group, head.header)
		}
		for _, l := range leased {
			body := `{"delay_seconds":3600` + strings.Replace(group, "&group=g", `,"group":"g"`, 1) + `}`
			w.do(t, "POST", "/api/inbox/"+string(l.ID)+"/nack", body).want(t, 200, nil)
		}
		empty := w.do(t, "GET", "/api/inbox?lease_seconds=30"+group, "")
		if string(empty.body) != "[]" || empty.header.Get(headerInboxFull) != "open=5, bound=5" {
			t.Errorf("%q: %s %v", group, empty.body, empty.header)
		}
	}
	var list struct {
		Groups []listedGroup
		Inbox  map[string]int
	}
	answer := w.do(t, "GET", "/api/inbox/groups", "")
	if err := json.Unmarshal(answer.body, &list); err != nil {
		t.Fatal(err)
	}
	g := list.Groups[0]
	if g.Open != 5 || g.Bound != 5 || g.Waiting != 15 || g.WaitingMore || g.Oldest == nil || list.Inbox["open"] != 5 || list.Inbox["bound"] != 5 {
		t.Errorf("%s", answer.body)
	}
	if full, err := w.store.FullGroups(t.Context()); err != nil || full != 2 {
		t.Errorf("%d groups are full, %v", full, err)
	}
}
