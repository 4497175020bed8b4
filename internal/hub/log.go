package hub

import (
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
	changes   []apier.Change // never overwritten: readers keep views of it
	first     int64          // position of changes[0] among all that this log ever held
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
	start := l.after(from.Seq)
	end := len(l.changes)
	if room := BlockSize - int((l.first+int64(start))%BlockSize); end-start >= room {
		end = start + room
	}
	batch.Changes = l.changes[start:end:end]
	if end < len(l.changes) {
		batch.More = true
		batch.To = Cursor{l.changes[end-1].Event.Seq, from.Version}
		return batch, true
	}
	batch.To = Cursor{max(l.head, from.Seq), l.version}
	if from.Version != l.version {
		m := l.metrics
		batch.Metrics = &m
	}
	return batch, true
}

// after gives the index of the first change beyond seq.
func (l *Log) after(seq apier.Seq) int {
	low, high := 0, len(l.changes)
	for low < high {
		if mid := (low + high) / 2; l.changes[mid].Event.Seq > seq {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

func (l *Log) append(changes []apier.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes = append(l.changes, changes...)
	for i := range changes {
		l.bytes += size(&changes[i])
	}
	l.head = changes[len(changes)-1].Event.Seq
	for i := len(changes) - 1; i >= 0; i-- {
		if changes[i].IsEvent() {
			l.events = changes[i].Event.Seq
			break
		}
	}
	drop := 0
	for l.bytes > l.limit && drop < len(l.changes)-1 {
		l.bytes -= size(&l.changes[drop])
		l.forgotten = l.changes[drop].Event.Seq
		drop++
	}
	l.changes = l.changes[drop:]
	l.first += int64(drop)
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
	return fixed + len(c.Event.Payload) + len(c.Event.Type) + len(c.Event.Source) + len(c.Event.ErrorMessage)
}
