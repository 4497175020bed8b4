package gateway

import (
	"strings"
	"sync"

	"github.com/apier/apier"
)

const maxNames = 1024

// names keeps one copy of each User-Agent, since browsers of one kind share it. The standard library's unique would do
// it too, but its lookups wait for the end of a collection's marking, which on an idle server takes seconds: a
// connection must not wait for the garbage collector.
type names struct {
	mu    sync.Mutex
	known map[string]*string
}

// of gives the kept copy, cut to what is shown.
func (n *names) of(userAgent string) *string {
	if len(userAgent) > apier.MaxClientName {
		userAgent = userAgent[:apier.MaxClientName]
	}
	userAgent = strings.ToValidUTF8(userAgent, "\uFFFD")
	n.mu.Lock()
	defer n.mu.Unlock()
	if kept := n.known[userAgent]; kept != nil {
		return kept
	}
	if len(n.known) >= maxNames || n.known == nil { // forget all rather than grow
		n.known = make(map[string]*string)
	}
	kept := strings.Clone(userAgent) // not a part of the request
	n.known[kept] = &kept
	return &kept
}
