package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheFirstStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "new", "data")
	s := start(t, data)
	if !regexp.MustCompile(`^Dashboard: http://localhost:\d+$`).MatchString(s.stdout[0]) || !strings.Contains(s.stdout[1], filepath.Join(data, "api-key")) {
		t.Fatalf("the welcome is %q", s.stdout)
	}
	file, err := os.ReadFile(filepath.Join(data, "api-key"))
	key := strings.TrimSpace(string(file))
	if err != nil || !regexp.MustCompile(`^apier_[a-z2-7]{32}$`).MatchString(key) {
		t.Fatalf("the first key is %q (%v)", file, err)
	}
	for _, name := range []string{"secret", "api-key"} {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	s.must(s.token(key), "POST", "/api/events", eventBody(1), nil)
	if code := s.terminate(); code != 0 {
		t.Errorf("SIGTERM ends it with %d:\n%s", code, s.log)
	}
	again := start(t, data)
	if printed := strings.Join(append(s.stdout, again.stdout...), "") + s.log.String() + again.log.String(); strings.Contains(printed, key) {
		t.Error("the key stands in what may be a log")
	}
	// The command that it names is one that works, wherever the server listens and keeps its data.
	_, command, _ := strings.Cut(again.stdout[1], "link: apier ")
	if stdout, stderr, code := output(t, nil, strings.Fields(command)...); code != 0 || stdout != again.url+"/#key="+key+"\n" {
		t.Errorf("apier %s: %d %q %s", command, code, stdout, stderr)
	}
	stdout, _, code := output(t, nil, "link", "--data", data, "--public-url", "https://e.example/")
	if code != 0 || stdout != "https://e.example/#key="+key+"\n" {
		t.Errorf("apier link: %d %q", code, stdout)
	}
}

// FAULTS F7: the key is for the eyes of who starts the server, and for no log.
func TestTheFirstKeyIsPrintedToATerminalOnly(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{true, false} {
		var serve, demo bytes.Buffer
		printWelcome(&serve, "http://localhost:1", "dir", testKey, terminal)
		printDemoLink(&demo, "http://localhost:1", "dir", testKey, terminal)
		if strings.Contains(serve.String(), testKey) != terminal || strings.Contains(demo.String(), testKey) != terminal {
			t.Errorf("a terminal is %v:\n%s%s", terminal, serve.String(), demo.String())
		}
		if !terminal && !strings.Contains(serve.String(), filepath.Join("dir", "api-key")) {
			t.Errorf("where the key is stands nowhere: %s", serve.String())
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(io.Discard) {
		t.Error("a file counts as a terminal")
	}
}

func TestKeysBesideARunningServer(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data)
	stdout, stderr, code := output(t, nil, "keys", "create", "--data", data, "--name", "shop", "--tenant", "acme")
	if code != 0 {
		t.Fatal(stderr)
	}
	lines := strings.Split(stdout, "\n")
	key, id := lines[0], strings.TrimSuffix(strings.Fields(lines[1])[0], ",")
	s.must(key, "POST", "/api/events", eventBody(1), nil)
	s.must(s.token(key), "GET", "/api/events", "", nil)
	if list, _, _ := output(t, nil, "keys", "list", "--data", data, "--tenant", "acme"); !strings.Contains(list, id) || strings.Contains(list, key) {
		t.Errorf("the list is\n%s", list)
	}
	if _, stderr, code := output(t, nil, "keys", "revoke", "--data", data, "--tenant", "other", id); code != 1 {
		t.Errorf("another tenant revokes the key: %s", stderr)
	}
	if _, stderr, code := output(t, nil, "keys", "revoke", "--data", data, "--tenant", "acme", id); code != 0 {
		t.Error(stderr)
	}
	for deadline := time.Now().Add(patience); ; { // within seconds: an answer is trusted for a while
		status, err := s.call(key, "GET", "/api/events", "", nil)
		if status == 401 {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("a revoked key gets %d %v", status, err)
		}
	}
	for _, args := range [][]string{
		{"keys", "create", "--data", data, "--scopes", "everything"},
		{"keys", "list", "--data", filepath.Join(data, "nowhere")},
		{"link", "--data", filepath.Join(data, "nowhere")},
		{"token", "--data", filepath.Join(data, "nowhere")},
	} {
		if _, stderr, code := output(t, nil, args...); code != 1 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: got %d %q, want one line", args, code, stderr)
		}
	}
}

func TestATokenFromTheCommandLine(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data)
	stdout, stderr, code := output(t, nil, "token", "--data", data, "--sub", "me")
	if code != 0 {
		t.Fatal(stderr)
	}
	token := strings.TrimSpace(stdout)
	v := newView(token)
	posted := make(chan error, 1)
	first := true
	_, err := v.follow(t, s, func() bool {
		if v.session != "" && first {
			first = false
			go func() {
				_, err := s.call(token, "POST", "/api/events", eventBody(1), nil)
				posted <- err
			}()
		}
		return len(v.status) == 1 && v.metrics >= 1
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-posted; err != nil {
		t.Fatal(err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "apier.yaml")
	if err := os.WriteFile(file, []byte("max-connections: 7\nmax-connections-per-user: 8\nmax-connections-per-ip: 9\nallowed-origins: [https://a.example, https://b.example]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"APIER_MAX_CONNECTIONS_PER_USER=80", "APIER_MAX_CONNECTIONS_PER_IP=90", "APIER_JWT_SECRET=do-not-show-me-0123456789abcdefghij"}
	stdout, stderr, code := output(t, env, "config", "--config", file, "--max-connections-per-ip", "900")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, line := range []string{
		`max-connections\s+7\s+file`, `max-connections-per-user\s+80\s+environment APIER_MAX_CONNECTIONS_PER_USER`,
		`max-connections-per-ip\s+900\s+flag`, `listen\s+127.0.0.1:8080\s+default`, `jwt-secret\s+\(set\)\s+environment`,
		`allowed-origins\s+\[https://a.example https://b.example\]\s+file`, `api-key\s+-\s+default`,
	} {
		if !regexp.MustCompile(`(?m)^` + line).MatchString(stdout) {
			t.Errorf("no line %s in\n%s", line, stdout)
		}
	}
	if strings.Contains(stdout, "do-not-show-me") {
		t.Error("the secret is shown")
	}
	if err := os.WriteFile(file, []byte("max-conections: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := output(t, nil, "config", "--config", file); code == 0 || !strings.Contains(stderr, "max-conections") {
		t.Errorf("a misspelt setting passes: %d %s", code, stderr)
	}
	for _, args := range [][]string{
		{"--allowed-origins", "shop.example/x"},
		{"--trusted-proxies", "localhost"},
		{"--public-url", "events"},
		{"--public-url", "https://shop.example/events"},
		{"--token-ttl", "1ms"},
		{"--max-connections=-1"},
		{"--api-key", "secret"},
		{"--api-key", "apier_1"},
		{"--jwt-secret", "a"},
		{"--jwt-secret", strings.Repeat("a", 32)},
		{"--jwt-secret", strings.Repeat("01234567", 4)},
	} {
		if _, stderr, code := output(t, nil, append([]string{"serve", "--data", dir}, args...)...); code != 2 || !strings.Contains(stderr, strings.TrimSuffix(args[0], "=-1")) {
			t.Errorf("%v: got %d %q", args, code, stderr)
		}
	}
}

// TestNoCredentialReachesTheLog sends credentials by every way there is, good and bad, at log level debug.
func TestNoCredentialReachesTheLog(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--api-key", testKey, "--jwt-secret", "a-secret-of-more-than-thirty-two-bytes")
	token := s.token(testKey)
	bad := token[:len(token)-4] + "AAAA"
	credentials := []string{token, bad, testKey, testKey + "x"}
	for _, credential := range credentials { // first: of many lines of one kind, the log has the first ten of a second
		_, _ = s.call("", "GET", "/api/events/"+credential, "", nil)
		s.callWith(t, "/ws?v=1", "Origin", "https://"+credential+".example")
	}
	for _, credential := range credentials {
		_, _ = s.call(credential, "GET", "/api/events", "", nil)
		_, _ = s.call("", "GET", "/ws?token="+credential, "", nil)
		_, _ = s.call("", "GET", "/api/events?token="+credential, "", nil)
		_, _ = s.call("", "POST", "/api/token", "username=api&password="+credential, nil)
		for _, path := range []string{"/api/events/", "/api/", "/ws/", "/", "/healthz/", "/api/token/"} {
			_, _ = s.call(credential, "GET", path+credential, "", nil)
			_, _ = s.call("", "DELETE", path+credential+"/more?token="+credential, "", nil)
			_, _ = s.call("", "GET", path+strings.ReplaceAll(credential, "_", "%5f"), "", nil)
		}
		for _, name := range []string{"User-Agent", "Origin", "X-Forwarded-For", "X-Forwarded-Host", "Referer", "Idempotency-Key", "Sec-WebSocket-Protocol", "Apier-Endpoint-Id", "Webhook-Id"} {
			for _, path := range []string{"/ws?v=1", "/api/events", "/api/webhook", "/metrics"} {
				s.callWith(t, path, name, credential)
			}
		}
		v := newView(credential)
		_, _ = v.follow(t, s, func() bool { return v.session != "" })
	}
	s.terminate()
	log := s.log.String()
	for name, secret := range map[string]string{
		"token": token[20:60], "bad token": bad[len(bad)-30:], "API key": testKey, "JWT secret": "a-secret-of-more",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the %s:\n%s", name, log)
		}
	}
	if !strings.Contains(log, "websocket: refused") {
		t.Errorf("the log tells nothing of the refusals:\n%s", log)
	}
}

// callWith sends a GET with one more header.
func (s *process) callWith(t *testing.T, path, name, value string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(name, value)
	if strings.HasPrefix(path, "/ws") {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	}
	if res, err := s.client.Do(r); err == nil {
		_ = res.Body.Close()
	}
}

func TestShutdownTellsClientsToComeBack(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--api-key", testKey)
	v := newView(s.token(testKey))
	ended := make(chan error, 1)
	greeted := make(chan struct{})
	go func() {
		_, err := v.follow(t, s, func() bool {
			if v.session != "" {
				select {
				case <-greeted:
				default:
					close(greeted)
				}
			}
			return false
		})
		ended <- err
	}()
	<-greeted
	if code := s.terminate(); code != 0 {
		t.Errorf("SIGTERM ends it with %d:\n%s", code, s.log)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "1012") {
		t.Errorf("the client was told %v, want 1012", err)
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	if stdout, _, code := output(t, nil, "version"); code != 0 || !strings.HasPrefix(stdout, "apier ") {
		t.Errorf("got %d %q", code, stdout)
	}
	if stdout, _, code := output(t, nil, "serve", "--help"); code != 0 || !strings.Contains(stdout, "--max-connections-per-user") || !strings.Contains(stdout, "APIER_MAX_CONNECTIONS_PER_USER") {
		t.Errorf("got %d %q", code, stdout)
	}
	if _, stderr, code := output(t, nil, "fly"); code != 2 || !strings.Contains(stderr, "apier --help") {
		t.Errorf("got %d %q", code, stderr)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--api-key", testKey)
	stdout, stderr, code := output(t, []string{"APIER_TOKEN=" + s.token(testKey)}, "doctor", s.url, "--idle", "50ms")
	if code != 0 || !regexp.MustCompile(`(?m)^ok    ping     3 pongs`).MatchString(stdout) || !regexp.MustCompile(`(?m)^ok    idle `).MatchString(stdout) {
		t.Errorf("a healthy server: %d %s\n%s", code, stderr, stdout)
	}
	stdout, stderr, code = output(t, nil, "doctor", s.url) // FAULTS D11: nothing is known of half of the steps
	if code != 3 || !strings.Contains(stderr, "5 steps need a token") {
		t.Errorf("without a token: %d %s\n%s", code, stderr, stdout)
	}
	stdout, stderr, code = output(t, nil, "doctor", s.url, "--origin", "http://shop.example")
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stdout, "--allowed-origins") {
		t.Errorf("a refused origin: %d %s\n%s", code, stderr, stdout)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data, "--api-key", testKey)
	cmd := program(t, "tail", "--url", s.url, "events:order.*", "endpoint:*")
	cmd.Env = append(cmd.Env, "APIER_TOKEN="+s.token(testKey))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if said := bufio.NewScanner(stderr); !said.Scan() || said.Text() != "apier tail: connected" {
		t.Fatalf("it says %q", said.Text())
	}
	var e struct{ ID string }
	s.must(testKey, "POST", "/api/events", `{"type":"user.created","source":"shop","payload":{}}`, nil) // not asked for
	s.must(testKey, "POST", "/api/events", `{"type":"order.created","source":"shop","payload":{"note":"\u001b[31mred"}}`, &e)
	s.must(testKey, "POST", "/api/inbox/"+e.ID+"/ack", "", nil)
	s.must(testKey, "DELETE", "/api/events/"+e.ID, "", nil)
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{
		`^\d\d:\d\d:\d\d\.\d{3}  created   ` + e.ID + `  order\.created  shop  pending  \{"note":"\\u001b\[31mred"\}$`,
		`  updated   ` + e.ID + `  order\.created  delivered  after \d+ ms$`,
		`  deleted   ` + e.ID + `  order\.created$`,
	} {
		if !lines.Scan() || !regexp.MustCompile(want).MatchString(lines.Text()) {
			t.Errorf("got %q, want %s", lines.Text(), want)
		}
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("an interruption ends it with %v", err)
	}
	if _, stderr, code := output(t, nil, "tail", "--url", s.url, "--token", "wrong"); code != 1 || !strings.Contains(stderr, "apier: ") {
		t.Errorf("a wrong token: %d %q", code, stderr)
	}
	if _, stderr, code := output(t, nil, "tail", "--url", s.url, "--data", filepath.Join(data, "nowhere")); code != 1 || !strings.Contains(stderr, "--token") {
		t.Errorf("no token: %d %q", code, stderr)
	}
}

// What cannot work is refused by the command that was given it, and named.
func TestCommandsRefuseWhatCannotWork(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data)
	for _, c := range []struct {
		args  []string
		words string
	}{
		{[]string{"token", "--data", data, "--scopes", "events:red"}, `--scopes has "events:red"`},
		{[]string{"token", "--data", data, "--channels", "a b"}, "--channels has: A channel name may contain"},
		{[]string{"token", "--data", data, "--ttl=-5s"}, "--ttl must be a second or more"},
		{[]string{"token", "--data", data, "--ttl=500ms"}, "--ttl must be a second or more"},
		{[]string{"token", "--data", data, "--sub="}, "--sub is empty"},
		{[]string{"token", "--data", data, "--tenant="}, "--tenant is empty"},
		{[]string{"keys", "create", "--data", data, "--tenant="}, "--tenant is empty"},
		{[]string{"keys", "revoke", "--data", data, "key_none"}, `has no key "key_none"; apier keys list`},
		{[]string{"keys", "revoke", "--data", data, "a\nb"}, `has no key "a\nb"; apier keys list`},
		{[]string{"keys", "create", "--data", data, "--name", "a\nb"}, `--name "a\nb" contains the unprintable character U+000A`},
		{[]string{"keys", "create", "--data", data, "--name", "a\u202eb"}, `--name "a\u202eb" contains the unprintable character U+202E`},
		{[]string{"keys", "create", "--data", data, "--tenant", "a\x1bb"}, `--tenant "a\x1bb" contains the unprintable character U+001B`},
		{[]string{"link", "--data", data, "--public-url", "events.example"}, "--public-url must be a URL"},
		{[]string{"tail", "--data", filepath.Join(data, "api-key")}, "not a directory"},
		{[]string{"tail", "--data", data, "--url", s.url, "ordres"}, `There is no channel "ordres"`},
		{[]string{"serve", "--data="}, "--data is empty"},
	} {
		if _, stderr, code := output(t, nil, c.args...); code != 1 || !strings.Contains(stderr, c.words) {
			t.Errorf("apier %s: %d %q, want %q", strings.Join(c.args, " "), code, stderr, c.words)
		}
	}
}

func TestABackupIsADirectoryToStartOn(t *testing.T) {
	t.Parallel()
	data, backup := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	s := start(t, data, "--api-key", testKey)
	var made struct{ ID string }
	if _, err := s.call(testKey, "POST", "/api/events", eventBody(1), &made); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, code := output(t, nil, "backup", "--data", data, backup); code != 0 || !strings.Contains(stdout, "apier serve --data "+backup) {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	if _, stderr, code := output(t, nil, "backup", "--data", data, backup); code != 1 || !strings.Contains(stderr, "is not empty") {
		t.Errorf("over another: %d %q", code, stderr)
	}
	restored := start(t, backup)
	if status, err := restored.call(testKey, "GET", "/api/events/"+made.ID, "", nil); err != nil || status != 200 {
		t.Errorf("the event in the backup: %d %v", status, err)
	}
	token, _, _ := output(t, nil, "token", "--data", data)
	if status, err := restored.call(strings.TrimSpace(token), "GET", "/api/events/"+made.ID, "", nil); err != nil || status != 200 {
		t.Errorf("with a token from before: %d %v", status, err)
	}
}

// Who is in a hurry says it twice.
func TestASecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--shutdown-delay", "1h")
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	for deadline := time.After(patience); ; {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // again: one that comes together with the first is the first
		select {
		case <-ended:
			return
		case <-deadline:
			t.Fatalf("it waits:\n%s", s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestTheLinkOfAKeyThatWasRevoked(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	start(t, data)
	list, _, _ := output(t, nil, "keys", "list", "--data", data)
	id := regexp.MustCompile(`key_\w+`).FindString(list)
	if _, stderr, code := output(t, nil, "keys", "revoke", "--data", data, id); code != 0 {
		t.Fatal(stderr)
	}
	if stdout, stderr, code := output(t, nil, "link", "--data", data); code != 1 || !strings.Contains(stderr, "was revoked; make another") {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}

// What stands in the file is what is set: no more where nothing stands, and not what YAML makes of it.
func TestSettingsAreTakenAsTheyStandInTheFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "apier.yaml")
	text := "jwt-secret:\npublic-url: ~\nlog-level: &level debug\napi-key: apier_0123456789abcdefghijklmnop\nlisten: 0127\njwt-audience: 12345678901234567890\njwt-issuer: 2026-01-01\njwks-url: https://id.example\n" +
		"trusted-proxies: [10.0.0.0/8, 127.0.0.1]\nmax-queue-bytes: 1048576\ncompression: true\nmessages-per-second: 0.5\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := output(t, nil, "config", "--config", file)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, line := range []string{
		`jwt-secret\s+-\s+default`, `public-url\s+-\s+default`, `log-level\s+debug\s+file`, `listen\s+0127\s+file`,
		`jwt-audience\s+12345678901234567890\s+file`, `jwt-issuer\s+2026-01-01\s+file`, `trusted-proxies\s+\[10.0.0.0/8 127.0.0.1\]\s+file`,
		`max-queue-bytes\s+1048576\s+file`, `compression\s+true\s+file`, `messages-per-second\s+0.5\s+file`,
	} {
		if !regexp.MustCompile(`(?m)^` + line).MatchString(stdout) {
			t.Errorf("no line %s in\n%s", line, stdout)
		}
	}
}

func TestAFaultOfTheSettingsFileNamesIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"data: [\n": "did not find expected", "listn: x\n": `there is no setting "listn"`, "data:\n  dir: x\n": "line 2: data must be one value"} {
		file := filepath.Join(t.TempDir(), "apier.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := output(t, nil, "serve", "--config", file); code != 2 || !strings.Contains(stderr, file) || !strings.Contains(stderr, want) {
			t.Errorf("%q: %d %q", text, code, stderr)
		}
	}
}

// The demo's key is where the README looks for it, and stays the same at the next start.
func TestTheDemosKey(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var first string
	for range 2 {
		cmd := program(t, "demo", "--data", data, "--listen", "127.0.0.1:0")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		lines.Scan()
		key, err := os.ReadFile(filepath.Join(data, "api-key"))
		if first == "" {
			first = string(key)
		}
		if err != nil || first == "" || string(key) != first || strings.Contains(lines.Text(), "#key=") {
			t.Errorf("it says %q, api-key holds %q, at first %q (%v)", lines.Text(), key, first, err)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if list, _, _ := output(t, nil, "keys", "list", "--data", data); strings.Count(list, "key_") != 1 {
		t.Errorf("two starts made keys:\n%s", list)
	}
}
