package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/apier/apier/internal/store/storetest"
)

// The check works beside a running server and on what a killed one left, and fails where something is bad.
func TestCheck(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "--api-key", testKey)
	for i := range 20 {
		s.must(testKey, "POST", "/api/events", eventBody(i), nil)
	}
	stdout, stderr, code := output(t, nil, "check", "--data", data)
	if code != 0 || !regexp.MustCompile(`(?m)^good +events +20 fit their checksums$`).MatchString(stdout) || strings.Contains(stdout, "bad") {
		t.Errorf("beside a server: %d %s\n%s", code, stderr, stdout)
	}
	s.kill()
	wal := filepath.Join(data, "apier.db-wal")
	raw, err := os.ReadFile(wal)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(wal, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code = output(t, nil, "check", "--data", data)
	if code != 1 || !regexp.MustCompile(`(?m)^bad +mark `).MatchString(stdout) || !strings.Contains(stderr, "backup") {
		t.Errorf("with a damaged log: %d %s\n%s", code, stderr, stdout)
	}
	if after, err := os.ReadFile(wal); err != nil || string(after) != string(raw) {
		t.Errorf("the check changed the log (%v)", err)
	}
	if _, stderr, code := output(t, nil, "check", "--data", filepath.Join(data, "nowhere")); code != 1 || !strings.Contains(stderr, "holds no database") {
		t.Errorf("nowhere: %d %s", code, stderr)
	}
}

// A server starts on what dd57122 wrote, serves every event byte for byte, and finds nothing to complain of.
func TestAServerStartsOnOldData(t *testing.T) {
	t.Parallel()
	old := storetest.OldData(t)
	s := start(t, old.Dir, "--retention-events", "0", "--tombstone-retention", "0", "--idempotency-retention", "0")
	for _, e := range old.Events {
		status, body := s.raw(old.Keys[string(e.Tenant)], "/api/events/"+string(e.ID))
		if status != 200 || !strings.Contains(body, `"payload":`+e.Payload) {
			t.Errorf("%s is %d %.200s", e.ID, status, body)
		}
	}
	for _, warning := range []string{"level=ERROR", "store:"} {
		if strings.Contains(s.log.String(), warning) {
			t.Errorf("the log has %s:\n%s", warning, s.log)
		}
	}
}
