package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/apier/apier"
)

// G20a: whatever is too long or too much is named, and reaches no query of the database.
func TestQueriesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	long := strings.Repeat("a", 56<<10)
	for _, query := range []struct{ path, field string }{
		{"/api/events?type=" + long, "type"},
		{"/api/events?type=" + strings.Repeat("a", 129), "type"},
		{"/api/events?type=" + strings.Repeat("a*", 2000), "type"},
		{"/api/events?" + strings.Repeat("type=a&", 51), "type"},
		{"/api/events?source=" + long, "source"},
		{"/api/events?search=" + long, "search"},
		{"/api/events?status=" + long, "status"},
		{"/api/events?created_after=" + long, "created_after"},
		{"/api/events?starting_after=" + long, "starting_after"},
		{"/api/events?limit=" + strings.Repeat("9", 56<<10), "limit"},
		{"/api/events?" + long + "=1", long[:maxQuoted]},
		{"/api/events/export?type=" + long, "type"},
		{"/api/inbox?group=" + long + "&lease_seconds=1", "group"},
		{"/api/inbox?after=" + long, "after"},
		{"/api/endpoints?starting_after=" + long, "starting_after"},
		{"/api/webhooks/logs?event=" + long, "event"},
		{"/api/connections?user=" + long, "user"},
		{"/api/metrics/latency?range=" + long, "range"},
	} {
		p := w.do(t, "GET", query.path, "", as(w.admin)...).refused(t, 422, apier.CodeInvalid)
		if len(p.Errors) == 0 || p.Errors[0].Field != query.field || len(p.Detail) > 1000 {
			t.Errorf("%.60s…: %.200s %+v", query.path, p.Detail, p.Errors)
		}
	}
}

// D13: a path that is not spelled as its route is no other route's.
func TestNoRouteRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{
		"/api/inbox//ack", "//api/events", "/api//events", "/api/./events", "/api/x/../events", "/api/events/..", "/api", "/api/",
		"/api/events/", "/api/inbox/%2F/ack", "/api/events/%2e%2e/inbox/ack", "/api/inbox/groups//", "/api/../api/events",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.do(t, method, path, "{}").refused(t, 404, apier.CodeNotFound)
		}
	}
	if head := w.seq(t); head != 0 {
		t.Errorf("something was stored: %d", head)
	}
}

// A WebSocket that is looked for below /api is told where it is.
func TestAWebSocketBelowTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for upgrade, hint := range map[string]string{"WebSocket": "The WebSocket is at /ws.", "h2c": "/api/docs"} {
		got := w.do(t, "GET", "/api/ws", "", "Connection", "Upgrade", "Upgrade", upgrade)
		if got.status != 404 || !strings.Contains(string(got.body), hint) {
			t.Errorf("%s: %d %s", upgrade, got.status, got.body)
		}
	}
}
