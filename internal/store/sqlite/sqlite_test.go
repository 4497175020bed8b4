package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		os.Exit(appendUntilKilled(path))
	}
	if path := os.Getenv(consumePath); path != "" {
		os.Exit(consumeUntilKilled(path))
	}
	goleak.VerifyTestMain(m)
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, dir string, o store.Options) storetest.Subject {
		t.Helper()
		return open(t, filepath.Join(dir, "apier.db"), o)
	})
}

// open opens a database that its caller closes.
func open(tb testing.TB, path string, o store.Options) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), path, o)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	return s
}

// openTemp opens a new database that the test's end closes.
func openTemp(tb testing.TB) *Store {
	tb.Helper()
	s := open(tb, filepath.Join(tb.TempDir(), "apier.db"), store.Options{})
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}
