package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/apier/apier"
	"github.com/apier/apier/client"
)

// TestSnippetsAreThoseThatCompile holds the Go snippets of the pages to the functions of example_test.go.
func TestSnippetsAreThoseThatCompile(t *testing.T) {
	t.Parallel()
	source := plain(t, "example_test.go")
	for _, page := range []string{"../docs/go-client.md", "../README.md"} {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
		if len(snippets) == 0 {
			t.Errorf("%s has no snippet", page)
		}
		for _, s := range snippets {
			if !strings.Contains(source, dedented(s[1])) {
				t.Errorf("%s: this is not in example_test.go:\n%s", page, s[1])
			}
		}
	}
}

func plain(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return dedented(string(raw))
}

func dedented(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

func TestTheRecipesAreUsable(t *testing.T) {
	t.Parallel()
	c, err := client.New("http://127.0.0.1:1", client.Options{MaxRetries: -1, TokenSource: tokens(func(context.Context) (string, time.Duration, error) { return "t", time.Hour, nil })})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := map[string]error{
		"orders":   followOrders(ctx, "t"),
		"keepCopy": keepCopy(ctx, c, map[apier.EventID]apier.Event{}),
		"goOn":     goOnAfterARestart(ctx, c, func() client.Cursor { return client.Cursor{} }, func(client.Cursor) error { return nil }),
		"follow":   followEndpoint(ctx, c, "ep_1"),
		"group":    consumeInAGroup(ctx, c, func([]client.Leased) error { return nil }),
		"webhooks": setUpWebhooks(ctx, c, func(string) {}),
		"consume":  consume(ctx, c, func(apier.Event) error { return nil }),
		"poll":     pollWhereWebSocketsAreBlocked(ctx, c, func([]apier.Event) {}),
	}
	for name, err := range ended {
		if err == nil {
			t.Errorf("%s: no error when its context is over", name)
		}
	}
	live, err := watchOneEvent(ctx, c, "evt_1", func(client.Status) {})
	if err != nil {
		t.Fatal(err)
	}
	live.Close()
}

// A payload over 4 KiB is not in the frame, and the copy has it nevertheless; an event that is gone by then is left out.
func TestTheCopyHasLongPayloads(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ws":
			tell(w, r, `{"type":"session","data":{"session":"s_1","epoch":"e","seq":1,"resumed":false,"channels":["events"]}}`,
				`{"type":"event_created","channel":"events","seq":2,"data":{"id":"evt_1","type":"order.created","status":"pending","payload_truncated":true}}`,
				`{"type":"event_created","channel":"events","seq":3,"data":{"id":"evt_2","type":"order.created","status":"pending","payload_truncated":true}}`)
		case "/api/events/evt_1":
			_, _ = io.WriteString(w, `{"id":"evt_1","type":"order.created","status":"pending","payload":{"long":"…"},"seq":2}`)
		case "/api/events":
			_, _ = io.WriteString(w, `{"events":[],"has_more":false,"seq":1}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	c, err := client.New(s.URL, client.Options{MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	kept := map[apier.EventID]apier.Event{}
	if err := keepCopy(t.Context(), c, kept); !errors.Is(err, client.ErrAuth) {
		t.Error(err)
	}
	if len(kept) != 1 || string(kept["evt_1"].Payload) != `{"long":"…"}` {
		t.Errorf("%+v", kept)
	}
}

// What became of an event meanwhile, somebody else's or deleted, is no reason to stop consuming.
func TestConsumeGoesOnBehindAnEventThatIsGone(t *testing.T) {
	t.Parallel()
	var acked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && len(acked) > 0:
			w.WriteHeader(http.StatusForbidden)
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, `[{"id":"evt_1","lease":{"id":"lea_1"}},{"id":"evt_2","lease":{"id":"lea_2"}},{"id":"evt_3","lease":{"id":"lea_3"}}]`)
		default:
			acked = append(acked, r.URL.Path)
			w.WriteHeader([]int{http.StatusConflict, http.StatusNotFound, http.StatusForbidden}[len(acked)-1])
		}
	}))
	defer s.Close()
	c, err := client.New(s.URL, client.Options{MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var fault *apier.Error
	err = consume(t.Context(), c, func(apier.Event) error { return nil })
	if !errors.As(err, &fault) || fault.Code != apier.CodeForbidden || len(acked) != 3 {
		t.Errorf("%q, %v", acked, err)
	}
}

// A token is kept as long as it is good, and asked for anew where the one that is kept is not.
func TestTokensAreKept(t *testing.T) {
	t.Parallel()
	logins := 0
	source := tokens(func(context.Context) (string, time.Duration, error) {
		logins++
		return fmt.Sprint("t", logins), time.Hour, nil
	})
	for _, step := range []struct {
		reason client.TokenReason
		want   string
	}{
		{client.TokenRequest, "t1"},
		{client.TokenConnect, "t1"},
		{client.TokenExpiring, "t2"},
		{client.TokenReconnect, "t2"},
		{client.TokenUnauthorized, "t3"},
		{client.TokenRequest, "t3"},
	} {
		if got, err := source(t.Context(), step.reason); got != step.want || err != nil {
			t.Errorf("%s: %s, want %s; %v", step.reason, got, step.want, err)
		}
	}
}

// tell sends frames, and closes with 4403.
func tell(w http.ResponseWriter, r *http.Request, frames ...string) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	for _, frame := range frames {
		_ = ws.Write(r.Context(), websocket.MessageText, []byte(frame))
	}
	_ = ws.Close(websocket.StatusCode(apier.CloseForbidden), "forbidden")
}
