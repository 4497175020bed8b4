package api

import (
	"testing"

	"github.com/apier/apier"
)

// Every request that sets something names each field at fault and what it must be, whatever else is wrong beside it.
func TestABodyAtFaultIsToldFieldByField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	event := "/api/inbox/" + string(w.create(t, "order.made", "s", `{}`).ID)
	for _, c := range []struct {
		method, path, body string
		want               map[string]string // field to reason
	}{
		{"POST", event + "/ack", `{"delay_seconds":1,"Group":"a"}`, map[string]string{
			"delay_seconds": "is not a field here; there are lease_id, group", "Group": "is not a field here; there are lease_id, group",
		}},
		{"POST", event + "/nack", `{"delay_seconds":-1,"lease_id":3}`, map[string]string{"delay_seconds": "must be 0 to 604800", "lease_id": "must be a string"}},
		{"POST", event + "/nack", `{"delay_seconds":"5"}`, map[string]string{"delay_seconds": "must be a whole number"}},
		{"POST", event + "/extend", ``, map[string]string{"lease_seconds": "must be 1 to 43200"}},
		{"POST", event + "/extend", `{"lease_seconds":5,"lease_seconds":6}`, map[string]string{"lease_seconds": "stands there more than once"}},
		{"POST", "/api/inbox/ack", `{"acks":[{"id":"evt_1"},{"id":1,"lease":"x"},7]}`, map[string]string{
			"acks[1].id": "must be a string", "acks[1].lease": "is not a field here; there are id, lease_id", "acks[2]": "must be an object with id and lease_id",
		}},
		{"POST", "/api/inbox/ack", `{"ids":"evt_1","limit":1}`, map[string]string{"ids": "must be an array of strings", "limit": "is not a field here; there are ids, acks, group"}},
		{"PUT", "/api/inbox/groups/g", `{"types":[""],"from":"then","filter":[]}`, map[string]string{
			"types[0]": "", "from": "must be now or start", "filter": "",
		}},
		{"POST", "/api/events/erase", `{"created_after":"yesterday","dry_run":1}`, map[string]string{
			"created_after": "must be an RFC 3339 time such as 2025-11-14T17:30:00Z", "dry_run": "must be true or false", "filter": "",
		}},
		{"POST", "/api/endpoints/filter-test", `{"filter":{"payload.a":1,"payload.a":2},"Types":["x"]}`, map[string]string{
			"filter": `has the name "payload.a" more than once`, "Types": "is not a field here; there are types, filter",
		}},
		{"POST", "/api/endpoints", `{"url":"https://a.example","headers":{"x":"1","\u0078":"2"}}`, map[string]string{"headers": `has the name "x" more than once`}},
		{"POST", "/api/webhooks/verify", `{"headers":{"a":1},"url":""}`, map[string]string{
			"headers": "must be an object of strings", "url": "is not a field here; there are secret, endpoint_id, headers, body", "secret": "or endpoint_id is needed: one of them",
		}},
	} {
		got := w.do(t, c.method, c.path, c.body, as(w.admin)...).refused(t, 422, apier.CodeInvalid).Errors
		if len(got) != len(c.want) {
			t.Errorf("%s %s: got %v, want %v", c.path, c.body, got, c.want)
		}
		for _, fault := range got {
			if reason, ok := c.want[fault.Field]; !ok || reason != "" && reason != fault.Reason {
				t.Errorf("%s %s: %s %s, want %q", c.path, c.body, fault.Field, fault.Reason, reason)
			}
		}
	}
	w.do(t, "POST", event+"/ack", `[]`).refused(t, 422, apier.CodeInvalid)
}
