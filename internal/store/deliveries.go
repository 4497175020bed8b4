package store

import (
	"context"
	"time"

	"github.com/apier/apier"
)

// Endpoints are where webhooks go. What a new event matches is decided in the transaction that stores it.
type Endpoints interface {
	// CreateEndpoint stores an endpoint with its first signing secret; ID, times, counters and Seq are the store's.
	// Conflict where the tenant has Options.MaxEndpoints.
	CreateEndpoint(ctx context.Context, tenant apier.TenantID, endpoint apier.Endpoint, secret []byte) (apier.Endpoint, error)
	Endpoint(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) (apier.Endpoint, error)
	// Endpoints gives a page, newest first, and the Seq at which it was read.
	Endpoints(ctx context.Context, tenant apier.TenantID, page PageOf[apier.EndpointID]) (EndpointPage, error)
	// EndpointsByID returns those of the ids that there are, in that order.
	EndpointsByID(ctx context.Context, tenant apier.TenantID, ids []string) (EndpointPage, error)
	// EndpointHealth counts endpoints by how they do, and returns a page of them: the most urgent first, then the
	// newest. Its work is bounded by Options.MaxEndpoints.
	EndpointHealth(ctx context.Context, tenant apier.TenantID, page PageOf[apier.EndpointID]) (HealthPage, error)
	// Recipients gives the endpoints to which each of these events would become a delivery, oldest first, were it
	// stored now. Nothing is stored.
	Recipients(ctx context.Context, tenant apier.TenantID, events []apier.NewEvent) ([][]apier.EndpointID, error)
	// UpdateEndpoint lets change alter the settings and the status; what else it alters is ignored, and its error is
	// returned. An endpoint that becomes active again begins without hold, failures and reason.
	UpdateEndpoint(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, change func(*apier.Endpoint) error) (apier.Endpoint, error)
	// DeleteEndpoint removes an endpoint with its secrets and cancels its open deliveries.
	DeleteEndpoint(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) error
	// RotateSecret adds a secret; those before it sign for grace more, at most MaxSecrets together.
	RotateSecret(ctx context.Context, tenant apier.TenantID, id apier.EndpointID, secret []byte, grace time.Duration) error
	// Secrets gives those in force, newest first.
	Secrets(ctx context.Context, tenant apier.TenantID, id apier.EndpointID) ([][]byte, error)
}

// MaxSecrets is how many secrets of an endpoint may sign together.
const MaxSecrets = 3

// PageOf asks for a part of a list.
type PageOf[ID ~string] struct {
	StartingAfter ID // the last of the page before; "": from the beginning
	Limit         int
}

// EndpointPage is one page of endpoints.
type EndpointPage struct {
	Endpoints []apier.Endpoint
	HasMore   bool
	Seq       apier.Seq
}

// HealthPage says how endpoints do At a time; words without an endpoint have no count.
type HealthPage struct {
	Counts    map[apier.EndpointHealth]HealthCount
	Endpoints []apier.Endpoint
	HasMore   bool
	Seq       apier.Seq
	At        apier.Timestamp
}

// HealthCount counts endpoints, and the deliveries that wait for them.
type HealthCount struct{ Endpoints, Waiting int64 }

// Deliveries are the rows that move events to endpoints.
//
// An attempt is claimed by a lease with a fencing token and finished in one transaction: attempt, state, next due
// time, event, counters. Whoever lost the lease cannot finish. So a delivery is never lost, and never held by two.
type Deliveries interface {
	// Lanes gives every endpoint that has open deliveries, with the time its next one is due.
	Lanes(ctx context.Context) ([]Lane, error)
	// Claim leases up to limit due deliveries of an endpoint for its timeout and a margin, the longest due first: none while it is paused, disabled,
	// deleted or before its HoldUntil; one where HoldUntil has passed and no success has cleared it. Of deliveries with
	// the same order key only the oldest open one is due.
	Claim(ctx context.Context, tenant apier.TenantID, endpoint apier.EndpointID, limit int, margin time.Duration) (Claims, error)
	// Finish records an attempt and its verdict; conflict if the lease was lost.
	Finish(ctx context.Context, tenant apier.TenantID, claimed Claimed, attempt apier.Attempt, verdict Verdict) (apier.Delivery, error)
	// Release gives a claim back without an attempt, due again at a time; nothing if the lease was lost.
	Release(ctx context.Context, tenant apier.TenantID, claimed Claimed, at apier.Timestamp) error
	// Reclaim gives back every claim there is, due at once, and tells how many there were. It is for the start of one
	// who is alone with the store: those who claimed are gone.
	Reclaim(ctx context.Context) (int, error)

	Delivery(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) (apier.Delivery, error)
	// ListDeliveries gives a page, newest first.
	ListDeliveries(ctx context.Context, tenant apier.TenantID, filter DeliveryFilter) (DeliveryPage, error)
	// Attempts gives the attempts of a delivery, oldest first.
	Attempts(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) ([]apier.Attempt, error)
	// Retry begins a delivery anew, whatever its status: due now, with a fresh schedule.
	Retry(ctx context.Context, tenant apier.TenantID, id apier.DeliveryID) (apier.Delivery, error)
}

// Lane is an endpoint with work to do.
type Lane struct {
	Tenant   apier.TenantID
	Endpoint apier.EndpointID
	DueAt    apier.Timestamp
}

// Claims are leased deliveries with all that is needed to attempt them.
type Claims struct {
	Endpoint apier.Endpoint
	Secrets  [][]byte // newest first
	Claimed  []Claimed
	NextDue  apier.Timestamp // of what was not claimed; 0: nothing waits
}

// Claimed is one leased delivery. Delivery and Fence together are the right to finish it.
type Claimed struct {
	Delivery apier.Delivery
	Event    apier.Event
	Fence    int64
	DueAt    apier.Timestamp // since when the attempt could have been made: that of Delivery is the end of its lease by now
}

// Verdict is what follows from an attempt.
type Verdict struct {
	Status        apier.DeliveryStatus // delivered, failed, or pending: another attempt follows
	DueAt         apier.Timestamp      // of a pending one
	Blameless     bool                 // the fault is ours: the endpoint's health stays as it is
	HoldUntil     apier.Timestamp      // the breaker opens until then, or stays open for longer; 0: no change, and after a success closed
	DisableReason string               // disables the endpoint; "": no
	URL           string               // that the attempt went to; "": that of the endpoint, whatever it is by now
}

// DeliveryFilter selects deliveries of one endpoint or of one event; zero fields select everything.
type DeliveryFilter struct {
	Endpoint apier.EndpointID
	Event    apier.EventID
	Status   apier.DeliveryStatus

	ErrorKind apier.ErrorKind // of the latest attempt; others are passed over one by one
	Since     apier.Timestamp // created then or later
	PageOf[apier.DeliveryID]
}

// DeliveryPage is one page of deliveries, and the Seq at which it was read.
type DeliveryPage struct {
	Deliveries []apier.Delivery
	HasMore    bool
	Seq        apier.Seq
}

// Recoveries send many deliveries again.
type Recoveries interface {
	// CountRecoverable counts what a recovery would send.
	CountRecoverable(ctx context.Context, tenant apier.TenantID, recovery apier.Recovery) (int64, error)
	// CreateRecovery counts and begins; ID, times, counters, status and Seq are the store's.
	CreateRecovery(ctx context.Context, tenant apier.TenantID, recovery apier.Recovery) (apier.Recovery, error)
	// AdvanceRecovery makes the next n deliveries due; done when there are no more.
	AdvanceRecovery(ctx context.Context, tenant apier.TenantID, id string, n int) (apier.Recovery, error)
	StopRecovery(ctx context.Context, tenant apier.TenantID, id string) (apier.Recovery, error)
	Recovery(ctx context.Context, tenant apier.TenantID, id string) (apier.Recovery, error)
	// Recoveries gives the latest hundred of an endpoint, newest first.
	Recoveries(ctx context.Context, tenant apier.TenantID, endpoint apier.EndpointID) ([]apier.Recovery, error)
	// RunningRecoveries gives those of all tenants that are not at their end.
	RunningRecoveries(ctx context.Context) ([]RecoveryRef, error)
}

// RecoveryRef names a recovery of any tenant.
type RecoveryRef struct {
	Tenant   apier.TenantID
	Recovery apier.Recovery
}
