package gateway

import (
	"sync"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

// limits counts connections: in all, per user and per address.
type limits struct {
	max, perUser, perIP int

	mu    sync.Mutex
	total int
	users map[user]int
	ips   map[string]int
}

type user struct {
	tenant  apier.TenantID
	subject string
}

func holderOf(id auth.Identity) user { return user{id.Tenant, id.Subject} }

func newLimits(o Options) *limits {
	return &limits{
		max: o.MaxConnections, perUser: o.MaxConnectionsPerUser, perIP: o.MaxConnectionsPerIP,
		users: map[user]int{}, ips: map[string]int{},
	}
}

// acquire takes one place, or says which limit is reached. Each nil answer needs a release.
func (l *limits) acquire(u user, ip string) *apier.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.max > 0 && l.total >= l.max:
		return apier.Errorf(apier.CodeUnavailable, "The server has its %d connections (--max-connections). Try again later.", l.max)
	case l.perUser > 0 && l.users[u] >= l.perUser:
		return apier.Errorf(apier.CodeTooManyConnections, "This user has %d connections open already (--max-connections-per-user).", l.perUser)
	case l.perIP > 0 && l.ips[ip] >= l.perIP:
		return apier.Errorf(apier.CodeTooManyConnections, "This address has %d connections open already (--max-connections-per-ip).", l.perIP)
	}
	l.total++
	l.users[u]++
	l.ips[ip]++
	return nil
}

func (l *limits) release(u user, ip string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.users[u]--; l.users[u] == 0 {
		delete(l.users, u)
	}
	if l.ips[ip]--; l.ips[ip] == 0 {
		delete(l.ips, ip)
	}
}
