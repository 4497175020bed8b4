package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/apier/apier"
)

// Inbox hands events out to those who pull. There is one inbox for what no endpoint took, and any number
// of groups, each of which gets every event that it wants at least once, whatever became of it elsewhere.
// The empty name of a group is the inbox.
//
// A lease belongs to its holder: nobody else can acknowledge, give back or extend it before it ends. It
// ends by itself; then the event is due again, for anybody. docs/decisions/0010-inbox.md has the argument.
type Inbox interface {
	// Lease hands out up to r.Limit events, those that are due again first, then new ones, oldest first. A
	// group that is not there is made, from now on, with no filter.
	Lease(ctx context.Context, tenant apier.TenantID, r LeaseRequest) (Leases, error)
	// Readiness reports, without a write, whether a Lease would find something. after says that the group wants nothing
	// that was created up to there: Upto of an earlier Readiness of the same Wants, which is the store's own and not told
	// to anybody; 0: nothing is known.
	Readiness(ctx context.Context, tenant apier.TenantID, group string, after apier.Seq) (Readiness, error)
	// Acknowledge ends leases for good. Of the inbox it settles the event as delivered, leased or not; of a
	// group it does so once every group that wants the event has it, unless endpoints took it. Twice is
	// harmless. Each of refs has its own outcome, in order.
	Acknowledge(ctx context.Context, tenant apier.TenantID, holder Holder, refs []LeaseRef) ([]Acknowledgement, error)
	// GiveBack ends a lease: the event is due again after the delay.
	GiveBack(ctx context.Context, tenant apier.TenantID, holder Holder, ref LeaseRef, delay time.Duration) (Lease, error)
	// Extend makes a lease end so long from now.
	Extend(ctx context.Context, tenant apier.TenantID, holder Holder, ref LeaseRef, d time.Duration) (Lease, error)
	// Follow gives the events that were created after a Seq, in that order, and changes nothing. A page
	// has no more than some 8 MiB of payloads.
	Follow(ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int) (FollowPage, error)

	// PutGroup makes a group or changes what it wants; From counts only where it is made.
	PutGroup(ctx context.Context, tenant apier.TenantID, g NewGroup) (Group, error)
	// Groups gives all groups of a tenant by name, the inbox not among them.
	Groups(ctx context.Context, tenant apier.TenantID) ([]Group, error)
	// FullGroups counts the groups of all tenants, inboxes among them, that hand out only what is due again.
	FullGroups(ctx context.Context) (int64, error)
	// DeleteGroup forgets a group and its leases.
	DeleteGroup(ctx context.Context, tenant apier.TenantID, name string) error
}

// MaxGroups bounds the groups of a tenant: an acknowledgement asks each whether it has the event.
const MaxGroups = 100

// Holder is who holds a lease: the user behind a token, in a group.
type Holder struct {
	Group   string
	Subject string
}

// LeaseRequest asks for events.
type LeaseRequest struct {
	Holder

	Limit int           // 1 to 1000
	For   time.Duration // until they are due again
}

// Lease is one hand-out of one event. ID tells it from earlier and later ones of the same event.
type Lease struct {
	ID         string
	Event      apier.EventID
	Until      apier.Timestamp // then it is due again
	Deliveries int             // hand-outs so far, this one included
}

// Leased is an event that was handed out.
type Leased struct {
	Lease Lease
	Event apier.Event
}

// Leases answers a LeaseRequest.
type Leases struct {
	Leased  []Leased
	NextDue apier.Timestamp // when the next lease that ran out or was given back is due; 0: none is
	More    bool            // none was found so far, and there is more to look through: ask again
	Backlog Backlog         // after this hand-out
}

// Readiness says whether it is worth to lease.
type Readiness struct {
	Ready   bool            // a Lease would hand something out, make the group, or has to move the group's place on
	NextDue apier.Timestamp // as in Leases; of what is not due yet
	Backlog Backlog
	Wants   *Wants    // what the group gets; nil: it is not there, or its filter cannot be read
	Upto    apier.Seq // nothing that was created up to there is wanted and was not handed out; 0: not known
	Looked  int       // events that were looked at and are not wanted
}

// Wants is what a group gets.
type Wants struct {
	Types  []string // globs; none: every type
	Filter *apier.Filter
}

// Match reports whether an event is for the group.
func (w *Wants) Match(e *apier.Event) bool {
	if len(w.Types) > 0 && !slices.ContainsFunc(w.Types, func(glob string) bool { return apier.MatchGlob(glob, e.Type) }) {
		return false
	}
	return w.Filter.Match(e)
}

// MatchDecoded is Match for an event that is decoded once for many groups.
func (w *Wants) MatchDecoded(d *apier.Decoded) bool {
	return (len(w.Types) == 0 || apier.TypesMatch(w.Types, d.Event.Type)) && w.Filter.MatchDecoded(d)
}

// Backlog is how much a group has handed out and not got acknowledged, and how much it may.
type Backlog struct {
	Open  int64
	Bound int64
}

// Full reports whether the group hands out only what is due again.
func (b Backlog) Full() bool { return b.Open >= b.Bound }

// LeaseRef names a lease: by ID, or, where ID is "", the one that the holder has of the event.
type LeaseRef struct {
	Event apier.EventID
	ID    string
}

// Acknowledgement is the outcome of one LeaseRef: the event as it is now, or why not.
type Acknowledgement struct {
	Event apier.Event
	Err   *apier.Error // not_found, conflict
}

// FollowPage is one page of events in the order of their creation. Next is what to ask after next.
type FollowPage struct {
	Events  []apier.Event
	Next    apier.Seq
	HasMore bool
}

// NewGroup is a group to be made or changed.
type NewGroup struct {
	Name      string
	Types     []string        // globs; none: every type
	Filter    json.RawMessage // see apier.ParseFilter; null: every event
	FromStart bool            // begin with the oldest event there is, not with the next
}

// Group is a group as stored.
type Group struct {
	Name      string
	Types     []string
	Filter    json.RawMessage
	Position  apier.Seq // everything created up to here was handed out or not wanted
	Open      int64     // handed out or given back, and not acknowledged
	Dropped   int64     // given up after too many hand-outs
	CreatedAt apier.Timestamp

	Bound  int64  // of Open; there, the group hands out only what is due again
	Behind Behind // of Groups alone
}

// Behind is what a group was not handed out yet.
type Behind struct {
	Waiting int64           // events that it wants, as far as they were counted
	More    bool            // there may be others: the count has an end
	Oldest  apier.Timestamp // when the first of them was created; 0: none was found
}
