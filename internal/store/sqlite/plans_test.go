package sqlite

import (
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Every query on deliveries goes along an index, so that no endpoint's history slows another's delivery.
func TestDeliveryPlans(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	deliveries := "SELECT " + deliveryColumns + " FROM deliveries d "
	err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		for _, query := range []string{
			deliveries + deliveriesAfter, deliveries + deliveriesOfStatus, deliveries + deliveriesOfAll,
			"SELECT " + deliveryColumns + failedSince + " ORDER BY d.number LIMIT ?5",
			deliveries + "WHERE d.number = ? AND d.tenant = ?",
			"SELECT due_at FROM deliveries INDEXED BY deliveries_due WHERE endpoint = +? AND status = 1 ORDER BY due_at LIMIT 1",
			deliveries + "INDEXED BY deliveries_due WHERE d.endpoint = +? AND d.status = 1 AND d.due_at <= +? ORDER BY d.due_at LIMIT (SELECT ?)",
			"SELECT " + endpointColumns + " FROM endpoints p " + endpointsAfter,
			goneAfter, eventsBetween, reclaim,
			deliveries + nextOfKey, deliveries + turnOfKey,
			deliveries + deliveriesOfEvent, endpointsOfTenant,
			"SELECT detail, body FROM attempts WHERE delivery = ? ORDER BY number",
			"SELECT secret FROM endpoint_secrets WHERE endpoint = +? AND (expires_at = 0 OR expires_at > +?) ORDER BY number DESC",
			"SELECT " + recoveryColumns + recoveryJoins + recoveriesAfter,
			"SELECT " + recoveryColumns + recoveryJoins + "WHERE r.endpoint = ? ORDER BY r.number DESC LIMIT ?",
			"SELECT " + recoveryColumns + recoveryJoins + "WHERE r.status = 1",
			"SELECT " + endpointColumns + " FROM endpoints p WHERE p.uuid = ? AND p.tenant = ?",
			"SELECT " + endpointColumns + " FROM endpoints p INDEXED BY endpoints_by_tenant WHERE p.tenant = ? AND p.number < ? ORDER BY p.number DESC LIMIT ?",
		} {
			checkPlan(t, conn, query, &sqlitex.ExecOptions{Args: numbered(query)})
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// numbered gives an argument for each parameter, those with numbers counted once.
func numbered(query string) []any {
	if !strings.Contains(query, "?1") {
		return args(query)
	}
	n := 1
	for strings.Contains(query, "?"+string(rune('0'+n+1))) {
		n++
	}
	values := make([]any, n)
	for i := range values {
		values[i] = 1
	}
	return values
}
