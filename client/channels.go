package client

import (
	"slices"

	"github.com/apier/apier"
)

// Subscription is one channel that a connection has or is to have.
type Subscription struct {
	Channel string
	Live    bool      // the server has confirmed it, or set it up by itself
	Seq     apier.Seq // of the last change it brought, or at which it began; 0 unless Live
}

// channels are the channels that an application wants; they outlive any one connection. Each knows its own
// seq.
type channels struct {
	base    []string // nil: the server's choice, unknown until a session tells it
	added   []string
	left    []string
	pending []string
	seqs    map[string]apier.Seq
}

func newChannels(base []string) channels {
	return channels{base: base, seqs: map[string]apier.Seq{}}
}

func (c *channels) states() []Subscription {
	var states []Subscription
	for _, name := range c.all() {
		seq, live := c.seqs[name]
		states = append(states, Subscription{Channel: name, Live: live, Seq: seq})
	}
	return states
}

func (c *channels) add(name string) {
	c.added = with(c.added, name)
	c.left = without(c.left, name)
}

func (c *channels) remove(name string) {
	c.added = without(c.added, name)
	c.pending = without(c.pending, name)
	delete(c.seqs, name)
	c.left = with(c.left, name)
}

// forAddress gives what the next attempt asks for, and false where the choice is the server's.
func (c *channels) forAddress() ([]string, bool) {
	if c.base == nil {
		return nil, false
	}
	return c.all(), true
}

// start takes the channels that a session began with, all at this seq; they are the base where the
// application named none.
func (c *channels) start(names []string, seq apier.Seq) {
	if c.base == nil && names != nil {
		c.base = slices.Clone(names)
	}
	for _, name := range names {
		c.seqs[name] = seq
	}
}

// missing gives what has to be asked for and what to be taken back, of a session that has these.
func (c *channels) missing(have []string) (subscribe, unsubscribe []string) {
	for _, name := range c.all() {
		if !slices.Contains(have, name) && !slices.Contains(c.pending, name) {
			subscribe = append(subscribe, name)
		}
	}
	for _, name := range c.left {
		if slices.Contains(have, name) {
			unsubscribe = append(unsubscribe, name)
		}
	}
	return subscribe, unsubscribe
}

// sent says that a subscribe frame went out.
func (c *channels) sent(name string) { c.pending = with(c.pending, name) }

// confirmed says that every matching change after seq will come.
func (c *channels) confirmed(name string, seq apier.Seq) {
	c.pending = without(c.pending, name)
	if slices.Contains(c.added, name) {
		c.seqs[name] = seq
	}
}

// ended says that nothing comes on a channel any more: it was left, or the token in force does not permit it.
func (c *channels) ended(name string) { delete(c.seqs, name) }

// old takes the seq of a change, and reports whether its channel brought it before. Changes come in order,
// so the highest seq of the channel decides. One that has yet to be confirmed may tell of changes that
// others brought already.
func (c *channels) old(name string, seq, connection apier.Seq) bool {
	if slices.Contains(c.pending, name) {
		return false
	}
	seen, known := c.seqs[name]
	if !known {
		seen = connection
	}
	if seq <= seen {
		return true
	}
	c.seqs[name] = seq
	return false
}

// skipTo says that state up to seq was skipped, of one channel or, where name is empty, of all.
func (c *channels) skipTo(seq apier.Seq, name string) {
	if name != "" {
		c.seqs[name] = seq
		return
	}
	for known := range c.seqs {
		c.seqs[known] = seq
	}
}

// connectionLost forgets what was live, and the unanswered requests.
func (c *channels) connectionLost() {
	c.pending = nil
	clear(c.seqs)
}

func (c *channels) all() []string {
	all := make([]string, 0, len(c.base)+len(c.added))
	for _, name := range slices.Concat(c.base, c.added) {
		if !slices.Contains(c.left, name) {
			all = with(all, name)
		}
	}
	return all
}

func with(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(other string) bool { return other == name })
}
