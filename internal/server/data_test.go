package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/apier/apier/internal/store/sqlite"
)

// A database without a table is as good as none: before its first checkpoint all that it holds is in its log. Where log
// and mark are gone, the files of an older server beside it tell that there was more.
func TestNothingBeginsAnewBesideFilesOfAnOlderServer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files   map[string]int // bytes
		refused bool
	}{
		"an empty directory":                  {map[string]int{}, false},
		"no database":                         {map[string]int{secretFile: 64}, true},
		"an empty database":                   {map[string]int{"apier.db": 0, keyFile: 39}, true},
		"one page, no log":                    {map[string]int{"apier.db": 4096, keyFile: 39}, true},
		"one page, an empty log":              {map[string]int{"apier.db": 4096, "apier.db-wal": 0, secretFile: 64}, true},
		"one page, all in the log":            {map[string]int{"apier.db": 4096, "apier.db-wal": 8272, keyFile: 39}, false},
		"one page, no log, but a mark":        {map[string]int{"apier.db": 4096, "apier.db-mark": 256, keyFile: 39}, false}, // the store refuses
		"a database":                          {map[string]int{"apier.db": 40960, keyFile: 39}, false},
		"one page, and nothing of another's":  {map[string]int{"apier.db": 4096}, false},
		"a lock of a start that came no more": {map[string]int{lockFile: 0}, false},
	} {
		data := t.TempDir()
		for file, size := range tc.files {
			if err := os.WriteFile(filepath.Join(data, file), make([]byte, size), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var lost *sqlite.LostError
		if err := checkDatabase(data, "", slog.New(slog.DiscardHandler)); errors.As(err, &lost) != tc.refused {
			t.Errorf("%s: %v, refused should be %v", name, err, tc.refused)
		}
		if err := checkDatabase(data, acceptNew, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%s, accepted: %v", name, err)
		}
	}
}
