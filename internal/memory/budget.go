// Package memory bounds what requests keep in memory while they are under way: bodies that arrive and answers that leave.
package memory

import (
	"context"
	"errors"
	"sync"
)

// ErrFull is what a request gets for which no room is left, in the process or in the share of who sent it.
var ErrFull = errors.New("the memory for requests under way is used up") //nolint:gochecknoglobals // a constant

// Shares of the whole budget. One tenant leaves half of it to others, and one user a quarter.
const (
	tenantShare = 2
	userShare   = 4
)

// Budget counts the bytes of all requests under way. Its methods are safe for concurrent use.
type Budget struct {
	limit int64

	mu      sync.Mutex
	used    int64
	refused int64
	freed   chan struct{} // closed when bytes are given back; nil: nobody waits
	tenants map[string]int64
	users   map[user]int64
}

// user is whoever sends a request: a key or a subject of a tenant, or, without a tenant, an address.
type user struct{ tenant, name string }

// New makes a budget of so many bytes; 0 means that there is no limit.
func New(limit int64) *Budget {
	return &Budget{limit: limit, tenants: map[string]int64{}, users: map[user]int64{}}
}

// Usage returns how many bytes are in use, and how many requests were refused so far.
func (b *Budget) Usage() (used, refused int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.refused
}

// Account is what one request holds. It is used by the request's goroutine only.
type Account struct {
	budget *Budget
	user   user
	held   int64
}

// Account opens the account of a request. name is that of a key or user of the tenant, or an address where the tenant is
// empty. Close it when the request has ended.
func (b *Budget) Account(tenant, name string) *Account {
	return &Account{budget: b, user: user{tenant, name}}
}

// Grow takes n bytes more. It returns [ErrFull], and takes nothing, where they are not there.
func (a *Account) Grow(n int64) error {
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full(a.user, n) {
		b.refused++
		return ErrFull
	}
	a.take(n)
	return nil
}

// Wait takes n bytes more, or the share of one user if that is less, and waits until they are there. It returns how many
// it has taken, and [ErrFull] where the context ends before.
func (a *Account) Wait(ctx context.Context, n int64) (taken int64, err error) {
	b := a.budget
	if b.limit > 0 {
		n = min(n, b.limit/userShare)
	}
	for {
		freed, ok := a.tryTake(n)
		if ok {
			return n, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			b.mu.Lock()
			b.refused++
			b.mu.Unlock()
			return 0, ErrFull
		}
	}
}

// tryTake takes n bytes, or returns what is closed when some are given back.
func (a *Account) tryTake(n int64) (freed <-chan struct{}, ok bool) {
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.full(a.user, n) {
		a.take(n)
		return nil, true
	}
	if b.freed == nil {
		b.freed = make(chan struct{})
	}
	return b.freed, false
}

// Admit returns [ErrFull] where no byte more is there: for work whose answer must not be refused once it is done.
func (a *Account) Admit() error {
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full(a.user, 1) {
		b.refused++
		return ErrFull
	}
	return nil
}

// Force takes n bytes more, also where they are not there: for what is in memory already. A negative n gives bytes back.
func (a *Account) Force(n int64) {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	a.take(n)
}

// Close gives everything back.
func (a *Account) Close() { a.Force(-a.held) }

// take moves n bytes into the account, with the budget locked.
func (a *Account) take(n int64) {
	b := a.budget
	a.held += n
	b.used += n
	if b.tenants[a.user.tenant] += n; b.tenants[a.user.tenant] == 0 {
		delete(b.tenants, a.user.tenant)
	}
	if b.users[a.user] += n; b.users[a.user] == 0 {
		delete(b.users, a.user)
	}
	if n < 0 && b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

func (b *Budget) full(u user, n int64) bool {
	return b.limit > 0 &&
		(b.used+n > b.limit || b.tenants[u.tenant]+n > b.limit/tenantShare || b.users[u]+n > b.limit/userShare)
}
