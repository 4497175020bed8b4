package api

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

func TestInboxOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	empty := w.do(t, "GET", "/api/inbox", "")
	if string(empty.body) != "[]" {
		t.Errorf("an empty inbox is %s", empty.body)
	}
	ids := corpus(t, w) // 1 and 4 are pending
	for query, want := range map[string][]int{
		"": {1, 4}, "?order=asc": {1, 4}, "?order=desc": {4, 1}, "?limit=1": {1}, "?limit=1&order=desc": {4},
	} {
		var events []eventBody
		w.do(t, "GET", "/api/inbox"+query, "").want(t, 200, &events)
		var got []int
		for _, e := range events {
			got = append(got, ids[e.ID])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

// HEAD is safe (RFC 9110, section 9.2.1), and its answer would not even name what was leased.
func TestHeadLeasesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.create(t, "a.b", "s", `{}`)
	if head := w.do(t, "HEAD", "/api/inbox?lease_seconds=30", ""); head.status != 405 {
		t.Errorf("HEAD got %d", head.status)
	}
	var leased []eventBody
	w.do(t, "GET", "/api/inbox?lease_seconds=30", "").want(t, 200, &leased)
	if len(leased) != 1 {
		t.Errorf("%d events are left to lease", len(leased))
	}
}

func TestAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	r := w.create(t, "a.b", "s", `{"n":1}`)
	w.clock.advance(840 * time.Millisecond)
	path := "/api/inbox/" + string(r.ID) + "/ack"
	first := w.do(t, "POST", path, "")
	var e eventBody
	first.want(t, 200, &e)
	now := apier.TimestampOf(w.clock.Now())
	if e.ID != r.ID || e.Status != apier.StatusDelivered || e.DeliveryLatencyMS == nil || *e.DeliveryLatencyMS != 840 ||
		e.DeliveryAttempts != 1 || e.LastDeliveryAttempt == nil || *e.LastDeliveryAttempt != now || e.UpdatedAt != now ||
		e.CreatedAt != r.Timestamp || e.Seq != r.Seq+1 || e.ErrorMessage != nil {
		t.Errorf("acknowledged: %s", first.body)
	}
	w.clock.advance(time.Minute)
	second := w.do(t, "POST", path, "")
	second.want(t, 200, nil)
	if !bytes.Equal(first.body, second.body) || w.seq(t) != e.Seq {
		t.Errorf("the second ack changed something: %s", second.body)
	}
	if read := w.do(t, "GET", "/api/events/"+string(r.ID), ""); !bytes.Equal(read.body, first.body) {
		t.Errorf("read again: %s", read.body)
	}
	var inbox []eventBody
	w.do(t, "GET", "/api/inbox", "").want(t, 200, &inbox)
	if len(inbox) != 0 {
		t.Errorf("still in the inbox: %+v", inbox)
	}
}

func TestAckOfAFailedEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	r := w.create(t, "a.b", "s", "{}")
	w.fail(t, r.ID, "connection refused")
	var e eventBody
	w.do(t, "GET", "/api/events/"+string(r.ID), "").want(t, 200, &e)
	if e.Status != apier.StatusFailed || e.ErrorMessage == nil || *e.ErrorMessage != "connection refused" || e.DeliveryLatencyMS != nil {
		t.Errorf("failed: %+v", e)
	}
	w.do(t, "POST", "/api/inbox/"+string(r.ID)+"/ack", "").want(t, 200, &e)
	if e.Status != apier.StatusDelivered || e.DeliveryAttempts != 2 {
		t.Errorf("acknowledged: %+v", e)
	}
}

type leaseAnswer struct {
	ID         string
	Until      apier.Timestamp
	Deliveries int
}

type leasedBody struct {
	eventBody
	Lease leaseAnswer
}

func (w *world) lease(t *testing.T, query string, headers ...string) []leasedBody {
	t.Helper()
	var leased []leasedBody
	w.do(t, "GET", "/api/inbox?"+query, "", headers...).want(t, 200, &leased)
	return leased
}

func TestLeaseOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	first, second := w.create(t, "a.b", "s", `{"n":1}`), w.create(t, "a.b", "s", `{"n":2}`)
	rival, _ := w.newKey(t, auth.DefaultTenant, auth.ScopeRead, auth.ScopeWrite)
	leased := w.lease(t, "lease_seconds=30&limit=1000")
	if len(leased) != 2 || leased[0].ID != first.ID || string(leased[0].Payload) != `{"n":1}` || leased[0].Lease.Deliveries != 1 ||
		leased[0].Lease.Until != apier.TimestampOf(w.clock.Now().Add(30*time.Second)) {
		t.Fatalf("%+v", leased)
	}
	one, two := "/api/inbox/"+string(first.ID), "/api/inbox/"+string(second.ID)
	w.do(t, "POST", one+"/ack", "", as(rival)...).refused(t, 409, apier.CodeConflict)
	w.do(t, "POST", one+"/nack", "", as(rival)...).refused(t, 409, apier.CodeConflict)
	w.do(t, "POST", one+"/extend", `{"lease_seconds":9}`, as(rival)...).refused(t, 409, apier.CodeConflict)

	var l leaseAnswer
	w.do(t, "POST", one+"/nack", `{"delay_seconds":5}`).want(t, 200, &l)
	if l.ID != leased[0].Lease.ID || l.Until != apier.TimestampOf(w.clock.Now().Add(5*time.Second)) {
		t.Errorf("given back: %+v", l)
	}
	w.do(t, "POST", two+"/extend", `{"lease_seconds":60,"lease_id":"`+leased[1].Lease.ID+`"}`).want(t, 200, &l)
	w.clock.advance(31 * time.Second)
	again := w.lease(t, "lease_seconds=30", as(rival)...)
	if len(again) != 1 || again[0].ID != first.ID || again[0].Lease.Deliveries != 2 {
		t.Fatalf("%+v", again)
	}
	stale := w.do(t, "POST", one+"/ack", `{"lease_id":"`+leased[0].Lease.ID+`"}`).refused(t, 409, apier.CodeConflict)
	if !strings.Contains(stale.Detail, "handed out again") {
		t.Error(stale.Detail)
	}
	var outcome struct {
		Acked  []apier.EventID
		Failed []struct {
			ID     apier.EventID
			Code   apier.Code
			Detail string
		}
	}
	w.do(t, "POST", "/api/inbox/ack", `{"ids":["`+string(second.ID)+`","evt_x"],"acks":[{"id":"`+string(first.ID)+`","lease_id":"`+again[0].Lease.ID+`"}]}`).want(t, 200, &outcome)
	if !slices.Equal(outcome.Acked, []apier.EventID{second.ID}) || len(outcome.Failed) != 2 || outcome.Failed[0].Code != apier.CodeNotFound || outcome.Failed[1].Code != apier.CodeConflict {
		t.Errorf("%+v", outcome)
	}
	w.do(t, "GET", "/api/inbox?lease_seconds=30", "", as(w.reader)...).refused(t, 403, apier.CodeForbidden)
	for _, bad := range []string{"lease_seconds=0", "lease_seconds=x", "lease_seconds=1&limit=1001", "lease_seconds=1&order=desc", "lease_seconds=1&group=a%20b", "group=a", "after=-1", "after=1&order=asc", "wait_seconds=31"} {
		w.do(t, "GET", "/api/inbox?"+bad, "").refused(t, 422, apier.CodeInvalid)
	}
	for path, body := range map[string]string{
		"/api/inbox/ack": `{"ids":[]}`, one + "/nack": `{"delay_seconds":-1}`, one + "/extend": `{}`, one + "/ack": `{"delay_seconds":1}`,
	} {
		w.do(t, "POST", path, body).refused(t, 422, apier.CodeInvalid)
	}
}

func TestGroupsOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.create(t, "order.made", "s", `{"n":1}`)
	w.create(t, "user.made", "s", `{"n":7}`)
	var g groupAnswer
	w.do(t, "PUT", "/api/inbox/groups/billing", `{"types":["user.*"],"filter":{"payload.n":7},"from":"start"}`).want(t, 200, &g)
	if g.Name != "billing" || len(g.Types) != 1 || string(g.Filter) != `{"payload.n":7}` {
		t.Errorf("%+v", g)
	}
	leased := w.lease(t, "lease_seconds=30&group=billing")
	if len(leased) != 1 || leased[0].Type != "user.made" {
		t.Fatalf("%+v", leased)
	}
	var e eventBody
	w.do(t, "POST", "/api/inbox/"+string(leased[0].ID)+"/ack", `{"group":"billing"}`).want(t, 200, &e)
	if e.Status != apier.StatusDelivered {
		t.Errorf("%+v", e)
	}
	var list struct{ Groups []groupAnswer }
	w.do(t, "GET", "/api/inbox/groups", "").want(t, 200, &list)
	if len(list.Groups) != 1 || list.Groups[0].Open != 0 || list.Groups[0].Position != 2 {
		t.Errorf("%+v", list)
	}
	w.do(t, "DELETE", "/api/inbox/groups/billing", "").want(t, 204, nil)
	w.do(t, "DELETE", "/api/inbox/groups/billing", "").refused(t, 404, apier.CodeNotFound)
	w.do(t, "PUT", "/api/inbox/groups/a%20b", "").refused(t, 422, apier.CodeInvalid)
	for _, bad := range []string{`{"types":["a b"]}`, `{"filter":{"nowhere":1}}`, `{"from":"later"}`} {
		w.do(t, "PUT", "/api/inbox/groups/x", bad).refused(t, 422, apier.CodeInvalid)
	}
}

func TestFollowOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	corpus(t, w)
	var got []apier.EventID
	for next, more := apier.Seq(0), true; more; {
		var page struct {
			Events  []eventBody
			Next    apier.Seq
			HasMore bool `json:"has_more"`
		}
		w.do(t, "GET", fmt.Sprintf("/api/inbox?limit=2&after=%d", next), "", as(w.reader)...).want(t, 200, &page)
		for _, e := range page.Events {
			got = append(got, e.ID)
		}
		next, more = page.Next, page.HasMore
	}
	// A cursor of another server, or from after a backup, is not answered with nothing for ever.
	if p := w.do(t, "GET", "/api/inbox?after=1000000", "").refused(t, 422, apier.CodeInvalid); len(p.Errors) != 1 || p.Errors[0].Field != "after" {
		t.Errorf("a cursor ahead of the store: %+v", p)
	}
	var all pageBody
	w.do(t, "GET", "/api/events?limit=100", "").want(t, 200, &all)
	if len(got) != len(all.Events) {
		t.Fatalf("%d of %d events", len(got), len(all.Events))
	}
	for i := range got {
		if got[i] != all.Events[len(got)-1-i].ID {
			t.Errorf("place %d: %s", i, got[i])
		}
	}
}
