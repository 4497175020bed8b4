package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

// corpus stores four events a minute apart: 1 and 4 pending, 2 delivered, 3 failed.
func corpus(t *testing.T, w *world) (ids map[apier.EventID]int) {
	t.Helper()
	ids = map[apier.EventID]int{}
	for i, e := range [][3]string{
		{"order.created", "shop", `{"n":1,"city":"Köln"}`},
		{"order.paid", "shop", `{"n":2,"discount":"100%"}`},
		{"invoice.sent", "billing", `{"n":3,"note":"Alpha_1"}`},
		{"order.created", "web", `{"n":4}`},
	} {
		ids[w.create(t, e[0], e[1], e[2]).ID] = i + 1
		w.clock.advance(time.Minute)
	}
	for id, n := range ids {
		switch n {
		case 2:
			w.do(t, "POST", "/api/inbox/"+string(id)+"/ack", "").want(t, 200, nil)
		case 3:
			w.fail(t, id, "connection refused")
		}
	}
	return ids
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	ids := corpus(t, w)
	second := ""
	for id, n := range ids {
		if n == 2 {
			second = string(id)
		}
	}
	for query, want := range map[string][]int{
		"":                                    {4, 3, 2, 1},
		"status=pending":                      {4, 1},
		"status=delivered":                    {2},
		"status=failed":                       {3},
		"type=order.created":                  {4, 1},
		"type=order.*":                        {4, 2, 1},
		"type=*.created":                      {4, 1},
		"type=*":                              {4, 3, 2, 1},
		"type=":                               {4, 3, 2, 1},
		"type=order.paid,%20invoice.*":        {3, 2},
		"type=order.paid&type=*.sent":         {3, 2},
		"type=nothing.*":                      nil,
		"type=ORDER.*":                        nil,
		"type=order.create?":                  nil,
		"type=[a-z]*":                         nil,
		"source=shop":                         {2, 1},
		"source=sho":                          nil,
		"search=alpha":                        {3},
		"search=Alpha_1":                      {3},
		"search=Alpha%251":                    nil,
		"search=100%25":                       {2},
		"search=K%C3%B6ln":                    {1},
		"search=invoice":                      {3},
		"search=billing":                      {3},
		"search=" + second:                    {2},
		"search=" + second[4:]:                {2},
		"created_after=2025-11-14T17:31:00Z":  {4, 3},
		"created_before=2025-11-14T17:31:00Z": {1},
		"created_before=1970-01-01T00:00:00Z": nil, // a time like any other
		"created_after=2025-11-14T18:30:30%2B01:00&created_before=2025-11-14T17:32:30Z": {3, 2},
		"created_after=2025-11-14T17:30:59.999Z&limit=2":                                {4, 3},
		"status=pending&type=order.*&source=web":                                        {4},
		"status=pending&search=K%C3%B6ln&limit=1":                                       {1},
		"status=failed&source=shop":                                                     nil,
	} {
		t.Run(query, func(t *testing.T) {
			var page pageBody
			w.do(t, "GET", "/api/events?"+query, "").want(t, 200, &page)
			var got []int
			for _, e := range page.Events {
				got = append(got, ids[e.ID])
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if page.Seq != w.seq(t) || page.Events == nil {
				t.Errorf("seq %d, events %v", page.Seq, page.Events)
			}
		})
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	const n = 105
	w.do(t, "POST", "/api/events/batch", strings.Repeat(good+"\n", n)).want(t, 201, nil)
	for _, limit := range []int{1, 35, 50, 100} {
		var seqs []apier.Seq
		for after := ""; ; {
			var page pageBody
			w.do(t, "GET", fmt.Sprintf("/api/events?limit=%d&starting_after=%s", limit, after), "").want(t, 200, &page)
			for _, e := range page.Events {
				seqs = append(seqs, e.Seq)
			}
			if page.HasMore && len(page.Events) != limit {
				t.Fatalf("limit %d: a page of %d has more", limit, len(page.Events))
			}
			if !page.HasMore {
				break
			}
			after = string(page.Events[len(page.Events)-1].ID)
		}
		slices.Reverse(seqs)
		for i, seq := range seqs {
			if seq != apier.Seq(i+1) {
				t.Fatalf("limit %d: %v", limit, seqs)
			}
		}
		if len(seqs) != n {
			t.Errorf("limit %d: %d events", limit, len(seqs))
		}
	}
	var page pageBody
	w.do(t, "GET", "/api/events", "").want(t, 200, &page)
	if len(page.Events) != defaultLimit || !page.HasMore {
		t.Errorf("%d events by default", len(page.Events))
	}
}

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, tc := range []struct {
		path   string
		fields []string
	}{
		{"/api/events?limit=0", []string{"limit"}},
		{"/api/events?limit=101", []string{"limit"}},
		{"/api/events?limit=ten", []string{"limit"}},
		{"/api/events?limit=-1", []string{"limit"}},
		{"/api/events?status=done", []string{"status"}},
		{"/api/events?created_after=yesterday", []string{"created_after"}},
		{"/api/events?created_before=2025-11-14", []string{"created_before"}},
		{"/api/events?created_after=2025-11-14T18:30:00+01:00", []string{"created_after"}}, // the + is a blank
		{"/api/events?search=" + strings.Repeat("x", 201), []string{"search"}},
		{"/api/events?type=" + strings.Repeat("a.*,", 20) + "b", []string{"type"}},
		{"/api/events?stauts=failed&zeta=1&limit=0", []string{"stauts", "zeta", "limit"}},
		{"/api/events?status=x&created_after=x&created_before=x&limit=x", []string{"status", "created_after", "created_before", "limit"}},
		{"/api/events?order=desc", []string{"order"}},
		{"/api/events?status=pending&status=failed", []string{"status"}},
		{"/api/inbox?lease_seconds=5&lease_seconds=50", []string{"lease_seconds"}},
		{"/api/metrics/throughput?time_range=24h", []string{"time_range"}},
		{"/api/metrics/latency?range=1h&range=24h", []string{"range"}},
		{"/api/events?status=%zz", nil},
		{"/api/events?search=%00", []string{"search"}},
		{"/api/events?type=order%00x", []string{"type"}},
		{"/api/inbox?order=%ff", []string{"order"}},
		{"/api/events?a;b", nil},
		{"/api/events/export?format=xml", []string{"format"}},
		{"/api/events/export?limit=5", []string{"limit"}},
		{"/api/events/export?format=csv&status=x", []string{"status"}},
		{"/api/events/export?status=%zz", nil},
		{"/api/inbox?order=up", []string{"order"}},
		{"/api/inbox?limit=101&status=failed", []string{"status", "limit"}},
		{"/api/inbox?limit=%zz", nil},
		{"/api/metrics/latency?range=1y", []string{"range"}},
		{"/api/metrics/throughput?range=60m", []string{"range"}},
		{"/api/metrics/throughput?range=%zz", nil},
	} {
		t.Run(tc.path, func(t *testing.T) {
			p := w.do(t, "GET", tc.path, "").refused(t, 422, apier.CodeInvalid)
			var fields []string
			for _, f := range p.Errors {
				fields = append(fields, f.Field)
				if !strings.Contains(p.Detail, f.Field+" "+f.Reason) {
					t.Errorf("%q does not tell of %s", p.Detail, f.Field)
				}
			}
			if !slices.Equal(fields, tc.fields) {
				t.Errorf("fields %v, want %v", fields, tc.fields)
			}
		})
	}
}

func TestDeleteLeavesATombstone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	kept, gone := w.create(t, "a.kept", "s", "{}"), w.create(t, "a.gone", "s", `{"secret":"of the user"}`)
	path := "/api/events/" + string(gone.ID)
	answer := w.do(t, "DELETE", path, "")
	answer.want(t, 204, nil)
	if len(answer.body) != 0 {
		t.Errorf("204 with a body: %s", answer.body)
	}
	after := w.seq(t)
	w.do(t, "GET", path, "").refused(t, 404, apier.CodeNotFound)
	w.do(t, "DELETE", path, "").refused(t, 404, apier.CodeNotFound)
	w.do(t, "POST", "/api/inbox/"+string(gone.ID)+"/ack", "").refused(t, 404, apier.CodeNotFound)
	if w.seq(t) != after {
		t.Error("a refused deletion was stored")
	}
	var page pageBody
	w.do(t, "GET", "/api/events", "").want(t, 200, &page)
	if len(page.Events) != 1 || page.Events[0].ID != kept.ID || page.Seq != after {
		t.Errorf("list %+v", page)
	}
	w.do(t, "GET", "/api/events?starting_after="+string(gone.ID), "").want(t, 200, &page)
	if len(page.Events) != 1 || page.Events[0].ID != kept.ID {
		t.Errorf("who pages while it is deleted goes on with %+v", page)
	}
	changes, err := w.store.Changes(t.Context(), auth.DefaultTenant, gone.Seq, 10, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes.Changes) != 1 || changes.Changes[0].Kind != apier.Deleted || changes.Changes[0].Event.ID != gone.ID || changes.Changes[0].Event.Type != "a.gone" || changes.Changes[0].Event.Payload != nil {
		t.Errorf("tombstone %+v", changes)
	}
}

func TestTenantsDoNotMeet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	ours := string(w.create(t, "a.b", "s", `{"ours":true}`).ID)
	before := w.seq(t)
	for _, request := range []string{
		"GET /api/events/" + ours, "DELETE /api/events/" + ours, "POST /api/inbox/" + ours + "/ack",
		"GET /api/events?starting_after=" + ours,
	} {
		method, path, _ := strings.Cut(request, " ")
		w.do(t, method, path, "", as(w.foreign)...).refused(t, 404, apier.CodeNotFound)
	}
	for _, path := range []string{
		"/api/events", "/api/events?search=" + ours, "/api/inbox", "/api/events/export", "/api/events/export?format=ndjson",
		"/api/metrics/summary", "/api/metrics/throughput", "/api/metrics/errors",
	} {
		answer := w.do(t, "GET", path, "", as(w.foreign)...)
		if answer.status != 200 || strings.Contains(string(answer.body), "ours") || strings.Contains(string(answer.body), `"total":1`) || strings.Contains(string(answer.body), `"created":1`) {
			t.Errorf("%s shows another tenant: %d %s", path, answer.status, answer.body)
		}
	}
	if w.seq(t) != before {
		t.Error("another tenant changed something")
	}
	var e eventBody
	w.do(t, "GET", "/api/events/"+ours, "").want(t, 200, &e)
}

func TestUnknownIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	id := string(w.create(t, "a.b", "s", "{}").ID)
	before := w.seq(t)
	for _, wrong := range []string{
		"evt_06d86tnnr1x3372y4yw09mvfm4", "evt_", "x", strings.ToUpper(id), id + "0", id[4:], url.PathEscape("' OR 1=1 --"), "%00", "%ff", "..%2f" + id,
		"batch", strings.Repeat("9", 4000),
	} {
		w.do(t, "GET", "/api/events/"+wrong, "").refused(t, 404, apier.CodeNotFound)
		w.do(t, "DELETE", "/api/events/"+wrong, "").refused(t, 404, apier.CodeNotFound)
		w.do(t, "POST", "/api/inbox/"+wrong+"/ack", "").refused(t, 404, apier.CodeNotFound)
	}
	if w.seq(t) != before {
		t.Error("something was stored")
	}
}
