package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a disk of a few megabytes, and returns its directory.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small disk cannot be mounted here, which only root may: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fillDisk takes all room that is left, and returns a function that gives it back.
func fillDisk(t *testing.T, dir string) (release func()) {
	t.Helper()
	path := filepath.Join(dir, "fill")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(file, zeros{}) // until there is no room
	if file.Close() != nil || err == nil {
		t.Fatalf("the disk is not full: %v", err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// On a full disk reads go on, over a restart too, and readiness says which half works. With room all goes on by itself.
func TestReadsGoOnOnAFullDisk(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*process){
		"after an end in order": func(s *process) { s.terminate() },
		"after a kill":          func(s *process) { s.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := smallDisk(t)
			data := filepath.Join(dir, "data")
			s := start(t, data, "--api-key", testKey)
			var made struct{ ID string }
			s.must(testKey, "POST", "/api/events", eventBody(1), &made)
			release := fillDisk(t, dir)
			big := `{"type":"order.created","source":"test","payload":{"text":"` + strings.Repeat("x", 200_000) + `"}}`
			for range 100 { // until the log has no room that it can use again
				if status, err := s.call(testKey, "POST", "/api/events", big, nil); err != nil || status == 503 {
					break
				}
			}
			checkHalfReady(t, s, made.ID, big)
			end(s)

			s = launch(t, data, "--api-key", testKey)
			checkHalfReady(t, s, made.ID, big)
			release()
			s.awaitReady("/readyz")
			s.must(testKey, "POST", "/api/events", big, nil)
			s.must(testKey, "GET", "/api/events/"+made.ID, "", nil)
			s.kill()
			again := start(t, data, "--api-key", testKey)
			again.must(testKey, "GET", "/api/events/"+made.ID, "", nil)
		})
	}
}

func checkHalfReady(t *testing.T, s *process, stored, big string) {
	t.Helper()
	if status, body := s.raw(testKey, "/api/events/"+stored); status != 200 {
		t.Errorf("a read gets %d %s", status, body)
	}
	if status, err := s.call(testKey, "POST", "/api/events", big, nil); err != nil || status != 503 {
		t.Errorf("a write gets %d (%v), want 503", status, err)
	}
	if status, body := s.raw("", "/readyz"); status != 503 || !strings.Contains(body, "Reads work, writes do not") {
		t.Errorf("readiness is %d %s", status, body)
	}
	if status, body := s.raw("", "/readyz?for=reads"); status != 200 {
		t.Errorf("readiness of reads is %d %s", status, body)
	}
}
