package api

import (
	"container/list"
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// An InboxNotifier wakes requests that wait for events. Its methods are safe for concurrent use.
//
// Requests that wait for the same events stand in one line, oldest first. A commit wakes as many of a line as it has
// events for it, and nobody else. Who is awake looks at the store without a write. It sleeps on where there is nothing,
// and wakes the next one when it leaves with something. What comes meanwhile raises the
// turn of its line, and whoever is about to sleep looks again, unless another began to look in that turn.
type InboxNotifier struct {
	mu      sync.Mutex
	tenants map[apier.TenantID]*tenantLines
	waiting int
	arrived uint64
	refused int64
	closed  chan struct{}
	once    sync.Once
}

const (
	maxAwake      = 8       // of one line at once; each that leaves wakes the next
	maxToMatch    = 1024    // committed events of a tenant that wait to be matched; beyond it every line looks
	maxMatchBytes = 4 << 20 // likewise, their payloads
)

// tenantLines are the lines of one tenant, and the events that are to be held against them.
type tenantLines struct {
	lines    map[lineKey]*line
	waiting  int
	toMatch  []committed
	bytes    int
	matching bool // a goroutine holds toMatch against the lines
}

// committed is an event as a commit left it.
type committed struct {
	event   apier.Event
	decoded *apier.Decoded // once for all lines
	created bool
	inbox   bool // it is in the inbox
}

type lineKind uint8

const (
	lineOfLease  lineKind = iota // for a lease of the inbox or of a group: an event is for one of them
	lineOfList                   // for the list of the inbox: an event is for all of them
	lineOfFollow                 // for whatever is created: likewise
)

type lineKey struct {
	kind  lineKind
	group string
}

// line is who waits for the same events.
type line struct {
	key    lineKey
	asleep *list.List // of *waiter, oldest first
	awake  int
	turn   uint64 // grows with whatever may be for the line
	fresh  int    // of those awake, whose look began in this turn

	wants  *store.Wants // nil: not known, so everything may be for the line
	shape  uint64       // grows when wants is forgotten
	seen   apier.Seq    // nothing up to there is wanted; of wants
	looked int          // events that were looked at in vain since the last lease

	dueAt apier.Timestamp // when the timer wakes one; 0: it does not
	timer *time.Timer
}

// waiter is one waiting request.
type waiter struct {
	tenant apier.TenantID
	lines  *tenantLines
	line   *line
	number uint64        // of its arrival
	wake   chan struct{} // has room for one
	place  *list.Element // nil: it is awake
	turn   uint64        // of the line, when its look began
	shape  uint64        // likewise
	looks  bool
}

// NewInboxNotifier makes a notifier.
func NewInboxNotifier() *InboxNotifier {
	return &InboxNotifier{tenants: map[apier.TenantID]*tenantLines{}, closed: make(chan struct{})}
}

// Notify takes what was committed. It never blocks, and leaves the matching to another goroutine.
func (n *InboxNotifier) Notify(commits []apier.Commit) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.tenants) == 0 {
		return
	}
	for i := range commits {
		t := n.tenants[commits[i].Tenant]
		if t == nil {
			continue
		}
		n.enqueueAll(t, commits[i].Changes)
		if commits[i].InboxReady {
			t.wakeAll()
		}
	}
}

func (n *InboxNotifier) enqueueAll(t *tenantLines, changes []apier.Change) {
	for i := range changes {
		c := &changes[i]
		pending := c.Event.Status == apier.StatusPending
		if c.Kind == apier.Created || c.Kind == apier.Updated && pending {
			n.enqueue(t, committed{event: c.Event, created: c.Kind == apier.Created, inbox: pending && !c.Routed})
		}
	}
}

func (n *InboxNotifier) enqueue(t *tenantLines, c committed) {
	t.bytes += len(c.event.Payload)
	if len(t.toMatch) >= maxToMatch || t.bytes > maxMatchBytes {
		clear(t.toMatch)
		t.toMatch, t.bytes = t.toMatch[:0], 0
		t.wakeAll()
		return
	}
	t.toMatch = append(t.toMatch, c)
	if !t.matching {
		t.matching = true
		go n.match(t)
	}
}

// wakeAll wakes one of each line, which looks again from the beginning: a group has changed, has room again, or a lease
// ends sooner.
func (t *tenantLines) wakeAll() {
	for _, l := range t.lines {
		l.wants, l.seen = nil, 0
		l.shape++
		l.signal(1)
	}
}

// DueAt wakes one of a line at a time: a lease that was just given ends then.
func (n *InboxNotifier) dueAt(tenant apier.TenantID, group string, at, now apier.Timestamp) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.tenants[tenant]; t != nil {
		if l := t.lines[lineKey{lineOfLease, group}]; l != nil {
			n.arm(l, at, now)
		}
	}
}

// Close sends everybody home, now and later: the server is going down.
func (n *InboxNotifier) Close() { n.once.Do(func() { close(n.closed) }) }

// Waiting returns how many requests wait, and how many were refused for their number so far.
func (n *InboxNotifier) Waiting() (waiting int, refused int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.waiting, n.refused
}

// match holds the committed events of a tenant against its lines until there are no more.
func (n *InboxNotifier) match(t *tenantLines) {
	for {
		events, lines := n.takeToMatch(t)
		if len(events) == 0 {
			return
		}
		for i := range events {
			events[i].decoded = events[i].event.Decoded()
		}
		for _, m := range lines {
			m.count(events)
		}
		n.mu.Lock()
		for _, m := range lines {
			if m.found > 0 || m.shape != m.line.shape { // forgotten meanwhile: what it wants is not known
				m.line.signal(max(m.found, 1))
			}
		}
		n.mu.Unlock()
	}
}

// matching is a line at the moment at which events were taken for it.
type matching struct {
	line  *line
	wants *store.Wants
	shape uint64
	found int
}

func (n *InboxNotifier) takeToMatch(t *tenantLines) (events []committed, lines []*matching) {
	n.mu.Lock()
	defer n.mu.Unlock()
	events, t.toMatch, t.bytes = t.toMatch, nil, 0
	if t.matching = len(events) > 0; !t.matching {
		return nil, nil
	}
	for _, l := range t.lines {
		lines = append(lines, &matching{line: l, wants: l.wants, shape: l.shape})
	}
	return events, lines
}

// count counts the events for a line, as far as it wakes somebody for them.
func (m *matching) count(events []committed) {
	for i := range events {
		if m.found == maxAwake {
			return
		}
		if m.isFor(&events[i]) {
			m.found++
		}
	}
}

func (m *matching) isFor(c *committed) bool {
	switch {
	case m.line.key.kind == lineOfFollow:
		return c.created
	case m.line.key.kind == lineOfList || m.line.key.group == "":
		return c.inbox
	default:
		return c.created && (m.wants == nil || m.wants.MatchDecoded(c.decoded))
	}
}

// signal says that there may be something for so many of the line.
func (l *line) signal(count int) {
	l.turn++
	l.fresh = 0
	if l.key.kind == lineOfFollow {
		count = l.asleep.Len()
	}
	l.wake(count)
}

func (l *line) wake(count int) {
	for ; count > 0 && l.asleep.Len() > 0 && (l.awake < maxAwake || l.key.kind != lineOfLease); count-- {
		w, _ := l.asleep.Remove(l.asleep.Front()).(*waiter)
		w.place = nil
		l.awake++
		w.wake <- struct{}{} // it has room: who is asleep was not woken
	}
}

// arm has the timer wake one at a time, or sooner.
func (n *InboxNotifier) arm(l *line, at, now apier.Timestamp) {
	if at == 0 || l.dueAt != 0 && l.dueAt <= at {
		return
	}
	l.disarm()
	l.dueAt = at
	l.timer = time.AfterFunc(max(at.Time().Sub(now.Time()), time.Millisecond), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if l.dueAt == at {
			l.dueAt = 0
			l.signal(1)
		}
	})
}

func (l *line) disarm() {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.dueAt = 0
}
