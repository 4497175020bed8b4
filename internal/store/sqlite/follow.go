package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Follow implements store.Inbox.
func (s *Store) Follow(ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int) (store.FollowPage, error) {
	page := store.FollowPage{Next: after}
	limit = min(max(limit, 1), maxPage)
	err := s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		place, err := placeOfSeq(conn, &t, eventsFrom, after)
		if err != nil {
			return err
		}
		found, cut, err := sliceOfEvents(conn, maxLeaseBytes, createdAfter, t.id, place, limit+1)
		page.HasMore = cut || len(found) > limit
		found = found[:min(len(found), limit)]
		for _, r := range found {
			page.Events, page.Next = append(page.Events, r.event), r.bornSeq
		}
		return err
	})
	for i := range page.Events {
		s.checkDepth(&page.Events[i])
	}
	return page, wrap("follow events", err)
}
