package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrLocked says that another server has the database open.
var ErrLocked = errors.New("another server has the database open")

// databaseLock keeps a second server off the database file itself: a lock file beside it can be removed, or be another
// one by another path. Its descriptor stays open as long as SQLite's: closing any of them earlier would let go of
// SQLite's own locks.
type databaseLock struct{ file *os.File }

// lockDatabase takes the lock, if there is a database; nil where there is none yet.
func lockDatabase(path string) (*databaseLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is nothing to lock
	}
	if err != nil {
		return nil, err
	}
	if err := lockFile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrLocked, path), file.Close())
	}
	return &databaseLock{file}, nil
}

func (l *databaseLock) release() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
