package api

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/apier/apier"
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
