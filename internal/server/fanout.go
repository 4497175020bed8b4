package server

import (
	"sync/atomic"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/delivery"
	"github.com/apier/apier/internal/gateway"
)

// fanout hands each commit to all who act on it. The store is there first, so gateway and dispatcher join later; what
// that one missed, it finds by itself when it starts.
type fanout struct {
	server   *Server
	gateway  atomic.Pointer[gateway.Gateway]
	delivery atomic.Pointer[delivery.Dispatcher]
}

// announce runs on the store's writer: none of the listeners blocks.
func (f *fanout) announce(commits []apier.Commit) {
	if g := f.gateway.Load(); g != nil { // before, there is nobody to publish to
		g.Publish(commits, time.Now())
	} else {
		f.server.hub.Publish(commits)
	}
	f.server.figures.committed(commits)
	f.server.pulse.committed(commits)
	f.server.notifier.Notify(commits)
	if d := f.delivery.Load(); d != nil {
		d.Committed(commits)
	}
}
