package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier/internal/store"
)

// leastRoom is how many bytes must be free on the disk for an event to be stored. What is probed below needs less: it
// may fit into pages of the log that are used again.
const leastRoom = 384 << 10

// enoughRoom is how many bytes must be free on the disk before a write that failed is forgotten.
const enoughRoom = 1 << 20

// withoutRoom is a way to open a database where no file can grow: the index of the write-ahead log, which every reader
// needs, is kept in memory and not in a file. No other process can open the database meanwhile.
func withoutRoom(path string) string { return "file:" + escapeURI(path) + "?vfs=unix-excl" }

// escapeURI keeps SQLite from reading a path as more than one.
func escapeURI(path string) string {
	escaped := make([]byte, 0, len(path))
	for i := range len(path) {
		switch c := path[i]; c {
		case '?', '#', '%':
			escaped = append(escaped, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		default:
			escaped = append(escaped, c)
		}
	}
	return string(escaped)
}

// isNoRoom reports whether an error may be that of a full disk, or of one that is read-only.
func isNoRoom(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() { //nolint:exhaustive // all others are of another kind
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultCantOpen, sqlite.ResultReadOnly:
		return true
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// room returns how many bytes are free on the disk of a path.
func room(path string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:unconvert // of other types elsewhere
}

// noteWrite remembers whether the latest commit could be stored.
func (s *Store) noteWrite(err error) {
	switch {
	case err == nil:
		s.writeFault.Store(nil)
	case isNoRoom(err):
		s.writeFault.Store(&err)
	}
}

// Ping implements store.Store. Where a write has failed, or the disk has no room, it tries one.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.Epoch(ctx); err != nil {
		return wrap("ping", err)
	}
	failed := s.writeFault.Load()
	free, err := room(s.files[0].path)
	full := err == nil && free < enoughRoom
	switch {
	case failed != nil && full:
		return &store.WritesFailError{Cause: *failed}
	case err == nil && free < leastRoom:
		return &store.WritesFailError{Cause: syscall.ENOSPC}
	}
	probe := failed != nil || full
	err = s.submit(ctx, "", 0, func(b *batch) error {
		if !probe {
			return nil
		}
		return exec(b.conn, "UPDATE meta SET trusted = trusted")
	})
	if failed := s.writeFault.Load(); err != nil && failed != nil {
		return &store.WritesFailError{Cause: *failed}
	}
	return wrap("ping the writer", err)
}
