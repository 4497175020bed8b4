package hub

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"sync"

	"github.com/apier/apier"
)

// Log holds the latest changes of one tenant.
type Log struct {
	tenant  apier.TenantID
	id      uint64
	limit   int
	readers int // guarded by Hub.mu

	mu        sync.RWMutex
	blocks    [][]apier.Change // of BlockSize, the last one may have fewer; never overwritten: readers keep views of them
	skip      int              // how many of blocks[0] are forgotten
	bytes     int
	forgotten apier.Seq // changes up to here are no longer in the log
	head      apier.Seq
	events    apier.Seq // head of the changes of events: those of deliveries and endpoints have seqs too
	metrics   MetricsAt
	version   uint64 // of metrics; 0: none yet
}

// MetricsAt are metrics and when they were read.
type MetricsAt struct {
	apier.Metrics
	At apier.Timestamp
}

// Cursor is how far a reader has come: every change up to Seq, and which version of the metrics.
type Cursor struct {
	Seq     apier.Seq
	Version uint64
}

// BlockSize is how many changes a Batch holds at most. Batches end where a block of so many positions
// ends, so that readers who lag by different lengths soon stand at the same places and share their bytes.
const BlockSize = 64

// Batch is what lies between two cursors. Changes is shared and must not be written to.
type Batch struct {
	Changes []apier.Change
	Metrics *MetricsAt // nil: the reader has the newest, or there is More before
	To      Cursor
	More    bool // another batch follows at once
}

// ID tells this log from every other that the hub ever opened, without holding on to it.
func (l *Log) ID() uint64 { return l.id }

// Head gives the cursor of a reader that wants only what comes from now on.
func (l *Log) Head() Cursor {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Cursor{l.head, l.version}
}

// Metrics gives the newest metrics; ok is false where there are none yet.
func (l *Log) Metrics() (m MetricsAt, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.metrics, l.metrics.At != 0
}

// Seed keeps metrics that a reader has fetched for the next one that asks, unless those there are newer. Nobody is
// sent them.
func (l *Log) Seed(m apier.Metrics, at apier.Timestamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at > l.metrics.At {
		l.metrics = MetricsAt{m, at}
	}
}

// Events gives the seq of the latest change of an event, or of the head when the log was opened.
func (l *Log) Events() apier.Seq {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.events
}

// Since gives what came after a cursor, one block at a time. ok is false where the log has forgotten some
// of it: the reader must go to the store.
func (l *Log) Since(from Cursor) (batch Batch, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if from.Seq < l.forgotten {
		return Batch{}, false
	}
	if block, start := l.after(from.Seq); block < len(l.blocks) {
		changes := l.blocks[block]
		batch.Changes = changes[start:len(changes):len(changes)]
		if block < len(l.blocks)-1 {
			batch.More = true
			batch.To = Cursor{changes[len(changes)-1].Seq, from.Version}
			return batch, true
		}
	}
	batch.To = Cursor{max(l.head, from.Seq), l.version}
	if from.Version != l.version {
		m := l.metrics
		batch.Metrics = &m
	}
	return batch, true
}

// after returns where the first change beyond seq stands: the number of its block and its place in that.
func (l *Log) after(seq apier.Seq) (block, place int) {
	beyond := func(c apier.Change, seq apier.Seq) int { return cmp.Compare(c.Seq, seq+1) }
	block, _ = slices.BinarySearchFunc(l.blocks, seq, func(changes []apier.Change, seq apier.Seq) int {
		return beyond(changes[len(changes)-1], seq)
	})
	if block < len(l.blocks) {
		place, _ = slices.BinarySearchFunc(l.blocks[block], seq, beyond)
	}
	return block, place
}

// append adds the changes of a commit and forgets the oldest beyond the limit. It returns by how many bytes the log has
// grown.
func (l *Log) append(commit *apier.Commit) (grown int) {
	changes := commit.Changes
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.bytes
	if commit.After > l.head {
		l.skipTo(commit.After)
	}
	for i := range changes {
		l.add(compact(changes[i]))
	}
	l.head = commit.Upto
	for i := len(changes) - 1; i >= 0; i-- {
		if changes[i].IsEvent() {
			l.events = changes[i].Seq
			break
		}
	}
	l.forget(l.limit)
	return l.bytes - before
}

// skipTo forgets everything: there are changes up to seq that the log was not told of. Readers go to the store for them.
func (l *Log) skipTo(seq apier.Seq) {
	l.blocks, l.skip, l.bytes, l.forgotten, l.events = nil, 0, 0, seq, seq
}

func (l *Log) add(c apier.Change) {
	last := len(l.blocks) - 1
	if last < 0 || len(l.blocks[last]) == BlockSize {
		l.blocks = append(l.blocks, nil)
		last++
	}
	l.blocks[last] = append(l.blocks[last], c)
	l.bytes += size(&c)
}

// forget drops the oldest changes while there are more than so many bytes, but never the latest change.
func (l *Log) forget(limit int) {
	gone := 0
	for l.bytes > limit && (gone < len(l.blocks)-1 || l.skip < len(l.blocks[gone])-1) {
		oldest := &l.blocks[gone][l.skip]
		l.bytes -= size(oldest)
		l.forgotten = oldest.Seq
		if l.skip++; l.skip == len(l.blocks[gone]) {
			gone, l.skip = gone+1, 0
		}
	}
	l.blocks = slices.Delete(l.blocks, 0, gone) // which lets go of them: their payloads are memory
}

// shrink forgets the older half of the log and returns how many bytes that was.
func (l *Log) shrink() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.bytes
	l.forget(l.bytes / 2)
	return before - l.bytes
}

// longPayload stands for every payload that no frame carries: only its length counts.
//
//nolint:gochecknoglobals // never written to
var longPayload = append(json.RawMessage("{}"), bytes.Repeat([]byte(" "), apier.MaxPayloadInFrame)...)

// compact returns a change as the log keeps it. A payload is detached from the request that it came in, whose whole
// body it would keep in memory. One that is too long for a frame is not kept at all.
func compact(c apier.Change) apier.Change {
	if len(c.Event.Payload) > apier.MaxPayloadInFrame {
		c.Event.Payload = longPayload
	} else {
		c.Event.Payload = bytes.Clone(c.Event.Payload)
	}
	return c
}

func (l *Log) setMetrics(m apier.Metrics, at apier.Timestamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.metrics = MetricsAt{m, at}
	l.version++
}

// size estimates the memory that a change holds, in bytes.
func size(c *apier.Change) int {
	const fixed, object = 320, 640
	if c.Webhook != nil {
		return fixed + object + 2*len(c.Webhook.Body)
	}
	if c.Delivery != nil || c.Endpoint != nil || c.Recovery != nil {
		return fixed + object
	}
	payload := len(c.Event.Payload)
	if payload > apier.MaxPayloadInFrame {
		payload = 0 // see longPayload
	}
	return fixed + payload + len(c.Event.Type) + len(c.Event.Source) + len(c.Event.ErrorMessage)
}
