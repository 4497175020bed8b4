package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// soaking returns how much longer than in make test a test runs: APIER_SOAK, 1 unless set.
func soaking(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("APIER_SOAK"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// seeded returns random numbers of a seed that is logged, and can be given again: APIER_SEED.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("APIER_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("APIER_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestDamageIsFound damages the directory of a server that was killed under load: a byte is flipped, or a file is cut or
// removed. At the next start every acknowledged event is there, byte for byte, or the start refuses or warns with the
// remedy.
func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	outcomes := map[string]int{}
	for round := range 2 * soaking(t) {
		data := t.TempDir()
		acknowledged := map[string]string{}
		if round%2 == 1 { // most stands in the database itself, and not in its log
			maps.Copy(acknowledged, killUnderLoad(t, data, 300))
			start(t, data, "--api-key", testKey).terminate()
		}
		maps.Copy(acknowledged, killUnderLoad(t, data, 100+random.IntN(200)))
		for range 12 {
			copied := copyDir(t, data)
			what := damage(t, copied, random)
			outcome := checkDamaged(t, copied, acknowledged)
			outcomes[outcome]++
			if outcome == "silent" {
				t.Errorf("%s: events are missing or changed, and nobody was told", what)
			}
		}
	}
	t.Logf("after damage: %v", outcomes)
}

// killUnderLoad starts a server, sends events from several senders and kills it. It returns the payloads of what was
// acknowledged, by id.
func killUnderLoad(t *testing.T, data string, enough int) map[string]string {
	t.Helper()
	s := start(t, data, "--api-key", testKey)
	acknowledged := map[string]string{}
	var mu sync.Mutex
	var senders sync.WaitGroup
	for sender := range 4 {
		senders.Go(func() {
			for i := 0; ; i++ {
				payload := fmt.Sprintf(`{"n":%d,"text":"%s"}`, sender*100_000+i, strings.Repeat("x", i%50*20))
				var made struct{ ID string }
				status, err := s.call(testKey, "POST", "/api/events", `{"type":"order.created","source":"test","payload":`+payload+`}`, &made)
				if err != nil {
					return // it was killed
				}
				mu.Lock()
				if status == http.StatusCreated {
					acknowledged[made.ID] = payload
				}
				if len(acknowledged) == enough {
					_ = s.cmd.Process.Kill()
				}
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	_ = s.cmd.Wait()
	return acknowledged
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// damage flips a byte of a file, cuts it or removes it, and says what it did. Large files are hit more often.
func damage(t *testing.T, data string, random *rand.Rand) string {
	t.Helper()
	name := []string{"apier.db", "apier.db", "apier.db", "apier.db-wal", "apier.db-wal", "apier.db-wal", "apier.db-shm", "apier.db-mark", "secret", "lock"}[random.IntN(10)]
	path := filepath.Join(data, name)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	if len(raw) > 0 {
		at = random.IntN(len(raw))
	}
	switch action := random.IntN(4); {
	case action == 0:
		err = os.Remove(path)
		name += " removed"
	case action == 1:
		err = os.Truncate(path, int64(at))
		name += fmt.Sprintf(" cut at %d of %d", at, len(raw))
	case len(raw) > 0:
		raw[at] ^= byte(1 + random.IntN(255))
		err = os.WriteFile(path, raw, 0o600)
		name += fmt.Sprintf(" flipped at %d of %d", at, len(raw))
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// checkDamaged starts a server on a directory that was damaged, and says what came of it: refused, whole, told, silent.
func checkDamaged(t *testing.T, data string, acknowledged map[string]string) string {
	t.Helper()
	s, refusal := tryStart(t, data, "--api-key", testKey)
	if s == nil {
		if !strings.Contains(refusal, "apier: ") || !hasRemedy(refusal) {
			t.Errorf("refused without a remedy: %s", refusal)
		}
		return "refused"
	}
	defer s.kill()
	missing := 0
	have := payloads(s)
	for id, payload := range acknowledged {
		if have[id] == payload {
			continue
		}
		if status, body := s.raw(testKey, "/api/events/"+id); status != http.StatusOK || !strings.Contains(body, payload) {
			missing++
		}
	}
	switch log := s.log.String(); {
	case missing == 0:
		return "whole"
	case (strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR")) && hasRemedy(log):
		return "told"
	default:
		t.Logf("%d of %d are missing or changed; the log:\n%s", missing, len(acknowledged), log)
		return "silent"
	}
}

func hasRemedy(words string) bool {
	for _, remedy := range []string{"--accept-loss", "backup", "Remove the file", "apier check"} {
		if strings.Contains(words, remedy) {
			return true
		}
	}
	return false
}

// payloads reads all events, as far as they can be read.
func payloads(s *process) map[string]string {
	found := map[string]string{}
	for after := ""; ; {
		var page struct {
			Events []struct {
				ID      string
				Payload json.RawMessage
			}
			HasMore bool `json:"has_more"`
		}
		status, err := s.call(testKey, "GET", "/api/events?limit=100"+after, "", &page)
		if err != nil || status != http.StatusOK || len(page.Events) == 0 {
			return found
		}
		for _, e := range page.Events {
			found[e.ID] = string(e.Payload)
		}
		if !page.HasMore {
			return found
		}
		after = "&starting_after=" + page.Events[len(page.Events)-1].ID
	}
}

// tryStart starts a server that may refuse to start; then it returns what that one said.
func tryStart(t *testing.T, data string, args ...string) (started *process, refusal string) {
	t.Helper()
	args = append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)
	s := &process{t: t, cmd: program(t, args...), log: &syncBuffer{}, client: &http.Client{Timeout: patience}}
	s.cmd.Stderr = s.log
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.client.CloseIdleConnections()
	})
	lines := bufio.NewScanner(stdout)
	for range 2 {
		if !lines.Scan() {
			_ = s.cmd.Wait()
			return nil, s.log.String()
		}
		s.stdout = append(s.stdout, lines.Text())
	}
	s.url, _, _ = strings.Cut(strings.TrimPrefix(s.stdout[0], "Dashboard: "), "/#")
	return s, ""
}
