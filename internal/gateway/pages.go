package gateway

import (
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/hub"
)

const (
	// pageAlign is where pages of the store end: at a multiple of it, so that readers who fell off the log at
	// different places soon ask for the same pages.
	pageAlign = 64
	// pageLife is how long a page is shared. What it does not know yet has a later seq, and comes on a later page.
	pageLife = time.Second
	// pagesKept bounds the pages in memory; one is some 50 KB, as it holds no events but what was made of them.
	pagesKept = 128
)

// storePage is one page of the store. wire is what it is for one set of subscriptions, shared by all who have it. One
// that is shared has no Changes: their payloads may be large, and no frame holds such a one.
type storePage struct {
	ChangePage
	count  int // of Changes
	wire   []byte
	frames int
	readAt time.Time
}

type pageKey struct {
	log     uint64
	after   apier.Seq
	subs    string
	v1      bool
	deflate *deflater // nil: not compressed
}

// pageCache shares pages among connections that catch up together: when a burst is longer than the log, nearly all
// of them do, and without it each would have the store read and encoded for itself.
type pageCache struct {
	mu    sync.Mutex
	pages map[pageKey]storePage
}

func (p *pageCache) get(key pageKey, now time.Time) (storePage, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	page, ok := p.pages[key]
	return page, ok && now.Sub(page.readAt) < pageLife
}

func (p *pageCache) put(key pageKey, page storePage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pages) >= pagesKept || p.pages == nil {
		p.pages = make(map[pageKey]storePage, pagesKept)
	}
	page.Changes = nil
	p.pages[key] = page
}

// pageKey is what the next page of the store depends on. Called with mu held.
func (c *conn) pageKey() pageKey {
	return pageKey{c.log.ID(), c.cursor.Seq, c.subs.Key(), c.v1, c.deflate}
}

// page gives what comes after a place, from the store or from somebody who has just read it. Only a few connections
// read at a time: however many have fallen behind, the store stays free for everybody else. own asks for the Changes too.
func (g *Gateway) page(tenant apier.TenantID, key pageKey, subs *hub.Subscriptions, own bool) (storePage, error) {
	if page, ok := g.pages.get(key, time.Now()); ok && !own {
		return page, nil
	}
	if err := g.beginRead(); err != nil {
		return storePage{}, err
	}
	defer g.endRead()
	if page, ok := g.pages.get(key, time.Now()); ok && !own { // read while this one waited
		return page, nil
	}
	read, err := g.history.Changes(g.ctx, tenant, key.after, g.opt.CatchUpPage, subs.Deliveries())
	if err != nil {
		return storePage{}, err
	}
	page := storePage{ChangePage: align(read), readAt: time.Now()}
	page.count = len(page.Changes)
	page.wire, page.frames = encodeBatch(hub.Batch{Changes: page.Changes}, subs, key.v1, key.deflate, g.now())
	if page.More {
		g.pages.put(key, page)
	}
	return page, nil
}

// align ends a page that others follow at the last multiple of pageAlign in it, if there is one.
func align(page ChangePage) ChangePage {
	if !page.More || len(page.Changes) == 0 {
		return page
	}
	last := page.Changes[len(page.Changes)-1].Seq
	end := last - last%pageAlign
	n := len(page.Changes)
	for n > 0 && page.Changes[n-1].Seq > end {
		n--
	}
	if n > 0 {
		page.Changes, page.Seq = page.Changes[:n], end
	}
	return page
}
