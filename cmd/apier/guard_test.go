package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// refused starts a server that must not start, and returns what it says.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := output(t, nil, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	if code != 1 {
		t.Fatalf("it ends with %d: %s %s", code, stdout, stderr)
	}
	return stderr
}

// The lock is on the database itself: a lock file can be removed, and a directory has other names.
func TestARemovedLockLetsNobodyIn(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "--api-key", testKey)
	if err := os.Remove(filepath.Join(data, "lock")); err != nil {
		t.Fatal(err)
	}
	if said := refused(t, "--data", data); !strings.Contains(said, "another apier serve runs on "+data) {
		t.Errorf("it says %s", said)
	}
	s.must(testKey, "POST", "/api/events", eventBody(1), nil)
	s.kill()
	again := start(t, data, "--api-key", testKey)
	again.must(testKey, "GET", "/api/events", "", nil)
}

func TestALinkToTheDatabaseLetsNobodyIn(t *testing.T) {
	t.Parallel()
	data, other := t.TempDir(), t.TempDir()
	start(t, data, "--api-key", testKey)
	if err := os.Link(filepath.Join(data, "apier.db"), filepath.Join(other, "apier.db")); err != nil {
		t.Skipf("this file system has no links: %v", err)
	}
	if said := refused(t, "--data", other); !strings.Contains(said, "another apier serve runs") {
		t.Errorf("it says %s", said)
	}
}

// SIGHUP ends neither a server that serves nor one that shuts down.
func TestSIGHUPEndsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--api-key", testKey, "--shutdown-delay", "500ms")
	for range 3 {
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		s.must(testKey, "POST", "/api/events", eventBody(1), nil)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v:\n%s", err, s.log)
	}
	if !strings.Contains(s.log.String(), "SIGHUP: nothing was done") {
		t.Errorf("the log does not tell of it:\n%s", s.log)
	}
}

func TestSecretsThatCanBeGuessedAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"short": "0123456789abcdefghijklmnopqrstu", "equal bytes": strings.Repeat("\xff", 32), "a pattern": strings.Repeat("abcdefgh", 5),
	} {
		data := t.TempDir()
		if err := os.WriteFile(filepath.Join(data, "secret"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := refused(t, "--data", data); !strings.Contains(said, filepath.Join(data, "secret")) {
			t.Errorf("%s: %s", name, said)
		}
		if _, stderr, code := output(t, nil, "token", "--data", data); code != 1 || !strings.Contains(stderr, "secret") {
			t.Errorf("%s makes a token: %d %s", name, code, stderr)
		}
	}
}

// A file with secrets that others can read is for its owner alone after the start, and the log says so.
func TestFilesOfSecretsAreMadePrivate(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	start(t, data).terminate()
	for _, name := range []string{"secret", "api-key", "apier.db"} {
		if err := os.Chmod(filepath.Join(data, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, data)
	for _, name := range []string{"secret", "api-key", "apier.db"} {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", name, info.Mode(), err)
		}
		if !strings.Contains(s.log.String(), filepath.Join(data, name)) {
			t.Errorf("the log does not tell of %s", name)
		}
	}
}

// A database that is gone is not begun anew in silence, neither beside its mark nor beside the files of an older program.
func TestALostDatabaseIsNotBegunAnew(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(data string) error{
		"all of it": func(data string) error { return os.Remove(filepath.Join(data, "apier.db")) },
		"emptied":   func(data string) error { return os.Truncate(filepath.Join(data, "apier.db"), 0) },
		"the mark too": func(data string) error {
			_ = os.Remove(filepath.Join(data, "apier.db-mark"))
			return os.Remove(filepath.Join(data, "apier.db"))
		},
	} {
		data := t.TempDir()
		s := start(t, data)
		s.kill()
		if err := lose(data); err != nil {
			t.Fatal(err)
		}
		_, remedy, _ := strings.Cut(refused(t, "--data", data), "--accept-loss=")
		fields := strings.Fields(remedy)
		if len(fields) != 1 {
			t.Fatalf("%s: no remedy: %q", name, remedy)
		}
		again := start(t, data, "--accept-loss", fields[0])
		if !strings.Contains(again.log.String(), "--accept-loss") {
			t.Errorf("%s: the log does not tell of the loss:\n%s", name, again.log)
		}
	}
}
