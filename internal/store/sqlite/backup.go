package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// Backup copies the database at from, as it is at one moment, into a new file; a server may run on it meanwhile. What
// was deleted or erased is not in the copy. progress, where there is one, is told now and then how many bytes of
// about how many are written.
func Backup(ctx context.Context, from, to string, progress func(written, total int64)) (err error) {
	conn, err := sqlite.OpenConn(from, sqlite.OpenReadWrite) // not read-only: it may have to recover the log
	if err != nil {
		return fmt.Errorf("open database %s: %w", from, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetBusyTimeout(busyTimeout)
	conn.SetInterrupt(ctx.Done())
	total, _, err := measure(conn)
	if err != nil {
		return fmt.Errorf("open database %s: %w", from, err)
	}
	part := to + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	watched := watchSize(file, total, progress)
	err = sqlitex.ExecuteTransient(conn, "VACUUM INTO ?", &sqlitex.ExecOptions{Args: []any{part}})
	watched()
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = markCopy(ctx, part, to)
	}
	if err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		_ = os.Remove(part)
		return fmt.Errorf("copy the database to %s: %w", to, err)
	}
	return nil
}

// markCopy gives a copy a mark of its own, which says that it is one.
func markCopy(ctx context.Context, part, to string) error {
	var x examination
	if err := x.readHead(ctx, part); err != nil || x.oldSchema {
		return err
	}
	m, err := createMark(to, markRecord{epoch: x.epoch, commits: x.commits, state: markBackup, at: apier.TimestampOf(time.Now())})
	if err != nil {
		return err
	}
	return m.close()
}

// watchSize tells of a file that grows, until the function that it gives is called.
func watchSize(file *os.File, total int64, progress func(written, total int64)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				if info, err := file.Stat(); err == nil {
					progress(info.Size(), total)
				}
			}
		}
	}()
	return func() { close(done); <-ended }
}
