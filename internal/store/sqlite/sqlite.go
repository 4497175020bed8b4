// Package sqlite keeps the store in one SQLite file, without cgo.
//
// One goroutine writes: it commits whatever is queued in one transaction (group commit) with
// synchronous=FULL, then announces it, then answers the callers. Readers have connections of their own
// and see a snapshot each. A second process may open the same file, such as the CLI beside the server.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	busyTimeout = 5 * time.Second // how long to wait for another process's transaction
	readers     = 8               // connections for reading
	day         = 24 * time.Hour
)

// Store implements store.Store.
type Store struct {
	options store.Options
	files   []openFile
	pool    *sqlitex.Pool
	queue   *turns
	stopped chan struct{} // the writer has ended; closeErr is set
	routes  routeTable

	mu       sync.RWMutex // guards closed
	closed   bool
	closeErr error
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the database at path and brings its schema up to date. Close ends it.
func Open(ctx context.Context, path string, options store.Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	conn, err := openWriter(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errDamaged(err))
	}
	files, err := filesOf(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), conn.Close())
	}
	pool, err := sqlitex.NewPool(path, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadWrite, PoolSize: readers, PrepareConn: prepareReader,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), conn.Close())
	}
	options = withDefaults(options)
	s := &Store{
		options: options,
		files:   files,
		pool:    pool,
		queue:   newTurns(options.WriteQueue, options.WriteQueuePerTenant),
		stopped: make(chan struct{}),
	}
	if err := s.routes.load(conn); err != nil {
		return nil, errors.Join(fmt.Errorf("read endpoints: %w", err), conn.Close(), pool.Close())
	}
	go newWriter(s, conn).run()
	return s, nil
}

func withDefaults(o store.Options) store.Options {
	if o.Announce == nil {
		o.Announce = func([]apier.Change) {}
	}
	if o.Due == nil {
		o.Due = func(apier.TenantID, apier.EndpointID, apier.Timestamp) {}
	}
	if o.Room == nil {
		o.Room = func(apier.TenantID) {}
	}
	if o.Left == nil {
		o.Left = func(apier.TenantID) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.WriteQueue <= 0 {
		o.WriteQueue = 4096
	}
	if o.TombstoneRetention <= 0 {
		o.TombstoneRetention = 7 * day
	}
	if o.IdempotencyRetention <= 0 {
		o.IdempotencyRetention = 7 * day
	}
	if o.WebhookLog <= 0 {
		o.WebhookLog = 10_000
	}
	if o.MaxEndpoints <= 0 {
		o.MaxEndpoints = 1000
	}
	if o.InboxOpen <= 0 {
		o.InboxOpen = 10_000
	}
	return o
}

func openWriter(ctx context.Context, path string) (*sqlite.Conn, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite alone would let others read it
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	conn.SetInterrupt(ctx.Done())
	err = prepareWriter(conn)
	conn.SetInterrupt(nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func prepareWriter(conn *sqlite.Conn) error {
	if err := pragmas(conn,
		"journal_mode = WAL",
		"synchronous = FULL", // an acknowledged write survives power loss
		"foreign_keys = ON",
		"wal_autocheckpoint = 4000",     // pages: 16 MB
		"journal_size_limit = 67108864", // bytes: a WAL that a long read let grow is cut again
		"cache_size = -32768",           // KiB
		"mmap_size = 0",
		"temp_store = MEMORY",
		"secure_delete = ON", // what is erased is overwritten, and leaves no copy where a row once stood
	); err != nil {
		return err
	}
	return migrate(conn)
}

func prepareReader(conn *sqlite.Conn) error {
	conn.SetBusyTimeout(busyTimeout)
	if err := registerEventID(conn); err != nil {
		return err
	}
	return pragmas(conn, "query_only = ON", "cache_size = -4096", "mmap_size = 0", "temp_store = MEMORY")
}

func pragmas(conn *sqlite.Conn, settings ...string) error {
	for _, setting := range settings {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+setting, nil); err != nil {
			return fmt.Errorf("set %s: %w", setting, err)
		}
	}
	return nil
}

// Close lets the writer finish what was accepted, then closes all connections.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	if first {
		s.closed = true
		s.queue.close()
	}
	s.mu.Unlock()
	<-s.stopped
	if !first {
		return nil
	}
	if err := errors.Join(s.closeErr, s.pool.Close()); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
