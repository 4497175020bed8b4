package sqlite

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/storetest"
)

// killedWith returns the path of a database of a store that appended events, as kill -9 leaves it: with its log.
func killedWith(t *testing.T, events int) string {
	t.Helper()
	from := filepath.Join(t.TempDir(), "apier.db")
	s := open(t, from, store.Options{})
	defer func() { _ = s.Close() }()
	for range events {
		if _, err := s.Append(t.Context(), "acme", oneEvent(), nil); err != nil {
			t.Fatal(err)
		}
	}
	return copyDatabase(t, from)
}

// copyDatabase copies a database with its log and its mark into a directory of its own.
func copyDatabase(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "apier.db")
	for _, suffix := range []string{"", "-wal", markSuffix} {
		raw, err := os.ReadFile(from + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(to+suffix, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(raw), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(at float64) func([]byte) []byte {
	return func(raw []byte) []byte { raw[int(at*float64(len(raw)))] ^= 1; return raw }
}

// What is lost is refused, and the files stay as they were found. Told so, the store goes on, once.
func TestLostCommitsAreRefused(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string){
		"log flipped": func(t *testing.T, path string) { t.Helper(); edit(t, path+"-wal", flip(0.5)) },
		"log cut": func(t *testing.T, path string) {
			t.Helper()
			edit(t, path+"-wal", func(b []byte) []byte { return b[:len(b)/2] })
		},
		"log removed":   func(t *testing.T, path string) { t.Helper(); remove(t, path+"-wal") },
		"database gone": func(t *testing.T, path string) { t.Helper(); remove(t, path) },
		"database empty": func(t *testing.T, path string) {
			t.Helper()
			edit(t, path, func([]byte) []byte { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := killedWith(t, 20)
			damage(t, path)
			wal, _ := os.ReadFile(path + "-wal")
			_, err := Open(t.Context(), path, store.Options{})
			var lost *LostError
			if !errors.As(err, &lost) || !strings.Contains(err.Error(), "--accept-loss="+lost.Token) {
				t.Fatalf("got %v, want what was lost and the way on", err)
			}
			if after, _ := os.ReadFile(path + "-wal"); !bytes.Equal(wal, after) {
				t.Error("the refusal changed the log")
			}
			if err := open(t, path, store.Options{AcceptLoss: lost.Token}).Close(); err != nil {
				t.Error(err)
			}
			s := open(t, path, store.Options{})
			if _, err := s.Append(t.Context(), "acme", oneEvent(), nil); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// Nothing is lost by a kill, and nothing is said. A lease moves no seq, and its loss is found all the same.
func TestTheMarkFollowsEveryCommit(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	path := killedWith(t, 20)
	s := open(t, path, store.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if log.Len() > 0 {
		t.Errorf("a kill is no loss: %s", &log)
	}
	before, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lease(t.Context(), "acme", store.LeaseRequest{Holder: store.Holder{Group: "g", Subject: "me"}, For: 1e9, Limit: 1}); err != nil {
		t.Fatal(err)
	}
	killed := copyDatabase(t, path)
	_ = s.Close()
	if err := os.WriteFile(killed+"-wal", before, 0o600); err != nil {
		t.Fatal(err)
	}
	var lost *LostError
	if _, err := Open(t.Context(), killed, store.Options{}); !errors.As(err, &lost) {
		t.Errorf("the loss of a lease: %v", err)
	}
}

// A question whether the writer works writes nothing.
func TestAPingIsNoCommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "apier.db")
	s := open(t, path, store.Options{})
	defer func() { _ = s.Close() }()
	before, _, _, _ := readMark(path)
	for range 3 {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after, _, _, _ := readMark(path); after != before {
		t.Errorf("%+v, then %+v", before, after)
	}
}

func TestADamagedMarkIsToldAndMadeAnew(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"removed": os.Remove,
		"one record": func(path string) error {
			return os.WriteFile(path, append(make([]byte, slotSize), mustRead(t, path)[slotSize:]...), 0o600)
		},
		"both records": func(path string) error { return os.WriteFile(path, make([]byte, 2*slotSize), 0o600) },
		"cut":          func(path string) error { return os.Truncate(path, 10) },
		"empty":        func(path string) error { return os.Truncate(path, 0) },
		"with a long tail": func(path string) error {
			return os.WriteFile(path, append(mustRead(t, path), make([]byte, 9999)...), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := killedWith(t, 5)
			if err := damage(MarkPath(path)); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s := open(t, path, store.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(log.String(), "mark") {
				t.Errorf("nothing was said: %q", &log)
			}
			if _, found, damaged, err := readMark(path); !found || damaged || err != nil {
				t.Errorf("it was not made anew: %v %v %v", found, damaged, err)
			}
		})
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Events that an older program wrote get their checksum by and by; those of this one have it at once.
func TestChecksumsAreFilledIn(t *testing.T) {
	t.Parallel()
	_, s := openOld(t)
	if _, err := s.Append(t.Context(), "acme", oneEvent(), nil); err != nil {
		t.Fatal(err)
	}
	count := func() (unknown, bad, all int) {
		inWriter(t, s, func(conn *sqlite.Conn) error {
			_, err := sumEvents(conn, 0, apier.Seq(1<<40), func(e summedEvent) {
				all++
				if !e.known {
					unknown++
				} else if !e.good {
					bad++
				}
			})
			return err
		})
		return unknown, bad, all
	}
	if unknown, bad, all := count(); unknown != all-1 || bad != 0 {
		t.Errorf("at first %d unknown, %d bad of %d", unknown, bad, all)
	}
	if err := s.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if unknown, bad, all := count(); unknown != 0 || bad != 0 {
		t.Errorf("then %d unknown, %d bad of %d", unknown, bad, all)
	}
}

// The mark is written once for each commit: a kilobyte in place, and no fsync.
func BenchmarkMark(b *testing.B) {
	m, err := createMark(filepath.Join(b.TempDir(), "apier.db"), markRecord{epoch: "0123456789ab", state: markRunning})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.close() }()
	for i := range b.N {
		if err := m.set("0123456789ab", int64(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func verdicts(t *testing.T, path string) map[string]Verdict {
	t.Helper()
	findings, err := Check(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	worst := map[string]Verdict{}
	for _, f := range findings {
		if worst[f.What] != Bad {
			worst[f.What] = f.Verdict
		}
	}
	return worst
}

func TestCheckTellsGoodBadAndUnknown(t *testing.T) {
	t.Parallel()
	old := storetest.OldData(t)
	path := filepath.Join(old.Dir, "apier.db")
	want := map[string]Verdict{"mark": Unknown, "structure": Good, "events": Unknown, "head": Good, "counters": Good}
	if got := verdicts(t, path); !maps.Equal(got, want) {
		t.Errorf("of an older program: %v, want %v", got, want)
	}
	s := open(t, path, store.Options{Now: old.Now()})
	if err := s.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want = map[string]Verdict{"mark": Good, "structure": Good, "events": Good, "head": Good, "counters": Good}
	if got := verdicts(t, path); !maps.Equal(got, want) { // beside one that has it open
		t.Errorf("beside a server: %v, want %v", got, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]string{
		"events":   "UPDATE events SET payload = zeroblob(5) WHERE created_seq = (SELECT max(created_seq) FROM events)",
		"head":     "UPDATE meta SET seq = 1",
		"counters": "UPDATE tenants SET pending = pending + 1",
	} {
		if err := exec(conn, change); err != nil {
			t.Fatal(err)
		}
		want[what] = Bad
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, MarkPath(path), flip(0.1))
	want["mark"] = Bad
	if got := verdicts(t, path); !maps.Equal(got, want) {
		t.Errorf("damaged: %v, want %v", got, want)
	}
}

// After a kill the server tells of what was damaged on the disk, at once or by and by.
func TestDamageIsToldAfterAKill(t *testing.T) {
	t.Parallel()
	path := killedWith(t, 20)
	damaged := open(t, path, store.Options{})
	inWriter(t, damaged, func(conn *sqlite.Conn) error {
		return exec(conn, "UPDATE events SET payload = x'7b7d' WHERE created_seq = 7")
	})
	path = copyDatabase(t, path)
	if err := damaged.Close(); err != nil {
		t.Fatal(err)
	}
	var log syncLog
	s := open(t, path, store.Options{Exclusive: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "does not fit its checksum") || !strings.Contains(log.String(), "remedy") {
		t.Errorf("it says %s", log.String())
	}
	log.Reset()
	var last apier.Seq
	if more, err := s.scrubSlice(t.Context(), &last); !more || err != nil || !strings.Contains(log.String(), "does not fit its checksum") {
		t.Errorf("by and by: %v %v %s", more, err, log.String())
	}
	if more, err := s.scrubSlice(t.Context(), &last); more || err != nil {
		t.Errorf("the second slice: %v %v", more, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

type syncLog struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// A copy says that it is one, once, and a write-ahead log that is not its own is refused.
func TestABackupHasAMarkOfItsOwn(t *testing.T) {
	t.Parallel()
	from, to := killedWith(t, 5), filepath.Join(t.TempDir(), "apier.db")
	wal := mustRead(t, from+"-wal")
	if err := Backup(t.Context(), from, to, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+"-wal", wal, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), to, store.Options{}); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("with the log of another: %v", err)
	}
	remove(t, to+"-wal")
	for round, want := range []bool{true, true, false} { // a tool, then the server, then the server again
		var log bytes.Buffer
		s := open(t, to, store.Options{Exclusive: round > 0, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(log.String(), "this is a backup"); told != want {
			t.Errorf("start %d tells of it: %v (%s)", round, told, &log)
		}
	}
}
