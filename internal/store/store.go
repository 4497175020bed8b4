// Package store is the truth: events, their changes and counters, and API keys.
//
// It holds the contract only. internal/store/sqlite keeps it in one embedded file; another database
// stands beside it by passing the suite in internal/store/storetest, which is the contract in
// executable form.
//
// What every implementation promises:
//
//   - A nil error of a writing method means: on disk, and it survives kill -9 and power loss.
//   - Each change gets the next Seq of its tenant inside its transaction, in commit order; no Seq is ever reused.
//     Seqs are compared within a tenant only. Nothing that a tenant is told counts what others do.
//   - Options.Announce is called once per transaction, after its commit and before the writer's call returns,
//     with the changes of each tenant in Seq order. What was rolled back is never announced.
//   - Counters change in the transaction of the change. No method counts rows.
//   - Every method that touches a tenant's data takes the tenant; ids of other tenants are not found.
//   - Errors for callers are *apier.Error (not_found, conflict, unavailable); others are causes.
package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/apier/apier"
)

// Store is the contract. Its methods are safe for concurrent use.
type Store interface {
	Events
	Metrics
	Keys
	Endpoints
	Deliveries
	Recoveries
	Operations
	Inbox
	Webhooks
	Retention

	// Epoch returns the identity of this database's history.
	Epoch(ctx context.Context) (string, error)
	// Head returns the Seq of a tenant's latest change; 0: there is none.
	Head(ctx context.Context, tenant apier.TenantID) (apier.Seq, error)
	// Heads returns the Head of every tenant that has one.
	Heads(ctx context.Context) (map[apier.TenantID]apier.Seq, error)
	// BeginRun says that a server starts here, and returns the name of the run.
	//
	// Runs are the stretches of one history. They tell whether a place in it is still there. After an older
	// database was restored, the seqs of what was lost are given again, to other changes; whoever names the run in
	// which it was told a seq is found out, however far the new history has come meanwhile.
	BeginRun(ctx context.Context) (run string, err error)
	// Holds reports whether a Seq that a tenant was told in a run belongs to this history.
	Holds(ctx context.Context, tenant apier.TenantID, run string, seq apier.Seq) (bool, error)
	// Readers returns how many reads of tenants are under way, and how many wait for their share.
	Readers() (busy, waiting int)
	// Ping reports whether the database answers a read and its writer accepts work: a *WritesFailError where only
	// the first holds.
	Ping(ctx context.Context) error
	// Close waits for accepted writes, then releases everything. Later calls fail as unavailable.
	Close() error
}

// WritesFailError says that reads work and nothing can be stored: the disk is full, most likely.
type WritesFailError struct{ Cause error }

func (e *WritesFailError) Error() string { return "nothing can be stored: " + e.Cause.Error() }
func (e *WritesFailError) Unwrap() error { return e.Cause }

// Options of every implementation. The zero value has the defaults in brackets.
type Options struct {
	// Announce receives what a transaction changed, a Commit for each tenant, in order, one call at a time. It must not
	// block.
	Announce func([]apier.Commit)
	// Log is told what an operator should know [nobody].
	Log *slog.Logger
	// Exclusive says that this process is the server: nobody else may be, as long as the store is open.
	Exclusive bool
	// AcceptLoss is what a *sqlite.LostError named: the store is opened without what is lost.
	AcceptLoss string
	// Now is the clock [time.Now].
	Now func() time.Time
	// Elapsed is a clock that no one sets [the monotonic one]. Where Now disagrees with it, nothing leaves by Now.
	Elapsed func() time.Duration
	// WriteQueue bounds the operations waiting for the writer [4096]; beyond it a write fails at once
	// as unavailable.
	WriteQueue int
	// WriteQueuePerTenant bounds those of one tenant [WriteQueue]. Whatever others have queued, a tenant
	// with less than its even share of WriteQueue is not refused.
	WriteQueuePerTenant int
	// TombstoneRetention is how long a deletion stays visible to Changes [7 days].
	TombstoneRetention time.Duration
	// IdempotencyRetention is how long an idempotency key is remembered [7 days].
	IdempotencyRetention time.Duration
	// EventRetention is how long an event is kept, with its deliveries, whatever its status; 0: for ever.
	EventRetention time.Duration
	// AttemptBodyRetention is how long the bodies of receivers' answers are kept; 0: with the event.
	AttemptBodyRetention time.Duration
	// WebhookRetention is how long a line of the receiver's log is kept; 0: until it makes room.
	WebhookRetention time.Duration
	// DiskBudget is how many bytes of the database may be in use; 0: no limit. Beyond it the oldest final
	// events go; where only pending ones are left, new events are refused as unavailable.
	DiskBudget int64
	// DiskBudgetPending lets the oldest pending events go too, rather than refuse new ones.
	DiskBudgetPending bool
	// WebhookLog bounds the receiver's log of each tenant [10 000 verified, a tenth of it refused].
	WebhookLog int
	// MaxEndpoints bounds the endpoints of each tenant [1000]: an event is held against each of them.
	MaxEndpoints int
	// MaxOperations bounds the operations of each tenant that run at once [4].
	MaxOperations int
	// ReadTimeout bounds a read of a tenant, the wait for its share of the readers included [10 s].
	ReadTimeout time.Duration
	// InboxOpen bounds what a group has handed out and not got acknowledged [10 000]: beyond it, it hands
	// out only what is due again.
	InboxOpen int
	// MaxDepth is how many levels a payload may have to be shown in pages [apier.MaxDepth, at least].
	MaxDepth int
	// InboxMaxDeliveries is how often an event is handed out before it has failed; 0: without end.
	InboxMaxDeliveries int
}

// ErrReadTimeout is what a read fails with that took longer than Options.ReadTimeout: nothing was found out.
var ErrReadTimeout = apier.Errorf(apier.CodeUnavailable, "The answer took longer than a read may take (--read-timeout). Ask for less, or again in a moment.") //nolint:gochecknoglobals // an error to compare with

// Events is the log of events and its changes.
type Events interface {
	// Append stores all events or none, in order, as pending. With an idempotency key that was seen
	// before, it stores nothing and gives the first receipts with Replayed set; if the request was
	// another one then, it fails as conflict. Payloads are kept, not copied: they must not change.
	Append(ctx context.Context, tenant apier.TenantID, events []apier.NewEvent, key *IdempotencyKey) (Receipts, error)
	// Event gives one event.
	Event(ctx context.Context, tenant apier.TenantID, id apier.EventID) (apier.Event, error)
	// List gives one page of the events that the filter lets through. It has no more than some 8 MiB of payloads:
	// HasMore says so.
	List(ctx context.Context, tenant apier.TenantID, filter Filter) (Page, error)
	// Settle ends the delivery of an event. Settling as delivered what is delivered already changes
	// nothing and gives the event as it is. What was delivered has no error message any more.
	Settle(ctx context.Context, tenant apier.TenantID, id apier.EventID, outcome Outcome) (apier.Event, error)
	// Delete erases an event and leaves a tombstone, so that Changes tells of the deletion.
	Delete(ctx context.Context, tenant apier.TenantID, id apier.EventID) error
	// Changes gives what changed after a Seq, in Seq order: what was created since as Created, at the Seq
	// of its creation; what was changed after its creation as Updated (without PreviousStatus), at the Seq
	// of its latest change; what is gone as Deleted. All carry the latest state. So a reader may stop
	// anywhere and ask again after the last Seq it saw: it ends with the right state.
	//
	// With deliveries, the latest state of changed endpoints, deliveries and recoveries comes too.
	Changes(ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int, deliveries bool) (ChangePage, error)
}

// IdempotencyKey makes an Append repeatable. RequestHash tells whether it is the same request.
type IdempotencyKey struct {
	Key         string
	RequestHash [32]byte
}

// Receipts answer an Append, one Receipt per event in order.
type Receipts struct {
	Events   []Receipt
	Replayed bool
}

// Receipt is what a sender is told of one stored event.
type Receipt struct {
	ID        apier.EventID
	Seq       apier.Seq
	CreatedAt apier.Timestamp
}

// Filter selects events; zero fields select everything.
type Filter struct {
	Status        apier.Status
	Types         []string // globs: * stands for any run of characters; any may match
	Source        string
	Search        string // part of id, type, source or payload, ASCII letters in either case; a whole id finds its event alone
	CreatedAfter  apier.Timestamp
	CreatedBefore apier.Timestamp
	OldestFirst   bool
	StartingAfter apier.EventID // the last event of the page before, even if it was deleted or has expired since; else not found
	Limit         int           // 1 to 1000
	MaxBytes      int           // of payloads in the page, give or take one event [8 MiB]
	Inbox         bool          // with StatusPending: only what no endpoint takes

	// Created at this Seq or later, and before the other; 0: no bound. They cut a long read into short ones.
	FromSeq, BelowSeq apier.Seq
}

// Page is one page of a list, and the Seq at which it was read: a client that applies the changes after
// Seq to it is exactly up to date.
type Page struct {
	Events  []apier.Event
	HasMore bool
	Seq     apier.Seq
}

// ChangePage is one page of changes. More says whether to ask again, after the last change's Seq; once
// it is false, the reader stands at Seq. Lost says that deletions after the asked Seq have been
// forgotten: the reader must fetch its state anew.
type ChangePage struct {
	Changes []apier.Change
	More    bool
	Lost    bool
	Seq     apier.Seq
}

// Outcome ends a delivery.
type Outcome struct {
	Status       apier.Status // delivered or failed
	ErrorMessage string       // of a failure, for people
}

// Metrics are the counters, kept in the transaction of each change.
type Metrics interface {
	Summary(ctx context.Context, tenant apier.TenantID) (Summary, error)
	// Latency gives created → delivered over the minutes since a time. Quantiles are upper bounds of
	// histogram buckets at most 9 % wide.
	Latency(ctx context.Context, tenant apier.TenantID, since time.Time) (Latency, error)
	// Throughput returns one point for each minute since a time that had activity, oldest first.
	Throughput(ctx context.Context, tenant apier.TenantID, since time.Time) (Throughput, error)
	// TopErrors gives the most frequent messages of failures since a time, most frequent first.
	TopErrors(ctx context.Context, tenant apier.TenantID, since time.Time, limit int) ([]ErrorCount, error)
	// PendingRetries counts the deliveries that were attempted and are to be again.
	PendingRetries(ctx context.Context, tenant apier.TenantID) (int64, error)
}

// Summary counts the events of a tenant by status, as of Seq. Deleted events are not counted.
type Summary struct {
	Total, Pending, Delivered, Failed int64
	Seq                               apier.Seq
}

// Quantiles of created → delivered, in milliseconds; all 0 where Count is 0.
type Quantiles struct {
	P50, P95, P99 float64
	Count         int64
}

// Latency is the whole span and its minutes with deliveries, oldest first, as of Seq.
type Latency struct {
	Quantiles
	Series []LatencyPoint
	Seq    apier.Seq
}

// Throughput holds minutes, oldest first, as of Seq.
type Throughput struct {
	Series []MinutePoint
	Seq    apier.Seq
}

// LatencyPoint is one minute, At its beginning.
type LatencyPoint struct {
	At apier.Timestamp
	Quantiles
}

// MinutePoint counts what happened in one minute, At its beginning. The counters of Summary follow from it: the total
// grows by Created and loses Deleted and Expired; pending grows by Created and Reopened and loses LeftPending;
// delivered grows by Delivered and loses LeftDelivered; failed grows by Failed and loses LeftFailed.
type MinutePoint struct {
	At                                     apier.Timestamp
	Created, Delivered, Failed             int64
	Reopened                               int64 // back to pending
	Deleted                                int64 // by hand
	Expired                                int64 // by retention, or for the disk budget
	LeftPending, LeftDelivered, LeftFailed int64 // to another status, or for good
}

// ErrorCount is one message of failure.
type ErrorCount struct {
	Message  string
	Type     string // of the latest event that failed so
	Count    int64
	LastSeen apier.Timestamp
}

// Keys are the API keys. Only their SHA-256 is stored.
type Keys interface {
	CreateKey(ctx context.Context, tenant apier.TenantID, key NewKey) (Key, error)
	// Keys gives all keys of a tenant, revoked ones too, oldest first.
	Keys(ctx context.Context, tenant apier.TenantID) ([]Key, error)
	// RevokeKey ends a key for good; revoking twice is harmless.
	RevokeKey(ctx context.Context, tenant apier.TenantID, id string) error
	// KeyByHash finds a key that is not revoked, of any tenant: the way in, before the tenant is known.
	KeyByHash(ctx context.Context, hash [32]byte) (Key, error)
	// KeyByID finds a key that is not revoked.
	KeyByID(ctx context.Context, tenant apier.TenantID, id string) (Key, error)
}

// NewKey is a key to be stored. ID is unique in the whole database.
type NewKey struct {
	ID     string
	Name   string
	Hint   string // the last characters of the key, to recognise it by
	Hash   [32]byte
	Scopes []string
}

// Key is a stored key.
type Key struct {
	ID        string
	Tenant    apier.TenantID
	Name      string
	Hint      string
	Scopes    []string
	CreatedAt apier.Timestamp
	RevokedAt apier.Timestamp // 0: in force
}
