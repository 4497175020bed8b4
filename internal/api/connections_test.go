package api

import (
	"fmt"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

// crowd is so many connections of the default tenant, conn_1 and on.
type crowd int

func (n crowd) Who(tenant apier.TenantID, f apier.ConnectionFilter) (page []apier.Connection, total int) {
	if tenant != auth.DefaultTenant || f.User != "" {
		return nil, 0
	}
	after := 0
	_, _ = fmt.Sscanf(f.StartingAfter, "conn_%d", &after)
	for i := after + 1; i <= int(n) && len(page) < f.Limit; i++ {
		page = append(page, apier.Connection{ID: fmt.Sprint("conn_", i)})
	}
	return page, int(n)
}

func (n crowd) Disconnect(tenant apier.TenantID, id, _ string) bool {
	return tenant == auth.DefaultTenant && id == "conn_1"
}

func TestConnectionsAreListedByPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{Connections: crowd(120)}})
	admin := as(w.admin)
	for _, c := range []struct {
		query       string
		credential  []string
		n, total    int
		first, last string
		more        bool
	}{
		{"", admin, 50, 120, "conn_1", "conn_50", true},
		{"?limit=100&starting_after=conn_50", admin, 70, 120, "conn_51", "conn_120", false},
		{"?limit=70&starting_after=conn_50", admin, 70, 120, "conn_51", "conn_120", false},
		{"?limit=69&starting_after=conn_50", admin, 69, 120, "conn_51", "conn_119", true},
		{"?user=nobody", admin, 0, 0, "", "", false},
		{"", as(w.foreign), 0, 0, "", "", false},
	} {
		var got struct {
			Connections []apier.Connection
			HasMore     bool `json:"has_more"`
			Total       int
		}
		w.do(t, "GET", "/api/connections"+c.query, "", c.credential...).want(t, 200, &got)
		if len(got.Connections) != c.n || got.Total != c.total || got.HasMore != c.more ||
			c.n > 0 && (got.Connections[0].ID != c.first || got.Connections[c.n-1].ID != c.last) {
			t.Errorf("%q: %d of %d, more %v: %+v", c.query, len(got.Connections), got.Total, got.HasMore, got.Connections)
		}
	}
	for query, field := range map[string]string{"limit=0": "limit", "starting_after=7": "starting_after", "starting_after=conn_x": "starting_after", "tenant=other": "tenant"} {
		if faults := w.do(t, "GET", "/api/connections?"+query, "", admin...).refused(t, 422, apier.CodeInvalid).Errors; len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %+v", query, faults)
		}
	}
	w.do(t, "GET", "/api/connections", "", as(w.reader)...).refused(t, 403, apier.CodeForbidden)
	w.do(t, "DELETE", "/api/connections/conn_1", "", as(w.foreign)...).refused(t, 404, apier.CodeNotFound)
	w.do(t, "DELETE", "/api/connections/conn_1?reason=Not%20one", "", admin...).refused(t, 422, apier.CodeInvalid)
	w.do(t, "DELETE", "/api/connections/conn_1?reason=noisy", "", admin...).want(t, 204, nil)
}
