package client

import (
	"context"
	"iter"

	"github.com/apier/apier"
)

// Item is one step of Events: a change, or, where Resync is set, the word that changes are missing before
// the next one; Kind is 0 then.
type Item struct {
	Change
	// Resync is why the state up to Cursor has to be fetched; empty: this is a change.
	Resync ResyncReason
	// Cursor is the place after this item. Kept, and handed to EventsFrom, it goes on from there.
	Cursor Cursor
}

// Events follows the changes on the given channels, "events" where none is named, from now on: of events, and on
// endpoint:<id> and event:<id> of what webhooks do. It connects, reconnects and resumes by itself, and never gives up
// by itself, unless Options.MaxReconnectAttempts says so: it ends when the loop does, when ctx does, or with a
// *[ConnectionError] that a retry cannot mend, such as a channel that the token does not permit. An error is the last
// thing it yields.
//
// It never skips silently. Every change comes, in the order of Seq and each once, but that a client that was
// away or slow is given the latest state of a thing in place of the steps that led to it. Where that cannot
// be promised there is an item with Resync instead: the first of all, as nothing is said of what was before;
// and again when the server can no longer tell what was missed. What to do is the same each time: fetch
// what you keep (List), then go on; a change whose Event.Seq is not above the Seq of what you have is old.
//
// While the loop's body runs, little is read ahead: the server keeps what it has to say, and tells a loop that was too
// slow the latest state. Each range over what Events gives is a connection of its own, so several may run at once.
func (c *Client) Events(ctx context.Context, channels ...string) iter.Seq2[Item, error] {
	return c.EventsFrom(ctx, Cursor{}, channels...)
}

// EventsFrom is Events from the place where another iteration, perhaps of another process, stopped: what
// changed since comes first, and no Resync as long as the server can tell.
func (c *Client) EventsFrom(ctx context.Context, from Cursor, channels ...string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, name := range channels {
			channel, fault := apier.ParseChannel(name)
			if fault == nil && channel.IsMetrics() {
				fault = apier.Errorf(apier.CodeInvalidChannel, "The channel %q brings no changes: use Live with OnMetrics.", name)
			}
			if fault != nil {
				yield(Item{}, fault)
				return
			}
		}
		if len(channels) == 0 {
			channels = []string{"events"}
		}
		s := c.options.settings()
		if c.options.MaxReconnectAttempts == 0 {
			s.maxAttempts = Forever
		}
		l := c.newLive(ctx, LiveOptions{Channels: channels, From: from}, s)
		defer l.Close()
		l.begin()
		l.iterate(ctx, from.Session == "", yield)
	}
}

func (l *Live) iterate(ctx context.Context, fresh bool, yield func(Item, error) bool) {
	for {
		notices, ok := l.feed.take(ctx)
		if !ok {
			yield(Item{}, context.Cause(ctx))
			return
		}
		for _, n := range notices {
			if ctx.Err() != nil {
				yield(Item{}, context.Cause(ctx))
				return
			}
			if n.status != nil && l.opts.OnStatus != nil {
				l.opts.OnStatus(*n.status)
			}
			item, err, some := itemOf(n, &fresh)
			if some && (!yield(item, err) || err != nil) {
				return
			}
		}
	}
}

func itemOf(n notice, fresh *bool) (item Item, err error, some bool) {
	switch {
	case n.opened && *fresh:
		*fresh = false
		return Item{Resync: ResyncStart, Cursor: n.cursor}, nil, true
	case n.resync != "":
		return Item{Resync: n.resync, Cursor: n.cursor}, nil, true
	case n.frame != nil && n.frame.refusesChannel():
		return Item{}, refusedError(n.frame), true
	case n.frame != nil:
		change, isChange := n.frame.decoded.(Change)
		return Item{Change: change, Cursor: n.cursor}, nil, isChange
	case n.status != nil && n.status.Err != nil && (n.status.State == Stopped || n.status.State == Disconnected):
		return Item{}, n.status.Err, true
	}
	return Item{}, nil, false
}
