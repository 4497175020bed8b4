package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// Follow implements store.Inbox.
func (s *Store) Follow(ctx context.Context, tenant apier.TenantID, after apier.Seq, limit int) (store.FollowPage, error) {
	page := store.FollowPage{Next: after}
	limit = min(max(limit, 1), maxPage)
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		t, err := readTenant(conn, tenant)
		if err != nil {
			return err
		}
		found, err := readEvents(conn, createdAfter, t.id, int64(after), limit+1)
		if page.HasMore = len(found) > limit; page.HasMore {
			found = found[:limit]
		}
		for _, r := range found {
			page.Events, page.Next = append(page.Events, r.event), r.createdSeq
		}
		return err
	})
	return page, wrap("follow events", err)
}

func readEvents(conn *sqlite.Conn, query string, args ...any) (found []row, err error) {
	err = sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		found = append(found, scanEvent(stmt))
		return nil
	}})
	return found, err
}
