package store

import (
	"context"

	"github.com/apier/apier"
)

// Retention is how the store stays bounded, and how it forgets on request.
//
// What outlives its retention, or makes room under the disk budget, leaves in silence: there is no Change
// and no tombstone of it. Who keeps events drops by itself what is older than the retention.
type Retention interface {
	// EraseEvent takes the payload of an event and all that repeats it: attempts, what the receiver's log
	// kept of it, order keys. The event stays, with {} for a payload and Erased set, as a Change tells; if it
	// was pending it has failed, and what was still to be delivered is canceled. Twice is harmless. Once it
	// returns the bytes are overwritten in the database, and soon after gone from its files.
	EraseEvent(ctx context.Context, tenant apier.TenantID, id apier.EventID) (apier.Event, error)
	// CountErasable gives how many events a selection matches and how many were examined for it.
	CountErasable(ctx context.Context, tenant apier.TenantID, s apier.Selection) (matched, examined int64, err error)
	// CreateErasure begins to erase every event that a selection matches. The store does it by itself, in
	// slices, over restarts.
	CreateErasure(ctx context.Context, tenant apier.TenantID, s apier.Selection) (apier.Erasure, error)
	Erasure(ctx context.Context, tenant apier.TenantID, id apier.ErasureID) (apier.Erasure, error)
	// Erasures gives the latest hundred, newest first.
	Erasures(ctx context.Context, tenant apier.TenantID) ([]apier.Erasure, error)
	// Space tells how much the database takes, of all tenants together.
	Space(ctx context.Context) (Space, error)
}

// Space is what the database takes on disk, in bytes, and what has left it since the process began.
type Space struct {
	Used    int64 // pages with content: what the budget is for
	File    int64 // the database's main file; pages without content are used again
	Budget  int64 // 0: none
	Full    bool  // the budget is reached and nothing may go: no new events are taken
	Expired int64 // events that outlived their retention
	Trimmed int64 // events that made room under the budget
	Erased  int64 // events whose payload was erased

	Queued       int64 // writes waiting for the database
	RefusedFull  int64 // writes refused since the start: the queue was full
	RefusedShare int64 // likewise: one tenant had as many waiting as it may
}
