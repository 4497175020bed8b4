package gateway

import (
	"sync"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/clientaddr"
)

// limits counts connections: in all, per user, per address, and those that wait to say whose they are.
type limits struct {
	max, perUser, perIP, unnamed, unnamedPerIP int

	ipv6Bits int // see [clientaddr.LimitKey]

	mu     sync.Mutex
	total  int
	waits  int
	users  map[user]int
	ips    map[string]int // by what an address counts as
	unsaid map[string]int // those that wait, likewise
}

type user struct {
	tenant  apier.TenantID
	subject string
}

func holderOf(id auth.Identity) user { return user{id.Tenant, id.Subject} }

func newLimits(o Options) *limits {
	return &limits{
		max: o.MaxConnections, perUser: o.MaxConnectionsPerUser, perIP: o.MaxConnectionsPerIP,
		unnamed: o.MaxUnauthenticated, unnamedPerIP: o.MaxUnauthenticatedIP, ipv6Bits: o.IPv6Bits,
		users: map[user]int{}, ips: map[string]int{}, unsaid: map[string]int{},
	}
}

// acquire takes one place, or says which limit is reached. Each nil answer needs a release.
func (l *limits) acquire(u user, addr string) *apier.Error {
	ip := clientaddr.LimitKey(addr, l.ipv6Bits)
	l.mu.Lock()
	defer l.mu.Unlock()
	if full := l.enter(ip); full != nil {
		return full
	}
	return l.take(u, ip)
}

func (l *limits) release(u user, addr string) {
	ip := clientaddr.LimitKey(addr, l.ipv6Bits)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users[u]--; l.users[u] == 0 {
		delete(l.users, u)
	}
	l.leave(ip)
}

// wait takes one place for a connection that has not said yet whose it is. Each nil answer needs a name or a forget.
func (l *limits) wait(addr string) *apier.Error {
	ip := clientaddr.LimitKey(addr, l.ipv6Bits)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.unnamed > 0 && l.waits >= l.unnamed:
		return apier.Errorf(apier.CodeUnavailable, "%d connections have not sent their credential yet (--max-unauthenticated). Try again later.", l.unnamed)
	case l.unnamedPerIP > 0 && l.unsaid[ip] >= l.unnamedPerIP:
		return apier.Errorf(apier.CodeTooManyConnections, "%d connections of this address have not sent their credential yet (--max-unauthenticated-per-ip).", l.unnamedPerIP)
	}
	full := l.enter(ip)
	if full == nil {
		l.waits++
		l.unsaid[ip]++
	}
	return full
}

// name gives a waiting connection's place to its user, or gives it up where the user has no place left.
func (l *limits) name(u user, addr string) *apier.Error {
	ip := clientaddr.LimitKey(addr, l.ipv6Bits)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said(ip)
	return l.take(u, ip)
}

// said ends the wait of one connection of an address.
func (l *limits) said(ip string) {
	l.waits--
	if l.unsaid[ip]--; l.unsaid[ip] == 0 {
		delete(l.unsaid, ip)
	}
}

// forget gives a waiting connection's place up.
func (l *limits) forget(addr string) {
	ip := clientaddr.LimitKey(addr, l.ipv6Bits)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said(ip)
	l.leave(ip)
}

func (l *limits) enter(ip string) *apier.Error {
	switch {
	case l.max > 0 && l.total >= l.max:
		return apier.Errorf(apier.CodeUnavailable, "The server has its %d connections (--max-connections). Try again later.", l.max)
	case l.perIP > 0 && l.ips[ip] >= l.perIP:
		return apier.Errorf(apier.CodeTooManyConnections, "This address has %d connections open already (--max-connections-per-ip).", l.perIP)
	}
	l.total++
	l.ips[ip]++
	return nil
}

func (l *limits) take(u user, ip string) *apier.Error {
	if l.perUser > 0 && l.users[u] >= l.perUser {
		l.leave(ip)
		return apier.Errorf(apier.CodeTooManyConnections, "This user has %d connections open already (--max-connections-per-user).", l.perUser)
	}
	l.users[u]++
	return nil
}

func (l *limits) leave(ip string) {
	l.total--
	if l.ips[ip]--; l.ips[ip] == 0 {
		delete(l.ips, ip)
	}
}
