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
	if _, err := os.Stat(DatabasePath(data)); err != nil {
		return fmt.Errorf("%s holds no database; name the server's directory with --data", data)
	}
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty; name a directory that does not exist yet", to)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil { // a part must not be taken for the whole, and the next try finds an empty directory
			for _, name := range []string{filepath.Base(DatabasePath(to)), secretFile, keyFile} {
				_ = os.Remove(filepath.Join(to, name))
			}
		}
	}()
	if err := sqlite.Backup(ctx, DatabasePath(data), DatabasePath(to), progress); err != nil {
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
