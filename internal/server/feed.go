package server

import (
	"sync/atomic"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/delivery"
	"github.com/apier/apier/internal/gateway"
)

// feed hands what the store tells of each commit to those who act on it. The store is there first, so gateway and
// dispatcher join later; what that one missed, it finds by itself when it starts.
type feed struct {
	server   *Server
	gateway  atomic.Pointer[gateway.Gateway]
	delivery atomic.Pointer[delivery.Dispatcher]
}

func (f *feed) announce(changes []apier.Change) {
	if g := f.gateway.Load(); g != nil { // before, there is nobody to publish to
		g.Publish(changes, time.Now())
	} else {
		f.server.hub.Publish(changes)
	}
	f.server.figures.committed(changes)
	f.server.pulse.touch(changes)
	f.server.notifier.Notify(changes)
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
