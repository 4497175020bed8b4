package sqlite

import (
	"context"
	"strconv"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// healthRank is apier.Endpoint.Health in SQL, as the place of the word in apier.EndpointHealths. ?1 is now.
var healthRank = "CASE WHEN p.status = 3 THEN 0 WHEN p.status = 2 THEN 5 WHEN p.hold_until > ?1 THEN 2 WHEN p.failures >= " + //nolint:gochecknoglobals // a constant but for the number
	strconv.Itoa(apier.FailuresToFail) + " THEN 1 WHEN p.failures > 0 AND p.pending > 0 THEN 4 WHEN p.failures > 0 THEN 3 " +
	"WHEN p.last_success_at = 0 THEN 7 ELSE 6 END"

// Neither reads the settings of more endpoints than it shows. Both walk the tenant's rows, which Options.MaxEndpoints
// bounds.
func countHealth() string {
	return "SELECT " + healthRank + " AS rank, count(*), sum(p.pending) FROM endpoints p INDEXED BY endpoints_by_tenant WHERE p.tenant = ?2 GROUP BY rank"
}

func listHealth() string {
	return "SELECT " + endpointColumns + " FROM (SELECT p.number AS n, " + healthRank + " AS rank FROM endpoints p INDEXED BY endpoints_by_tenant " +
		"WHERE p.tenant = ?2 AND (rank > ?3 OR rank = ?3 AND p.number < ?4) ORDER BY rank, n DESC LIMIT ?5) JOIN endpoints p ON p.number = n ORDER BY rank, n DESC"
}

// EndpointHealth implements store.Endpoints.
func (s *Store) EndpointHealth(
	ctx context.Context, tenant apier.TenantID, page store.PageOf[apier.EndpointID],
) (store.HealthPage, error) {
	now := apier.TimestampOf(s.options.Now())
	found := store.HealthPage{At: now, Counts: map[apier.EndpointHealth]store.HealthCount{}}
	limit := min(max(page.Limit, 1), maxPage)
	err := s.readAs(ctx, tenant, func(conn *sqlite.Conn, t tenantRow) error {
		found.Seq = t.seq
		if err := countByHealth(conn, t.id, &found); err != nil {
			return err
		}
		rank, before := -1, int64(0)
		if page.StartingAfter != "" {
			last, err := findEndpoint(conn, t.id, page.StartingAfter)
			if err != nil {
				return err
			}
			rank, before = rankOf(last.endpoint.Health(now)), last.number
		}
		return sqlitex.Execute(conn, listHealth(), &sqlitex.ExecOptions{
			Args: []any{int64(now), t.id, rank, before, limit + 1}, ResultFunc: func(stmt *sqlite.Stmt) error {
				row, err := scanEndpoint(stmt)
				if found.HasMore = len(found.Endpoints) == limit; err == nil && !found.HasMore {
					found.Endpoints = append(found.Endpoints, row.endpoint)
				}
				return err
			},
		})
	})
	return found, wrap("read the health of endpoints", err)
}

func countByHealth(conn *sqlite.Conn, tenant int64, into *store.HealthPage) error {
	return sqlitex.Execute(conn, countHealth(), &sqlitex.ExecOptions{Args: []any{int64(into.At), tenant}, ResultFunc: func(stmt *sqlite.Stmt) error {
		n := store.HealthCount{Endpoints: stmt.ColumnInt64(1), Waiting: stmt.ColumnInt64(2)}
		into.Counts[apier.EndpointHealths()[stmt.ColumnInt(0)]] = n
		return nil
	}})
}

func rankOf(health apier.EndpointHealth) int {
	for i, h := range apier.EndpointHealths() {
		if h == health {
			return i
		}
	}
	return -1
}
