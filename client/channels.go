package client

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/apier/apier"
)

// Subscription is one channel that a connection has or is to have.
type Subscription struct {
	Channel string
	Live    bool         // the server has confirmed it, or set it up by itself
	Seq     apier.Seq    // of the last change it brought, or at which it began; 0 unless Live
	Err     *apier.Error // why the server does not give it; nil: it was not refused
}

// Bounds of one control frame.
const (
	maxControlFrame     = 16 << 10 // bytes
	maxChannelsPerFrame = 100
)

// How long to wait, in milliseconds, where a server refuses for now and does not say for how long.
const (
	firstRepeat = 1000
	lastRepeat  = 30_000
)

// channels are what an application wants, and what the server has confirmed. The two differ until the server has
// answered: sync sends the difference. Each confirmed channel knows its own position.
type channels struct {
	wanted  []string // what is requested, in the order of the requests
	open    bool     // the server's choice is wanted, too; it is unknown until a session tells it
	left    []string // of the server's choice, while it is unknown
	held    map[string]apier.Seq
	asked   map[string]apier.FrameType // requests without an answer, by channel
	again   []string                   // held, and asked for once more: the server tells the state of such a channel again
	refused map[string]*apier.Error
	before  []string // those a session that is resumed goes on with
	started bool     // this connection has a session
	retryAt instant  // nothing is asked before
	repeats int      // refusals for now in a row
}

func newChannels(base []string) channels {
	c := channels{open: base == nil, before: slices.Clone(base), retryAt: past}
	for _, name := range base {
		c.wanted = with(c.wanted, name)
	}
	c.connectionLost()
	c.before = slices.Clone(base)
	return c
}

func (c *channels) states() []Subscription {
	var states []Subscription
	for _, name := range c.all() {
		seq, live := c.held[name]
		states = append(states, Subscription{Channel: name, Live: live, Seq: seq, Err: c.refused[name]})
	}
	return states
}

// all returns what is wanted, as far as it is known.
func (c *channels) all() []string {
	if !c.open {
		return c.wanted
	}
	all := slices.DeleteFunc([]string{"events", "metrics"}, func(name string) bool { return slices.Contains(c.left, name) })
	for _, name := range c.wanted {
		all = with(all, name)
	}
	return all
}

func (c *channels) add(name string) {
	c.wanted = with(c.wanted, name)
	c.left = without(c.left, name)
	delete(c.refused, name)
	if _, held := c.held[name]; held && c.asked[name] == "" {
		c.again = with(c.again, name)
	}
}

func (c *channels) remove(name string) {
	added := slices.Contains(c.wanted, name)
	c.wanted = without(c.wanted, name)
	c.before = without(c.before, name)
	c.again = without(c.again, name)
	delete(c.refused, name)
	// What was asked for here is not of the server's choice, unless it is one of the two that it mostly chooses.
	if c.open && (!added || name == "events" || name == "metrics") {
		c.left = with(c.left, name)
	}
}

// forAddress returns what the next attempt begins with, and false where the choice is the server's. A session that is
// resumed goes on with what it had: what was added since is asked for behind it, so that its state is told.
func (c *channels) forAddress(resumes bool) ([]string, bool) {
	if c.open {
		return nil, false
	}
	names := []string{}
	for _, name := range c.wanted {
		if _, problem := apier.ParseChannel(name); problem == nil && (!resumes || slices.Contains(c.before, name)) {
			names = append(names, name)
		}
	}
	return names, true
}

// start takes the channels that a session began with, all at this seq. Where the application named none, they are
// what it wants.
func (c *channels) start(names []string, seq apier.Seq) {
	if c.open && names != nil {
		chosen := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(c.left, name) })
		for _, name := range c.wanted {
			chosen = with(chosen, name)
		}
		c.open, c.left, c.wanted = false, nil, chosen
	}
	c.started = true
	clear(c.held)
	for _, name := range names {
		c.held[name] = seq
	}
}

// sync sends what is wanted and not held, and what is held and not wanted, in as few frames as possible. It returns
// the channels that can never be asked for.
func (c *channels) sync(now instant, send func([]byte) bool) (refused []string) {
	if now < c.retryAt {
		return nil
	}
	c.retryAt = past
	all := c.all()
	var leave, join []string
	for name := range c.held {
		if c.asked[name] == "" && !slices.Contains(all, name) {
			leave = append(leave, name)
		}
	}
	slices.Sort(leave)
	for _, name := range c.wanted {
		_, held := c.held[name]
		if held && !slices.Contains(c.again, name) || c.asked[name] != "" || c.refused[name] != nil {
			continue
		}
		if _, problem := apier.ParseChannel(name); problem != nil {
			c.refused[name] = problem
			refused = append(refused, name)
			continue
		}
		join = append(join, name)
	}
	c.ask(now, apier.FrameUnsubscribe, leave, send) // first: it makes room
	c.ask(now, apier.FrameSubscribe, join, send)
	return refused
}

func (c *channels) ask(now instant, verb apier.FrameType, names []string, send func([]byte) bool) {
	for _, part := range splitNames(names) {
		if !send(encodeMessage(channelsMessage(verb, part))) { // the queue of the socket is full
			c.retryAt = now + firstRepeat
			return
		}
		for _, name := range part {
			c.asked[name] = verb
			c.again = without(c.again, name)
		}
	}
}

// splitNames cuts names into parts, each of one frame.
func splitNames(names []string) (parts [][]string) {
	size := 0
	for i, name := range names {
		encoded, _ := json.Marshal(name) // of a string: always marshals
		size += len(encoded) + 1
		if last := len(parts) - 1; i == 0 || len(parts[last]) >= maxChannelsPerFrame || size > maxControlFrame-512 {
			parts, size = append(parts, nil), len(encoded)+1
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], name)
	}
	return parts
}

// confirmed says that every matching change after seq will come.
func (c *channels) confirmed(name string, seq apier.Seq) {
	if c.asked[name] == apier.FrameSubscribe {
		delete(c.asked, name)
	}
	delete(c.refused, name)
	c.held[name] = seq
	c.repeats = 0
}

// ended says that nothing comes on a channel any more: it was left, or the token in force does not permit it.
func (c *channels) ended(name string) {
	_, held := c.held[name]
	delete(c.held, name)
	if c.asked[name] == apier.FrameUnsubscribe {
		delete(c.asked, name)
		c.repeats = 0
		c.giveRoom()
		return
	}
	if held && slices.Contains(c.wanted, name) {
		c.refused[name] = apier.Errorf(apier.CodeForbidden, "The server has ended the channel %q.", name)
	}
}

// giveRoom lets one that was over the limit be asked for again.
func (c *channels) giveRoom() {
	for _, name := range c.wanted {
		if err := c.refused[name]; err != nil && err.Code == apier.CodeTooManySubscriptions {
			delete(c.refused, name)
			return
		}
	}
}

// forgive lets what was refused with this code be asked for again.
func (c *channels) forgive(code apier.Code) {
	for name, err := range c.refused {
		if err.Code == code {
			delete(c.refused, name)
		}
	}
}

// refuse takes a refusal: for now, and what it is about is asked for again, or for good; those are returned.
func (c *channels) refuse(names []string, e *apier.Error, after int64, now instant) (forGood []string) {
	if isTemporary(e.Code) {
		for _, name := range names {
			delete(c.asked, name)
		}
		if len(names) > 0 {
			c.retryAt = now + instant(repeatAfter(after, c.repeats))
			c.repeats++
		}
		return nil
	}
	for _, name := range names {
		verb := c.asked[name]
		delete(c.asked, name)
		if verb == apier.FrameUnsubscribe { // it cannot be left, so there is nothing to leave
			delete(c.held, name)
			continue
		}
		c.again = without(c.again, name)
		if slices.Contains(c.wanted, name) {
			c.refused[name] = e
			forGood = append(forGood, name)
		}
	}
	return forGood
}

// isTemporary reports whether the same may be had later.
func isTemporary(code apier.Code) bool {
	return code == apier.CodeRateLimited || code == apier.CodeUnavailable
}

// repeatAfter returns the wait before a repetition: what the server said, or more with each refusal.
func repeatAfter(said int64, repeats int) int64 {
	if said > 0 {
		return min(said, maxRetryAfter)
	}
	return int64(min(lastRepeat, firstRepeat<<min(repeats, 5)))
}

// unanswered returns the channels with a request that has no answer.
func (c *channels) unanswered() []string {
	return slices.Sorted(maps.Keys(c.asked))
}

// due returns when something is asked for again; never: nothing is.
func (c *channels) due() instant {
	if c.retryAt == past {
		return never
	}
	return c.retryAt
}

// old takes the seq of a change, and reports whether its channel brought it before. Changes come in order,
// so the highest seq of the channel decides. One that has yet to be confirmed may tell of changes that
// others brought already.
func (c *channels) old(name string, seq, connection apier.Seq) bool {
	if c.asked[name] == apier.FrameSubscribe {
		return false
	}
	seen, known := c.held[name]
	if !known {
		seen = connection
	}
	if seq <= seen {
		return true
	}
	if known {
		c.held[name] = seq
	}
	return false
}

// skipTo says that state up to seq was skipped, of one channel or, where name is empty, of all.
func (c *channels) skipTo(seq apier.Seq, name string) {
	for known := range c.held {
		if name == "" || name == known {
			c.held[known] = seq
		}
	}
}

// connectionLost forgets what was live, and the unanswered requests. What a session had that is resumed stays known.
func (c *channels) connectionLost() {
	if c.started {
		c.before = c.before[:0]
		for name := range c.held { // but what has yet to tell its state
			if c.asked[name] == "" && !slices.Contains(c.again, name) {
				c.before = append(c.before, name)
			}
		}
	}
	c.started = false
	c.held, c.asked, c.refused = map[string]apier.Seq{}, map[string]apier.FrameType{}, map[string]*apier.Error{}
	c.again, c.retryAt, c.repeats = nil, past, 0
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
