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
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/fair"
	"github.com/apier/apier/internal/store"
)

const (
	busyTimeout = 5 * time.Second // how long to wait for another process's transaction
	readers     = 8               // connections for reading what tenants ask for
	ownReaders  = 2               // besides, for what the server asks for
	day         = 24 * time.Hour
)

// Store implements store.Store.
type Store struct {
	options store.Options
	files   []openFile
	pool    *sqlitex.Pool
	slots   *fair.Slots[apier.TenantID] // of readers
	queue   *turns
	stopped chan struct{} // the writer has ended; closeErr is set
	routes  routeTable
	groups  tenantLocks
	heavy   heavy
	looks   sync.Map // groupName → *look: what it was found to want, ahead of its place

	lock       *databaseLock         // nil: not a server's
	watch      *clockWatch           // the writer's
	address    string                // by which connections open the database
	writeFault atomic.Pointer[error] // of the latest commit that could not be stored
	epoch      string
	ids        idCipher
	run        atomic.Pointer[string] // the present one; nil: none began here
	mark       *markFile              // the writer's; nil where it cannot be written
	commits    int64                  // the writer's: the number of the latest commit

	closing    chan struct{}  // closed when Close begins
	background sync.WaitGroup // what reads meanwhile

	mu       sync.RWMutex // guards closed
	closed   bool
	closeErr error
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the database at path and brings its schema up to date. Close ends it. Where commits are lost
// that its mark knows of, it changes nothing and returns a *LostError.
func Open(ctx context.Context, path string, options store.Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{options: withDefaults(options), stopped: make(chan struct{}), closing: make(chan struct{})}
	s.heavy = newHeavy()
	s.slots = fair.NewSlots[apier.TenantID](readers, true)
	s.queue = newTurns(s.options.WriteQueue, s.options.WriteQueuePerTenant)
	conn, err := s.open(ctx, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, errDamaged(err)), s.release(conn))
	}
	go newWriter(s, conn).run()
	return s, nil
}

// open locks, examines and opens the database. What it took stands in s, and the writer's connection in its answer.
func (s *Store) open(ctx context.Context, path string) (conn *sqlite.Conn, err error) {
	if err := s.takeLock(path); err != nil {
		return nil, err
	}
	found, err := examine(ctx, path, s.options.AcceptLoss)
	if err != nil {
		return nil, err
	}
	if conn, err = s.openWriter(ctx, path); err != nil {
		return nil, err
	}
	if err := s.takeLock(path); err != nil { // of one that was made just now
		return conn, err
	}
	return conn, s.begin(ctx, conn, path, found)
}

// takeLock locks the database for a server, once there is one.
func (s *Store) takeLock(path string) (err error) {
	if s.options.Exclusive && s.lock == nil {
		s.lock, err = lockDatabase(path)
	}
	return err
}

// begin takes up what the open database says.
func (s *Store) begin(ctx context.Context, conn *sqlite.Conn, path string, found examination) (err error) {
	if s.files, err = filesOf(path); err != nil {
		return err
	}
	if s.epoch, s.commits, err = beginCommits(conn, found); err != nil {
		return err
	}
	if s.ids, err = readIDs(conn); err != nil {
		return err
	}
	if s.watch, err = newClockWatch(s, conn); err != nil {
		return err
	}
	s.warn(found, path)
	s.checkAfterKill(ctx, path, found)
	if err := s.openMark(path, found); err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	s.pool, err = sqlitex.NewPool(s.address, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadWrite | sqlite.OpenURI, PoolSize: readers + ownReaders, PrepareConn: prepareReader,
	})
	if err != nil {
		return err
	}
	if err := s.routes.load(conn); err != nil {
		return fmt.Errorf("read endpoints: %w", err)
	}
	return nil
}

// release closes what a failed open took.
func (s *Store) release(conn *sqlite.Conn) (err error) {
	if conn != nil {
		err = conn.Close()
	}
	if s.pool != nil {
		err = errors.Join(err, s.pool.Close())
	}
	return errors.Join(err, s.mark.close(), s.lock.release())
}

func withDefaults(o store.Options) store.Options {
	if o.Announce == nil {
		o.Announce = func([]apier.Commit) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Elapsed == nil {
		begun := time.Now()
		o.Elapsed = func() time.Duration { return time.Since(begun) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
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
	if o.MaxOperations <= 0 {
		o.MaxOperations = 4
	}
	if o.InboxOpen <= 0 {
		o.InboxOpen = 10_000
	}
	if o.ReadTimeout <= 0 {
		o.ReadTimeout = 10 * time.Second
	}
	return o
}

// openWriter opens the connection that writes. On a full disk it opens the database in a way that needs no room, so that
// reads go on; writes fail until there is some.
func (s *Store) openWriter(ctx context.Context, path string) (*sqlite.Conn, error) {
	s.address = path
	conn, err := connectWriter(ctx, path, s.address)
	if err != nil && isNoRoom(err) {
		first := err
		s.address = withoutRoom(path)
		if conn, err = connectWriter(ctx, path, s.address); err != nil {
			return nil, errors.Join(first, err)
		}
		s.options.Log.Warn("store: the disk is full, or cannot be written: reads work, writes are refused until there is room. Tools such as apier keys cannot open the database until the next start",
			"database", path, "cause", first)
	}
	return conn, err
}

func connectWriter(ctx context.Context, path, address string) (*sqlite.Conn, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite alone would let others read it
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	conn, err := sqlite.OpenConn(address, sqlite.OpenReadWrite|sqlite.OpenURI)
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
	if err := registerFunctions(conn); err != nil {
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
		close(s.closing)
		s.queue.close()
	}
	s.mu.Unlock()
	<-s.stopped
	s.background.Wait()
	if !first {
		return nil
	}
	if err := errors.Join(s.closeErr, s.pool.Close(), s.endMark(), s.lock.release()); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
