package client

import (
	"context"
	"sync"
)

// feedLimit is how many notices may wait for the application before nothing more is read from the network.
const feedLimit = 256

// feed is the queue between the network and the application.
type feed struct {
	mu     sync.Mutex
	items  []notice
	closed bool
	some   chan struct{} // of one: there is something to take, or nothing will come
	room   chan struct{} // closed, and replaced, when there may be room
}

func newFeed() *feed {
	return &feed{some: make(chan struct{}, 1), room: make(chan struct{})}
}

func (f *feed) push(n notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.items = append(f.items, n)
		nudge(f.some)
	}
}

// close lets take give what there is and then report the end.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	nudge(f.some)
}

// take waits for notices. false: there will be no more after these.
func (f *feed) take(ctx context.Context) ([]notice, bool) {
	for {
		f.mu.Lock()
		items, closed := f.items, f.closed
		f.items = nil
		close(f.room)
		f.room = make(chan struct{})
		f.mu.Unlock()
		if len(items) > 0 || closed {
			return items, !closed
		}
		select {
		case <-f.some:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// full reports whether there is no room, and gives what is closed when there may be some.
func (f *feed) full() (bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.items) >= feedLimit, f.room
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
