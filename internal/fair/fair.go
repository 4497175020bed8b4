// Package fair shares a number of slots among those who ask for one by a key, such as a tenant: whoever has work waits
// for one turn of each of the others at most, however much they ask for.
package fair

import (
	"container/list"
	"context"
	"sync"
)

// Slots are a number of slots. Its methods are safe for concurrent use.
type Slots[K comparable] struct {
	mu      sync.Mutex
	free    int
	spare   bool
	held    map[K]int
	queues  map[K]*list.List // of *request, oldest first; none is empty
	turns   []K              // the keys of queues, whose turn is next first
	waiting int
}

type request struct{ granted chan struct{} }

// NewSlots makes n slots. With spare, nobody is given one while it holds as many as are free: one key alone has half
// of them at most, two have three quarters, so that one more always finds a free one.
func NewSlots[K comparable](n int, spare bool) *Slots[K] {
	return &Slots[K]{free: n, spare: spare, held: map[K]int{}, queues: map[K]*list.List{}}
}

// Acquire waits for a slot. Release gives it back.
func (s *Slots[K]) Acquire(ctx context.Context, key K) error {
	s.mu.Lock()
	if s.queues[key] == nil && s.may(key) {
		s.hold(key)
		s.mu.Unlock()
		return nil
	}
	r := &request{make(chan struct{})}
	place := s.enqueue(key, r)
	s.mu.Unlock()
	select {
	case <-r.granted:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-r.granted: // meanwhile: it is given back
		s.release(key)
	default:
		s.remove(key, place)
	}
	return ctx.Err()
}

// Release gives a slot back.
func (s *Slots[K]) Release(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(key)
}

// Waiting returns how many wait for a slot.
func (s *Slots[K]) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

// Held returns how many slots are taken.
func (s *Slots[K]) Held() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, held := range s.held {
		n += held
	}
	return n
}

func (s *Slots[K]) may(key K) bool {
	return s.free > 0 && (!s.spare || s.held[key] < s.free)
}

func (s *Slots[K]) hold(key K) {
	s.free--
	s.held[key]++
}

func (s *Slots[K]) enqueue(key K, r *request) *list.Element {
	q := s.queues[key]
	if q == nil {
		q = list.New()
		s.queues[key] = q
		s.turns = append(s.turns, key)
	}
	s.waiting++
	return q.PushBack(r)
}

func (s *Slots[K]) remove(key K, place *list.Element) {
	s.waiting--
	q := s.queues[key]
	if q.Remove(place); q.Len() > 0 {
		return
	}
	delete(s.queues, key)
	for i, other := range s.turns {
		if other == key {
			s.turns = append(s.turns[:i], s.turns[i+1:]...)
			return
		}
	}
}

func (s *Slots[K]) release(key K) {
	s.free++
	if s.held[key]--; s.held[key] == 0 {
		delete(s.held, key)
	}
	s.grant()
}

// grant gives the free slots to those who wait, a key after the other.
func (s *Slots[K]) grant() {
	for passed := 0; passed < len(s.turns) && s.free > 0; {
		key := s.turns[0]
		s.turns = append(s.turns[1:], key) // its next turn comes after the others'
		if !s.may(key) {
			passed++
			continue
		}
		passed = 0
		place := s.queues[key].Front()
		r, _ := place.Value.(*request)
		s.remove(key, place)
		s.hold(key)
		close(r.granted)
	}
}
