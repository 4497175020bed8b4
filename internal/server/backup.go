package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/apier/apier/internal/store/sqlite"
)

// Backup copies a data directory, also while a server runs on it, into a new one that a server can be started on.
// progress is that of sqlite.Backup.
func Backup(ctx context.Context, data, to string, progress func(written, total int64)) (err error) {
	database, err := FindDatabase(data)
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; name a directory that does not exist yet", to)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil { // a part must not be taken for the whole, and the next try finds an empty directory
			for _, path := range []string{DatabasePath(to), sqlite.MarkPath(DatabasePath(to)), filepath.Join(to, secretFile), filepath.Join(to, keyFile)} {
				_ = os.Remove(path)
			}
		}
	}()
	if err := sqlite.Backup(ctx, database, DatabasePath(to), progress); err != nil {
		return err
	}
	for _, name := range []string{secretFile, keyFile} {
		text, err := os.ReadFile(filepath.Join(data, name))
		if errors.Is(err, fs.ErrNotExist) { // --jwt-secret, --api-key
			continue
		}
		if err != nil {
			return err
		}
		if err := writePrivate(filepath.Join(to, name), strings.TrimSpace(string(text))); err != nil {
			return err
		}
	}
	return nil
}

// Check examines the database of a data directory; a server may run on it.
func Check(ctx context.Context, data string) ([]sqlite.Finding, error) {
	if _, err := os.Stat(sqlite.MarkPath(DatabasePath(data))); err != nil { // else the mark tells that it is missing
		if _, err := FindDatabase(data); err != nil {
			return nil, err
		}
	}
	return sqlite.Check(ctx, DatabasePath(data))
}
