package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// proxyRecipe is a file of deploy/proxy, and how a test runs it: the ports and the paths are the test's own.
type proxyRecipe struct {
	program, file string
	replace       func(listen, upstream, dir string) *strings.Replacer
	wrap          func(dir, config string) string // the file that the program is started with
	args          func(config string) []string
}

func proxyRecipes() []proxyRecipe {
	return []proxyRecipe{
		{
			program: "nginx", file: "nginx.conf",
			replace: func(listen, upstream, dir string) *strings.Replacer {
				return strings.NewReplacer("listen 80;", "listen "+listen+";", "127.0.0.1:8080", upstream, "/var/log/nginx", dir)
			},
			wrap: func(dir, config string) string {
				user := ""
				if os.Getuid() == 0 {
					user = "user root;\n"
				}
				temporary := ""
				for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
					temporary += fmt.Sprintf("  %s_temp_path %s/%s;\n", of, dir, of)
				}
				return fmt.Sprintf("%sdaemon off;\nworker_processes 1;\npid %s/pid;\nerror_log stderr;\nevents { worker_connections 256; }\nhttp {\n%s%s}\n",
					user, dir, temporary, config)
			},
			args: func(config string) []string { return []string{"-c", config, "-e", "stderr"} },
		},
		{
			program: "caddy", file: "Caddyfile",
			replace: func(listen, upstream, dir string) *strings.Replacer {
				_, port, _ := net.SplitHostPort(listen)
				return strings.NewReplacer("events.example {", "http://:"+port+" {\n\tbind 127.0.0.1", "127.0.0.1:8080", upstream, "/var/log/caddy", dir)
			},
			wrap: func(dir, config string) string {
				return fmt.Sprintf("{\n\tadmin off\n\tstorage file_system %s\n}\n%s", dir, config)
			},
			args: func(config string) []string { return []string{"run", "--adapter", "caddyfile", "--config", config} },
		},
		{
			program: "haproxy", file: "haproxy.cfg",
			replace: func(listen, upstream, _ string) *strings.Replacer {
				return strings.NewReplacer("bind :80\n", "bind "+listen+"\n", "127.0.0.1:8080", upstream)
			},
			wrap: func(_, config string) string { return config },
			args: func(config string) []string { return []string{"-db", "-f", config} },
		},
	}
}

// FAULTS D2: each recipe of deploy/proxy works as it is written, on a port that is not the default, for a page of the
// server itself, for a program and for the limits per address.
func TestTheProxyRecipes(t *testing.T) {
	t.Parallel()
	for _, r := range proxyRecipes() {
		t.Run(r.program, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(r.program); err != nil {
				t.Fatalf("%s is not installed: run scripts/tools.sh proxies, or install it by hand", r.program)
			}
			s := start(t, t.TempDir(), "--api-key", testKey, "--trusted-proxies", "127.0.0.1")
			address, logs := r.start(t, s.url[strings.LastIndexByte(s.url, ':')+1:])
			token := s.token(testKey)
			through := *s // the same server, by way of the proxy
			through.url = "http://" + address
			through.must(token, "POST", "/api/events", eventBody(1), nil)

			conn := dialThrough(t, address, "/ws?v=1&token="+token)
			awaitFrame(t, conn, "session")
			through.must(token, "POST", "/api/events", eventBody(2), nil)
			awaitFrame(t, conn, "event_created")

			var connections struct {
				Connections []struct {
					Address string `json:"address"`
				} `json:"connections"`
			}
			through.must(testKey, "GET", "/api/connections", "", &connections)
			if c := connections.Connections; len(c) != 1 || c[0].Address != clientAddress {
				t.Errorf("the client's address is %+v, want %s: not the proxy's, nor what the client claims", c, clientAddress)
			}
			stdout, stderr, code := output(t, []string{"APIER_TOKEN=" + token}, "doctor", "http://"+address, "--origin", "http://"+address, "--idle", "0")
			if code != 0 {
				t.Errorf("apier doctor: %d %s\n%s", code, stderr, stdout)
			}
			if text := logs(); strings.Contains(text, token) || !strings.Contains(text, "/api/events") {
				t.Errorf("the proxy's log has the token, or no line:\n%s", text)
			}
		})
	}
}

// clientAddress is where the test's page connects from: another address than that of the proxy.
const clientAddress = "127.0.0.2"

// start runs the proxy before the server at a port of this machine. logs returns what it has logged so far.
func (r proxyRecipe) start(t *testing.T, port string) (address string, logs func() string) {
	t.Helper()
	recipe, err := os.ReadFile(filepath.Join("../../deploy/proxy", r.file))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // the port is free when it is asked for, and may be another's when the proxy takes it
		dir := t.TempDir()
		address := freeAddress(t)
		config := filepath.Join(dir, r.file)
		text := r.wrap(dir, r.replace(address, "127.0.0.1:"+port, dir).Replace(string(recipe)))
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out := &syncBuffer{}
		if r.run(t, config, address, out) {
			return address, func() string {
				file, _ := os.ReadFile(filepath.Join(dir, "apier.log")) // where the recipe has one
				return out.String() + string(file)
			}
		}
		t.Logf("%s did not come up:\n%s", r.program, out)
	}
	t.Fatalf("%s does not start with its recipe", r.program)
	return "", nil
}

// run starts the program and reports whether it answers before it ends.
func (r proxyRecipe) run(t *testing.T, config, address string, out *syncBuffer) bool {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), r.program, r.args(config)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(config))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // which ends the workers of nginx, too
		<-ended
	})
	for {
		if nc, err := net.Dial("tcp", address); err == nil {
			nc.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// dialThrough connects as a page of the proxy's address does, from another address, and claims a third one.
func dialThrough(t *testing.T, address, path string) net.Conn {
	t.Helper()
	d := ws.Dialer{
		NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			from := &net.TCPAddr{IP: net.ParseIP(clientAddress)}
			return (&net.Dialer{LocalAddr: from}).DialContext(ctx, network, addr)
		},
		Header: ws.HandshakeHeaderHTTP(http.Header{"Origin": {"http://" + address}, "X-Forwarded-For": {"203.0.113.9"}}),
	}
	conn, early, _, err := d.Dial(t.Context(), "ws://"+address+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if early != nil {
		return bufferedConn{conn, early}
	}
	return conn
}

// bufferedConn reads first what came together with the answer to the upgrade.
type bufferedConn struct {
	net.Conn
	early interface{ Read(p []byte) (int, error) }
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.early.Read(p) }

// awaitFrame reads until a frame of a type.
func awaitFrame(t *testing.T, conn net.Conn, kind string) {
	t.Helper()
	for {
		raw, err := readText(conn)
		if err != nil {
			t.Fatalf("no %s: %v", kind, err)
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		if f.Type == kind {
			return
		}
	}
}
