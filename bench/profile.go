//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// explain adds a CPU profile of the server at work to the latest section, where that has missed a goal. The work is
// done again and again for it, by a new server: profiling costs, so no figure comes from it.
func (b *bench) explain(ctx context.Context, work func(s *apierServer) error) (err error) {
	if !b.wantsProfile() {
		return nil
	}
	server, err := b.startApier(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	return b.explainOn(ctx, server, work)
}

func (b *bench) wantsProfile() bool { return b.opt.profile || b.report.lastMissed() }

// explainOn is explain with a server that runs.
func (b *bench) explainOn(ctx context.Context, server *apierServer, work func(s *apierServer) error) error {
	var profile []byte
	done := make(chan error, 1)
	go func() {
		var err error
		profile, err = server.profile(ctx, b.plan.profile)
		done <- err
	}()
	time.Sleep(b.plan.pause) // the profiler has started
	var err error
	for end := time.Now().Add(b.plan.profile); err == nil && time.Now().Before(end); {
		err = work(server)
	}
	if err = errors.Join(err, <-done); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	text, err := top(ctx, filepath.Join(b.temp, "profile-"+strconv.Itoa(server.port)), profile)
	b.report.explain(text)
	return err
}

// profile takes a CPU profile of so many seconds.
func (s *apierServer) profile(ctx context.Context, length time.Duration) ([]byte, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", s.profiler, int(length.Seconds()))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// top lists the functions that took the most, themselves and with what they called.
func top(ctx context.Context, file string, profile []byte) (string, error) {
	if err := os.WriteFile(file, profile, 0o600); err != nil {
		return "", err
	}
	var text bytes.Buffer
	for _, order := range []string{"-flat", "-cum"} {
		cmd := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", order, "-nodecount=25", file)
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("go tool pprof: %w", err)
		}
		text.Write(out)
	}
	return text.String(), nil
}
