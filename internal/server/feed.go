package server

import (
	"sync/atomic"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/delivery"
)

// feed hands what the store tells of each commit to those who act on it. The store is there first, so the dispatcher
// joins later; what it missed, it finds by itself when it starts.
type feed struct {
	server   *Server
	delivery atomic.Pointer[delivery.Dispatcher]
}

func (f *feed) announce(changes []apier.Change) {
	f.server.hub.Publish(changes)
	f.server.pulse.touch(changes)
	f.server.bell.Ring(changes)
	d := f.delivery.Load()
	for i := range changes {
		if r := changes[i].Recovery; r != nil && d != nil {
			d.Recover(changes[i].Tenant, *r)
		}
	}
}

func (f *feed) due(tenant apier.TenantID, endpoint apier.EndpointID, at apier.Timestamp) {
	if d := f.delivery.Load(); d != nil {
		d.Wake(tenant, endpoint, at)
	}
}
