package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/client"
)

// network dials one address, whatever is asked for, and can cut what it has dialled.
type network struct {
	dial func(context.Context) (net.Conn, error)
	mu   sync.Mutex
	open []net.Conn
}

func (n *network) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := n.dial(ctx)
	if err == nil {
		n.mu.Lock()
		n.open = append(n.open, conn)
		n.mu.Unlock()
	}
	return conn, err
}

func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.open {
		_ = conn.Close()
	}
	n.open = nil
}

// comesBackThrough subscribes to 90 channels of 100 bytes one by one, loses the connection, and is told what changed
// meanwhile.
func comesBackThrough(t *testing.T, publisher *client.Client, n *network) {
	t.Helper()
	transport := &http.Transport{DialContext: n.DialContext}
	c, err := client.New("http://proxy", client.Options{
		Token: goClientKey, HTTPClient: &http.Client{Transport: transport}, InitialReconnectDelay: time.Millisecond, Jitter: client.JitterFull,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told, closed, opened := make(chan apier.EventID, 16), make(chan struct{}, 16), make(chan bool, 16)
	live := c.Live(ctx, client.LiveOptions{
		Channels: []string{},
		OnOpen:   func(l *client.Live) { opened <- l.Status().Resumed },
		OnClose:  func() { closed <- struct{}{} },
		OnChange: func(change client.Change) { told <- change.Event.ID },
	})
	defer live.Close()
	if err := live.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	<-opened
	name := func(i int) string { return fmt.Sprintf("%s%02d", strings.Repeat("x", 91), i) }
	for i := range 90 {
		if err := live.Subscribed(ctx, "events:"+name(i)); err != nil {
			t.Fatal(err)
		}
	}
	publish := func(i int) apier.EventID {
		e, err := publisher.Publish(ctx, apier.NewEvent{Type: name(i), Source: "test", Payload: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	want := publish(0)
	for _, i := range []int{89, 45} {
		if got := <-told; got != want {
			t.Fatalf("told of %s, want %s", got, want)
		}
		n.cut()
		select {
		case <-closed:
		case <-ctx.Done():
			t.Fatal("the loss is not noticed")
		}
		want = publish(i) // perhaps before it is back
		select {
		case resumed := <-opened:
			if !resumed {
				t.Fatal("it did not resume")
			}
		case <-ctx.Done():
			t.Fatalf("it does not come back: %v", live.Status().Err)
		}
	}
	if got := <-told; got != want {
		t.Errorf("told of %s, want %s", got, want)
	}
	if held := live.Subscriptions(); len(held) != 90 || !held[89].Live {
		t.Errorf("%d subscriptions, the last %+v", len(held), held[len(held)-1])
	}
}

// A proxy takes request lines of 8 KiB at most, as nginx does with its defaults (C3).
func TestManyChannelsComeBackThroughAProxy(t *testing.T) {
	t.Parallel()
	var at address
	stop := at.run(t, t.TempDir())
	defer stop()
	target := &url.URL{Scheme: "http", Host: *at.now.Load()}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.RequestURI) > 8<<10 {
			http.Error(w, "414 Request-URI Too Large", http.StatusRequestURITooLong)
			return
		}
		if len(r.RequestURI) > 2<<10 {
			t.Errorf("an address of %d bytes", len(r.RequestURI))
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	comesBackThrough(t, at.client(t, client.Options{}), &network{dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", front.Listener.Addr().String())
	}})
}

// The same through nginx with its default buffers, where there is one.
func TestManyChannelsComeBackThroughNginx(t *testing.T) {
	t.Parallel()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("there is no nginx here; TestManyChannelsComeBackThroughAProxy stands in for it")
	}
	var at address
	stop := at.run(t, t.TempDir())
	defer stop()
	folder, err := os.MkdirTemp("", "nginx") //nolint:usetesting // short, for the path of a socket has at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s")
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/g;
  server {
    listen unix:%[2]s;
    location / {
      proxy_pass http://%[3]s; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }
  }
}`, folder, socket, *at.now.Load())
	path := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), nginx, "-p", folder, "-e", filepath.Join(folder, "error.log"), "-c", path)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	comesBackThrough(t, at.client(t, client.Options{}), &network{dial: func(ctx context.Context) (conn net.Conn, err error) {
		for { // until it listens
			if conn, err = (&net.Dialer{}).DialContext(ctx, "unix", socket); err == nil || ctx.Err() != nil {
				return conn, err
			}
		}
	}})
}
