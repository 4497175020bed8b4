package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the program, so that the tests start, stop and kill a real process.
func TestMain(m *testing.M) {
	if os.Getenv("APIER_TEST_AS_PROGRAM") == "1" {
		main()
	}
	goleak.VerifyTestMain(m)
}

const (
	patience = 30 * time.Second // how long a test waits for what must come
	testKey  = "apier_testkeytestkeytestkeytestkey12"
)

// program prepares the program with arguments, in an environment without settings.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "APIER_TEST_AS_PROGRAM=1")
	return cmd
}

// output runs the program to its end.
func output(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := program(t, args...)
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// process is a running server.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	stdout []string
	log    *syncBuffer
	client *http.Client
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start runs apier serve on a data directory and waits until it is ready.
func start(t *testing.T, data string, args ...string) *process {
	t.Helper()
	s := launch(t, data, args...)
	s.awaitReady("/readyz")
	return s
}

// launch runs apier serve and waits for its welcome.
func launch(t *testing.T, data string, args ...string) *process {
	t.Helper()
	args = append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "debug"}, args...)
	s := &process{t: t, cmd: program(t, args...), log: &syncBuffer{}, client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
	s.cmd.Stderr = s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.client.CloseIdleConnections()
	})
	lines := bufio.NewScanner(stdout)
	for range 2 { // the welcome has two lines
		if !lines.Scan() {
			t.Fatalf("no welcome; the log says:\n%s", s.log)
		}
		s.stdout = append(s.stdout, lines.Text())
	}
	s.url, _, _ = strings.Cut(strings.TrimPrefix(s.stdout[0], "Dashboard: "), "/#")
	return s
}

// awaitReady waits until a health check answers 200.
func (s *process) awaitReady(path string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		res, err := s.client.Get(s.url + path)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not ready: %v\n%s", err, s.log)
		}
	}
}

func (s *process) terminate() (code int) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

func (s *process) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait()
}

// call sends a request with a bearer credential and decodes the answer into a value, if there is one.
func (s *process) call(credential, method, path, body string, into any) (status int, err error) {
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+credential)
	if strings.HasPrefix(body, "username") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && into != nil && res.StatusCode < 300 {
		err = json.Unmarshal(raw, into)
	}
	return res.StatusCode, err
}

// raw returns what a GET answers, as text.
func (s *process) raw(credential, path string) (status int, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+credential)
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// must is call for what has to succeed.
func (s *process) must(credential, method, path, body string, into any) {
	s.t.Helper()
	if status, err := s.call(credential, method, path, body, into); err != nil || status >= 300 {
		s.t.Fatalf("%s %s: %d %v\n%s", method, path, status, err, s.log)
	}
}

func (s *process) token(key string) string {
	s.t.Helper()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	s.must("", "POST", "/api/token", "username=api&password="+key, &answer)
	return answer.AccessToken
}

func eventBody(i int) string {
	return fmt.Sprintf(`{"type":"order.created","source":"test","payload":{"n":%d}}`, i)
}
