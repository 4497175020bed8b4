package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/apier/apier"
)

// Pending gives the oldest events that wait, up to limit (0: 50, at most 100), and leaves them where they are.
func (c *Client) Pending(ctx context.Context, limit int) ([]apier.Event, error) {
	var events []storedEvent
	q := url.Values{}
	setNumber(q, "limit", int64(limit))
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/inbox", query: q}, &events)
	return plainEvents(events), err
}

// Lease is one hand-out of an event: until it ends, nobody else is given the event.
type Lease struct {
	ID         string          `json:"id"`
	Until      apier.Timestamp `json:"until"`
	Deliveries int             `json:"deliveries"` // hand-outs so far, this one included
}

// Leased is an event that is ours for a while. It knows the group it was leased for, which its JSON does not.
type Leased struct {
	apier.Event
	Lease Lease
	group string
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Leased) UnmarshalJSON(b []byte) error {
	var e storedEvent
	var more struct {
		Lease Lease `json:"lease"`
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &more); err != nil {
		return err
	}
	l.Event, l.Lease = apier.Event(e), more.Lease
	return nil
}

// LeaseOptions say what is taken out of the inbox. Parts of a second count as a whole one.
type LeaseOptions struct {
	Limit int           // at most 1000. Default: 50
	For   time.Duration // at most 12 h. Default: 30 s
	Wait  time.Duration // for events, if there are none; at most 30 s. Default: not at all
	// Group is a group of consumers, which gets every event, whatever becomes of it elsewhere. It is made
	// at its first use, from then on. Default: the inbox itself.
	Group string
}

const defaultLease = 30 * time.Second

// Lease takes events out of the inbox, oldest first; each is nobody else's until its lease ends. End it
// with AckLeased or Nack, or let it pass: then the event is handed out again. None, and no error, is what it gives
// where there is nothing. A try again after a lost answer may leave events leased to nobody until their lease ends.
func (c *Client) Lease(ctx context.Context, o LeaseOptions) ([]Leased, error) {
	if o.For == 0 {
		o.For = defaultLease
	}
	q := url.Values{}
	setNumber(q, "limit", int64(o.Limit))
	setNumber(q, "lease_seconds", seconds(o.For))
	setNumber(q, "wait_seconds", seconds(o.Wait))
	setText(q, "group", o.Group)
	var leased []Leased
	err := c.do(ctx, request{method: http.MethodGet, path: "/api/inbox", query: q, wait: o.Wait}, &leased)
	for i := range leased {
		leased[i].group = o.Group
	}
	return leased, err
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

type leaseRef struct {
	LeaseID string `json:"lease_id,omitempty"`
	Group   string `json:"group,omitempty"`
}

func (l Leased) ref() leaseRef { return leaseRef{LeaseID: l.Lease.ID, Group: l.group} }

// Ack acknowledges an event without a lease: it is delivered. Acknowledging twice changes nothing.
func (c *Client) Ack(ctx context.Context, id apier.EventID) (apier.Event, error) {
	var e storedEvent
	err := c.do(ctx, inboxRequest(id, "ack", nil), &e)
	return apier.Event(e), err
}

// AckLeased acknowledges an event that is leased. [apier.CodeConflict]: the lease ended, and the event was
// handed out again. Acknowledging twice changes nothing.
func (c *Client) AckLeased(ctx context.Context, l Leased) (apier.Event, error) {
	var e storedEvent
	err := c.do(ctx, inboxRequest(l.ID, "ack", l.ref()), &e)
	return apier.Event(e), err
}

// Nack gives a leased event back, to be handed out again after delay, in whole seconds; 0: at once.
func (c *Client) Nack(ctx context.Context, l Leased, delay time.Duration) error {
	body := struct {
		leaseRef
		Delay int64 `json:"delay_seconds"`
	}{l.ref(), seconds(delay)}
	r := inboxRequest(l.ID, "nack", body)
	r.done = http.StatusConflict // the event is somebody else's by now
	return c.do(ctx, r, nil)
}

// Extend makes a lease last for so long from now, in whole seconds, at most 12 h, and gives it as it then is.
func (c *Client) Extend(ctx context.Context, l Leased, lasting time.Duration) (Lease, error) {
	body := struct {
		leaseRef
		Seconds int64 `json:"lease_seconds"`
	}{l.ref(), seconds(lasting)}
	var lease Lease
	err := c.do(ctx, inboxRequest(l.ID, "extend", body), &lease)
	return lease, err
}

func inboxRequest(id apier.EventID, verb string, body any) request {
	return request{method: http.MethodPost, path: "/api/inbox/{id}/" + verb, id: string(id), body: body}
}
