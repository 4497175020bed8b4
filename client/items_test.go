package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier/client"
)

// One item that cannot be read fails no page: not one of a wrong form, and not a payload too deep for
// encoding/json, as servers before --max-depth sent it.
func TestABadItemFailsNoPage(t *testing.T) {
	t.Parallel()
	deep := `{"a":` + strings.Repeat("[", 9998) + strings.Repeat("]", 9998) + `}`
	good := func(id string) string {
		return `{"id":"` + id + `","type":"a","source":"s","payload":{"n":1.0, "s":"\"payload\":"},"status":"pending","created_at":"2025-11-14T17:30:00Z","lease":{"id":"l","until":"2025-11-14T17:30:00Z","deliveries":1}}`
	}
	items := "[" + good("evt_1") + "," +
		strings.Replace(good("evt_2"), `{"n":1.0, "s":"\"payload\":"}`, deep, 1) + "," +
		strings.Replace(good("evt_3"), `"2025-11-14T17:30:00Z","lease`, `"yesterday","lease`, 1) + "," + good("evt_4") + "]"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case q.Has("after"):
			_, _ = io.WriteString(w, `{"events":`+items+`,"next":4,"has_more":false}`)
		case r.URL.Path == "/api/inbox":
			_, _ = io.WriteString(w, items)
		default:
			_, _ = io.WriteString(w, `{"events":`+items+`,"has_more":false,"seq":4}`)
		}
	}))
	defer s.Close()
	c, err := client.New(s.URL, client.Options{MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	type item struct{ id, payload, problem string }
	read := map[string][]item{}
	page, err := c.ListPage(t.Context(), client.EventFilter{}, "", 0)
	for _, e := range page.Events {
		read["list"] = append(read["list"], item{string(e.ID), string(e.Payload), e.PayloadProblem})
	}
	created, err2 := c.ListCreated(t.Context(), 0, 0, 0)
	for _, e := range created.Events {
		read["created"] = append(read["created"], item{string(e.ID), string(e.Payload), e.PayloadProblem})
	}
	pending, err3 := c.Pending(t.Context(), 0)
	for _, e := range pending {
		read["pending"] = append(read["pending"], item{string(e.ID), string(e.Payload), e.PayloadProblem})
	}
	leased, err4 := c.Lease(t.Context(), client.LeaseOptions{For: time.Minute})
	for _, l := range leased {
		read["lease"] = append(read["lease"], item{string(l.ID), string(l.Payload), l.PayloadProblem})
		if l.Lease.ID != "l" {
			t.Errorf("%s has no lease", l.ID)
		}
	}
	for _, err := range []error{err, err2, err3, err4} {
		if err != nil {
			t.Error(err)
		}
	}
	for name, got := range read {
		if len(got) != 4 || got[0].payload != `{"n":1.0, "s":"\"payload\":"}` || got[3].id != "evt_4" || got[3].problem != "" {
			t.Errorf("%s: %.300v", name, got)
			continue
		}
		if got[1].id != "evt_2" || got[1].payload != "{}" || !strings.HasPrefix(got[1].problem, "is nested 9999 levels deep") {
			t.Errorf("%s: the deep one is %.300v", name, got[1])
		}
		if got[2].id != "evt_3" || !strings.HasPrefix(got[2].problem, "cannot be read: ") {
			t.Errorf("%s: the one of a wrong form is %.300v", name, got[2])
		}
	}
}
