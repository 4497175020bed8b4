//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/apier/apier/bench/internal/load"
)

const readyWithin = 15 * time.Second

// apierServer is the real binary with a fresh database.
type apierServer struct {
	*child
	profiler int // port
	key      string
	secret   string
	client   *http.Client
}

// startApier starts it, with more arguments than are needed anyway.
func (b *bench) startApier(ctx context.Context, more ...string) (*apierServer, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	profiler, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	args := append([]string{
		"serve", "--listen", "127.0.0.1:" + strconv.Itoa(port),
		"--data", filepath.Join(b.temp, "data-"+strconv.Itoa(port)), "--log-level", "warn",
		"--max-connections", "0", "--max-connections-per-user", "0", "--max-connections-per-ip", "0",
		"--max-http-connections", "4000", "--max-http-connections-per-ip", "0", "--webhook-requests-per-second", "0",
		"--requests-per-second", "0", "--messages-per-second", "0", "--drain-timeout", "100ms",
		"--profiler-listen", "127.0.0.1:" + strconv.Itoa(profiler),
	}, more...)
	c, err := b.command(ctx, b.opt.apier, args...)
	if err != nil {
		return nil, err
	}
	c.port = port
	s := &apierServer{child: c, profiler: profiler, key: "apier_" + random(), secret: random(), client: &http.Client{Timeout: time.Minute}}
	c.cmd.Env = append(os.Environ(), "APIER_API_KEY="+s.key, "APIER_JWT_SECRET="+s.secret)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start apier (build it first: make build): %w", err)
	}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // it listens on tcp
}

func random() string {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	return hex.EncodeToString(raw)
}

func (s *apierServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if _, err := s.call(ctx, http.MethodGet, "/readyz", nil); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("apier is not ready after %v: %s", readyWithin, s.complaint())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// call makes a request and gives the answer's body; a status of 300 or more is an error.
func (s *apierServer) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:"+strconv.Itoa(s.port)+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, answer.Status, text)
	}
	return text, err
}

// stored counts the events that the server has.
func (s *apierServer) stored(ctx context.Context) (int, error) {
	text, err := s.call(ctx, http.MethodGet, "/api/metrics/summary", nil)
	if err != nil {
		return 0, err
	}
	var summary struct{ Total int }
	return summary.Total, json.Unmarshal(text, &summary)
}

// upgrades gives the requests of n users. Their tokens are made here, as a customer's own server would.
func (s *apierServer) upgrades(n int, path string) []load.Upgrade {
	all := make([]load.Upgrade, n)
	for i := range all {
		all[i] = load.Upgrade{Path: path, Token: token(s.secret, user(i))}
	}
	return all
}

func user(i int) string { return "user-" + strconv.Itoa(i) }

// token makes a JWT, HS256 (RFC 7515, appendix A.1).
func token(secret, subject string) string {
	return sign(secret, fmt.Sprintf(`{"sub":%q,"exp":%d}`, subject, time.Now().Add(time.Hour).Unix()))
}

// tokenOf makes one of a tenant that may lease.
func tokenOf(secret, subject, tenant string) string {
	return sign(secret, fmt.Sprintf(`{"sub":%q,"tenant":%q,"scope":"events:read events:write","exp":%d}`, subject, tenant, time.Now().Add(time.Hour).Unix()))
}

func sign(secret, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed)) // a hash never fails to write
	return signed + "." + encode(mac.Sum(nil))
}
