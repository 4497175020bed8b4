package api

import (
	"slices"
	"testing"

	"github.com/apier/apier"
)

type deliveryBody struct {
	ID         apier.DeliveryID
	EventID    apier.EventID    `json:"event_id"`
	EndpointID apier.EndpointID `json:"endpoint_id"`
	Status     apier.DeliveryStatus
	Attempts   int
	DueAt      *apier.Timestamp `json:"due_at"`
	BlockedBy  *apier.EventID   `json:"blocked_by"`
	History    []struct {
		Number       int
		ErrorKind    *string `json:"error_kind"`
		ResponseBody string  `json:"response_body"`
	}
}

type deliveriesBody struct {
	Deliveries []deliveryBody
	HasMore    bool `json:"has_more"`
}

func (w *world) deliveries(t *testing.T, path string) (page deliveriesBody) {
	t.Helper()
	w.do(t, "GET", path, "", as(w.reader)...).want(t, 200, &page)
	return page
}

func TestDeliveriesAreListedAndRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	e := w.newEndpoint(t, `{}`)
	first := w.create(t, "a.b", "s", `{}`)
	failed := w.giveUp(t, e.ID)
	second := w.create(t, "a.b", "s", `{}`)
	of := "/api/endpoints/" + string(e.ID) + "/deliveries"
	for path, want := range map[string][]apier.EventID{
		of: {second.ID, first.ID}, of + "?status=failed": {first.ID}, of + "?status=pending": {second.ID}, of + "?status=delivered": {},
		of + "?error_kind=http_5xx": {first.ID}, of + "?error_kind=dns": {}, of + "?status=failed&error_kind=http_5xx": {first.ID},
		of + "?since=2025-11-14T17:30:00Z": {second.ID, first.ID}, of + "?since=2025-11-14T17:30:01Z": {}, of + "?status=pending&since=2025-11-14T17:00:00Z": {second.ID},
		of + "?limit=1": {second.ID}, of + "?starting_after=" + string(w.deliveries(t, of+"?limit=1").Deliveries[0].ID): {first.ID},
		"/api/events/" + string(first.ID) + "/deliveries": {first.ID},
	} {
		page := w.deliveries(t, path)
		got := make([]apier.EventID, len(page.Deliveries))
		for i, d := range page.Deliveries {
			got[i] = d.EventID
		}
		if page.Deliveries == nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for _, query := range []string{"?status=gone", "?limit=0", "?error_kind=bad", "?since=now", "?limit=101", "?colour=red"} {
		w.do(t, "GET", of+query, "").refused(t, 422, apier.CodeInvalid)
	}
	path := "/api/deliveries/" + string(failed.ID)
	var d deliveryBody
	w.do(t, "GET", path, "", as(w.reader)...).want(t, 200, &d)
	if d.Status != apier.DeliveryFailed || d.Attempts != 1 || len(d.History) != 1 || d.History[0].Number != 1 || *d.History[0].ErrorKind != "http_5xx" {
		t.Errorf("delivery is %+v", d)
	}
	w.do(t, "POST", path+"/retry", "", as(w.reader)...).refused(t, 403, apier.CodeForbidden)
	w.do(t, "POST", path+"/retry", "").want(t, 200, &d)
	if d.Status != apier.DeliveryPending || d.DueAt == nil {
		t.Errorf("retried %+v", d)
	}
}

func TestRecoverIsCountedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	e := w.newEndpoint(t, `{}`)
	for _, typ := range []string{"a.b", "a.b", "c.d"} {
		w.create(t, typ, "s", `{}`)
		w.giveUp(t, e.ID)
	}
	late := w.newEndpoint(t, `{"types":["a.*"]}`)
	path := "/api/endpoints/" + string(e.ID)
	for body, want := range map[string]int{
		`{"kind":"retry_failed","since":"2025-11-14T00:00:00Z","dry_run":true}`:                                3,
		`{"kind":"retry_failed","since":"2025-11-14T00:00:00Z","types":["a.*"],"dry_run":true}`:                2,
		`{"kind":"retry_failed","since":"2025-11-14T00:00:00Z","until":"2025-11-14T01:00:00Z","dry_run":true}`: 0,
		`{"kind":"replay","since":"2025-11-14T00:00:00Z","dry_run":true}`:                                      0,
	} {
		var got struct{ Count int }
		w.do(t, "POST", path+"/recover", body).want(t, 200, &got)
		if got.Count != want {
			t.Errorf("%s: %d, want %d", body, got.Count, want)
		}
	}
	var r struct {
		ID          string
		Total, Done int
		Status      apier.RecoveryStatus

		RatePerSecond float64 `json:"rate_per_second"`
	}
	w.do(t, "POST", "/api/endpoints/"+string(late.ID)+"/recover", `{"kind":"replay","since":"2025-11-14T00:00:00Z","rate_per_second":5}`).want(t, 202, &r)
	if r.Total != 2 || r.Status != apier.RecoveryRunning || r.RatePerSecond != 5 {
		t.Errorf("began %+v", r)
	}
	w.do(t, "POST", "/api/recoveries/"+r.ID+"/stop", "").want(t, 200, &r)
	w.do(t, "GET", "/api/recoveries/"+r.ID, "").want(t, 200, &r)
	if r.Status != apier.RecoveryStopped {
		t.Errorf("stopped %+v", r)
	}
	for body, field := range map[string]string{
		`{"since":"2025-11-14T00:00:00Z"}`: "kind", `{"kind":"replay"}`: "since", `{"kind":"replay","since":"yesterday"}`: "since",
		`{"kind":"replay","since":"2025-11-14T00:00:00Z","until":"2025-11-13T00:00:00Z"}`:                    "until",
		`{"kind":"replay","since":"2025-11-14T00:00:00Z","rate_per_second":0}`:                               "rate_per_second",
		`{"kind":"retry_failed","since":"2025-11-14T00:00:00Z","source_endpoint":"` + string(late.ID) + `"}`: "source_endpoint",
		`{"kind":"replay","since":"2025-11-14T00:00:00Z","source_endpoint":"` + string(e.ID) + `"}`:          "source_endpoint",
		`{"kind":"replay","since":"2025-11-14T00:00:00Z","types":["a b"]}`:                                   "types[0]",
		`{"kind":"replay","since":"2025-11-14T00:00:00Z","rate":5}`:                                          "rate",
	} {
		p := w.do(t, "POST", path+"/recover", body).refused(t, 422, apier.CodeInvalid)
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v, want %s", body, p.Errors, field)
		}
	}
}
