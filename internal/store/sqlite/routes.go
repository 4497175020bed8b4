package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// routes tell which endpoints of a tenant take an event. A value never changes: who matched by one that is still in
// force has matched right.
type routes struct{ of map[apier.TenantID][]route }

type route struct {
	number   int64
	uuid     [16]byte
	types    []string
	filter   *apier.Filter
	orderKey string
	firstMS  int64 // the wait before the first attempt
}

func (r *route) takes(e *apier.Event) bool {
	return apier.TypesMatch(r.types, e.Type) && r.filter.Match(e)
}

func routeOf(row *endpointRow) route {
	filter, faults := apier.ParseFilter(row.endpoint.Filter)
	if len(faults) > 0 { // it was valid when it was stored: better too much than nothing
		filter = &apier.Filter{}
	}
	return route{
		number: row.number, uuid: row.uuid, types: row.endpoint.Types, filter: filter,
		orderKey: row.endpoint.OrderKey, firstMS: row.endpoint.RetryScheduleMS[0],
	}
}

// loadRoutes reads the endpoints that new events go to: all but the disabled ones.
func loadRoutes(conn *sqlite.Conn) (*routes, error) {
	loaded := &routes{of: map[apier.TenantID][]route{}}
	err := sqlitex.Execute(conn, "SELECT "+endpointColumns+", t.name FROM endpoints p JOIN tenants t ON t.id = p.tenant WHERE p.status <> 3 ORDER BY p.number",
		&sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			row, err := scanEndpoint(stmt)
			if err != nil {
				return err
			}
			tenant := apier.TenantID(stmt.ColumnText(17))
			loaded.of[tenant] = append(loaded.of[tenant], routeOf(row))
			return nil
		}})
	return loaded, err
}

// currentRoutes gives those in force in this batch.
func (b *batch) currentRoutes() (*routes, error) {
	if !b.routesStale {
		if b.routes == nil {
			b.routes = b.writer.store.routes.Load()
		}
		return b.routes, nil
	}
	loaded, err := loadRoutes(b.conn)
	if err != nil {
		return nil, err
	}
	b.routes, b.routesStale, b.routesNew = loaded, false, true
	return loaded, nil
}

// matches gives the routes of each event; nil where the tenant has none.
func (r *routes) matches(tenant apier.TenantID, events []apier.Event) [][]*route {
	all := r.of[tenant]
	if len(all) == 0 {
		return nil
	}
	matched := make([][]*route, len(events))
	for i := range events {
		for k := range all {
			if all[k].takes(&events[i]) {
				matched[i] = append(matched[i], &all[k])
			}
		}
	}
	return matched
}

// Recipients implements store.Endpoints.
func (s *Store) Recipients(_ context.Context, tenant apier.TenantID, events []apier.NewEvent) ([][]apier.EndpointID, error) {
	candidates := make([]apier.Event, len(events))
	for i, e := range events {
		candidates[i] = apier.Event{Type: e.Type, Source: e.Source, Payload: e.Payload}
	}
	recipients := make([][]apier.EndpointID, len(events))
	for i, matched := range s.routes.Load().matches(tenant, candidates) {
		for _, r := range matched {
			recipients[i] = append(recipients[i], apier.FormatEndpointID(r.uuid))
		}
	}
	return recipients, nil
}
