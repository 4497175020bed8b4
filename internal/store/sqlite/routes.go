package sqlite

import (
	"context"
	"errors"
	"slices"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store/rules"
)

// errStale is no failure. What an operation found out beside the writer was changed before its turn came:
// it wrote nothing, and its caller finds out again.
var errStale = errors.New("changed meanwhile")

// maxRematches is how often an append is matched while others may change the endpoints of its tenant.
// The next time they wait for it.
const maxRematches = 3

// tenantRoutes are the endpoints of a tenant that new events may go to, by their number. A value never
// changes. Its version tells it from the others of the tenant.
type tenantRoutes struct {
	version uint64
	all     []*rules.Route
}

// routeTable holds the routes in force. The writer stores them after a commit; everybody reads them.
type routeTable struct {
	tenantLocks
	inForce sync.Map // apier.TenantID → *tenantRoutes
}

// tenantLocks hold up those who change the endpoints, or the groups, of a tenant.
type tenantLocks struct{ of sync.Map } // apier.TenantID → *sync.RWMutex

func (t *routeTable) get(tenant apier.TenantID) *tenantRoutes {
	if found, ok := t.inForce.Load(tenant); ok {
		return found.(*tenantRoutes) //nolint:forcetypeassert // nothing else is stored
	}
	return &tenantRoutes{}
}

// changing returns what those who change something of a tenant share. They go on side by side, unless an
// operation that came too late too often keeps them out.
func (t *tenantLocks) changing(tenant apier.TenantID) *sync.RWMutex {
	lock, _ := t.of.LoadOrStore(tenant, new(sync.RWMutex))
	return lock.(*sync.RWMutex) //nolint:forcetypeassert // nothing else is stored
}

// with returns the routes as they are once an endpoint has this one; nil: it gets no new events.
func (r *tenantRoutes) with(endpoint int64, route *rules.Route) *tenantRoutes {
	at, found := slices.BinarySearchFunc(r.all, endpoint, func(r *rules.Route, number int64) int { return int(r.Endpoint - number) })
	if !found && route == nil {
		return r
	}
	next := &tenantRoutes{version: r.version + 1, all: slices.Clone(r.all)}
	switch {
	case route == nil:
		next.all = slices.Delete(next.all, at, at+1)
	case found:
		next.all[at] = route
	default:
		next.all = slices.Insert(next.all, at, route)
	}
	return next
}

// load reads the endpoints that new events go to: all but the disabled ones.
func (t *routeTable) load(conn *sqlite.Conn) error {
	all := map[apier.TenantID][]*rules.Route{}
	err := sqlitex.Execute(conn, "SELECT "+endpointColumns+", t.name FROM endpoints p JOIN tenants t ON t.id = p.tenant WHERE p.status <> 3 ORDER BY p.number",
		&sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			row, err := scanEndpoint(stmt)
			if err != nil {
				return err
			}
			tenant := apier.TenantID(stmt.ColumnText(17))
			all[tenant] = append(all[tenant], rules.NewRoute(row.number, &row.endpoint))
			return nil
		}})
	for tenant, routes := range all {
		t.inForce.Store(tenant, &tenantRoutes{version: 1, all: routes})
	}
	return err
}

// routesOf returns those in force in this batch.
func (b *batch) routesOf(tenant apier.TenantID) *tenantRoutes {
	if changed := b.routes[tenant]; changed != nil {
		return changed
	}
	return b.writer.store.routes.get(tenant)
}

// route has new events go to an endpoint as it is now, or not at all. Others learn of it after the commit.
func (b *batch) route(row *endpointRow) {
	var route *rules.Route
	if !row.gone && row.endpoint.Status != apier.EndpointDisabled {
		route = rules.NewRoute(row.number, &row.endpoint)
	}
	current := b.routesOf(row.name)
	next := current.with(row.number, route)
	if next == current {
		return
	}
	if b.routes == nil {
		b.routes = map[apier.TenantID]*tenantRoutes{}
	}
	b.routes[row.name] = next
}

// matchAll returns the endpoints of each event; nil where the tenant has none. It ends with ctx.
func (r *tenantRoutes) matchAll(ctx context.Context, turn heavy, events []apier.Event) ([][]rules.Target, error) {
	if len(r.all) == 0 {
		return nil, nil
	}
	matched := make([][]rules.Target, len(events))
	for i := range events {
		if err := turn.do(ctx, len(events[i].Payload), func() (err error) {
			matched[i], err = rules.Targets(ctx, r.all, &events[i])
			return err
		}); err != nil {
			return nil, err
		}
	}
	return matched, nil
}

// Recipients implements store.Endpoints.
func (s *Store) Recipients(ctx context.Context, tenant apier.TenantID, events []apier.NewEvent) ([][]apier.EndpointID, error) {
	routes := s.routes.get(tenant)
	recipients := make([][]apier.EndpointID, len(events))
	for i, e := range events {
		candidate := apier.Event{Type: e.Type, Source: e.Source, Payload: e.Payload}
		if err := s.heavy.do(ctx, len(e.Payload), func() (err error) {
			recipients[i], err = rules.Recipients(ctx, routes.all, &candidate)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return recipients, nil
}
