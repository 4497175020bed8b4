package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// crashPath names the database of a child that is to be killed.
const crashPath = "APIER_TEST_CRASH_PATH"

// appendUntilKilled is the child: it prints each id once its event is acknowledged.
func appendUntilKilled(path string) int {
	s, err := Open(context.Background(), path, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	failed := make(chan error)
	for range 8 {
		go func() {
			for {
				event := apier.NewEvent{Type: "a.b", Source: "child", Payload: []byte(`{}`)}
				r, err := s.Append(context.Background(), "acme", []apier.NewEvent{event, event}, nil)
				if err != nil {
					failed <- err
					return
				}
				fmt.Printf("%s\n%s\n", r.Events[0].ID, r.Events[1].ID)
			}
		}()
	}
	fmt.Fprintln(os.Stderr, <-failed)
	return 1
}

func TestKill9LosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "apier.db")
	var acknowledged []apier.EventID
	for round := range 3 {
		acknowledged = append(acknowledged, killedChild(t, path, 300+200*round)...)
		verify(t, path, acknowledged)
	}
}

// startChild runs this very program with an environment variable that makes it a child, and gives the lines it prints.
func startChild(t *testing.T, variable string) (*osexec.Cmd, *bufio.Scanner) {
	t.Helper()
	child := osexec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this very program
	child.Env = append(os.Environ(), variable)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child, bufio.NewScanner(out)
}

// killedChild runs a child until it has printed enough ids, and gives all it printed.
func killedChild(t *testing.T, path string, enough int) (ids []apier.EventID) {
	t.Helper()
	child, lines := startChild(t, crashPath+"="+path)
	for lines.Scan() {
		if _, whole := apier.ParseEventID(lines.Text()); whole { // the last line may be torn
			ids = append(ids, apier.EventID(lines.Text()))
		}
		if len(ids) == enough {
			if err := child.Process.Kill(); err != nil { // SIGKILL; what the pipe holds is read still
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(ids) < enough {
		t.Fatalf("the child ended by itself: %v, %d ids", err, len(ids))
	}
	return ids
}

func verify(t *testing.T, path string, acknowledged []apier.EventID) {
	t.Helper()
	s := open(t, path, store.Options{})
	defer func() { _ = s.Close() }()
	for _, id := range acknowledged {
		if _, err := s.Event(t.Context(), "acme", id); err != nil {
			t.Fatalf("acknowledged, then lost: %v", err)
		}
	}
	sum, err := s.Summary(t.Context(), "acme")
	if err != nil || sum.Total < int64(len(acknowledged)) || sum.Total%2 != 0 {
		t.Errorf("summary %+v of %d acknowledged events, appended in pairs: %v", sum, len(acknowledged), err)
	}
}
