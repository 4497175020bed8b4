package storetest

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apier/apier"
)

// Old is a data directory that an older program wrote, and what it held.
type Old struct {
	Dir     string // a copy of one's own: apier.db, secret, api-key
	Keys    map[string]string
	Events  []OldEvent // in the order of their creation, those that are still there
	Batch   []apier.EventID
	Deleted []apier.EventID
	Erased  []apier.EventID
	// Leased are open in the group billing of acme, GivenBack were given back to it.
	Leased    []apier.EventID
	GivenBack []apier.EventID `json:"given_back"`
	Endpoints map[string]OldEndpoint
	WrittenAt apier.Timestamp            `json:"-"`
	Answers   map[string]json.RawMessage `json:"-"` // to requests, by name, as fill.py recorded them
}

// OldEvent is an event as it was sent. Payload is its very text, and {} once erased.
type OldEvent struct {
	Tenant  apier.TenantID
	ID      apier.EventID
	Type    string
	Payload string
}

// OldEndpoint is an endpoint of the old directory.
type OldEndpoint struct {
	Tenant apier.TenantID
	ID     apier.EndpointID
	Secret string
}

// Now is a clock that goes on where the old program stopped, so that nothing has outlived its retention.
func (o Old) Now() func() time.Time {
	begun := time.Now()
	return func() time.Time { return o.WrittenAt.Time().Add(time.Since(begun)) }
}

// OldData unpacks the directory that the program of dd57122 left behind; see the README beside it. It works from the
// tests of every package.
func OldData(tb testing.TB) Old {
	tb.Helper()
	o := Old{Dir: tb.TempDir()}
	if err := unpack(filepath.Join(moduleRoot(tb), "internal/store/sqlite/testdata/dd57122/data.tar.gz"), o.Dir); err != nil {
		tb.Fatalf("unpack the data of dd57122: %v", err)
	}
	path := filepath.Join(o.Dir, "expected.json")
	raw, err := os.ReadFile(path)
	if err == nil {
		err = errors.Join(json.Unmarshal(raw, &o), json.Unmarshal(raw, &o.Answers), os.Remove(path))
	}
	var at int64
	if err = errors.Join(err, json.Unmarshal(o.Answers["written_at"], &at)); err != nil {
		tb.Fatalf("read what the data of dd57122 holds: %v", err)
	}
	o.WrittenAt = apier.Timestamp(at)
	return o
}

// moduleRoot returns the directory of go.mod: tests run in the directory of their package.
func moduleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no go.mod above the directory of the test")
		}
		dir = filepath.Dir(dir)
	}
	tb.Fatal(err)
	return ""
}

func unpack(archive, into string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		raw, err := io.ReadAll(files)
		if err == nil {
			err = os.WriteFile(filepath.Join(into, filepath.Base(header.Name)), raw, fs.FileMode(0o600))
		}
		if err != nil {
			return err
		}
	}
}
