package auth

import (
	"context"
	"sync"
	"time"

	"github.com/apier/apier"
)

// TicketTTL is how long a ticket waits for its connection.
const TicketTTL = 30 * time.Second

const (
	maxTickets        = 10_000 // in all
	maxTicketsPerUser = 1000   // a backend fetches them for all its pages by one key
)

// tickets are credentials for one connection each: what stands in an address may reach a log, so it is worth
// nothing once it was used or half a minute has passed.
type tickets struct {
	mu    sync.Mutex
	live  map[[32]byte]ticket
	users map[owner]int
}

type ticket struct {
	id      Identity
	expires time.Time
}

type owner struct {
	tenant  apier.TenantID
	subject string
}

func newTickets() *tickets { return &tickets{live: map[[32]byte]ticket{}, users: map[owner]int{}} }

// IssueTicket makes a ticket for an identity: good once, for TicketTTL.
func (a *Authenticator) IssueTicket(id Identity) (text string, err error) {
	text = randomText(20)
	return text, a.tickets.put(text, id, a.opt.Now())
}

// Ticket takes a ticket and gives the identity it was made for, as far as that one is still in force.
func (a *Authenticator) Ticket(ctx context.Context, text string) (Identity, error) {
	now := a.opt.Now()
	t, ok := a.tickets.take(text)
	if !ok || !now.Before(t.expires) {
		return Identity{}, apier.Errorf(apier.CodeUnauthorized, "The ticket is unknown, used or older than %v. Get one from POST /api/ws-tickets for each connection.", TicketTTL)
	}
	if !t.id.ExpiresAt.IsZero() && !now.Before(t.id.ExpiresAt) {
		return Identity{}, apier.Errorf(apier.CodeUnauthorized, "The token behind the ticket has expired.")
	}
	return t.id, a.CheckKey(ctx, t.id)
}

func (s *tickets) put(text string, id Identity, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := owner{id.Tenant, id.Subject}
	if s.users[of] >= maxTicketsPerUser || len(s.live) >= maxTickets {
		s.forget(now)
	}
	switch {
	case s.users[of] >= maxTicketsPerUser:
		return apier.Errorf(apier.CodeRateLimited, "This user has %d tickets that wait for a connection. Use one, or wait until they end.", maxTicketsPerUser)
	case len(s.live) >= maxTickets:
		return apier.Errorf(apier.CodeUnavailable, "%d tickets wait for a connection. Try again in a moment.", maxTickets)
	}
	s.live[HashKey(text)] = ticket{id, now.Add(TicketTTL)}
	s.users[of]++
	return nil
}

func (s *tickets) take(text string) (ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := HashKey(text)
	t, ok := s.live[hash]
	if ok {
		s.drop(hash, t)
	}
	return t, ok
}

// forget drops what has ended.
func (s *tickets) forget(now time.Time) {
	for hash, t := range s.live {
		if !now.Before(t.expires) {
			s.drop(hash, t)
		}
	}
}

func (s *tickets) drop(hash [32]byte, t ticket) {
	of := owner{t.id.Tenant, t.id.Subject}
	delete(s.live, hash)
	if s.users[of]--; s.users[of] == 0 {
		delete(s.users, of)
	}
}
