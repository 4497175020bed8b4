package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

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
	c, err := client.New("http://127.0.0.1:1", client.Options{MaxRetries: -1, TokenSource: tokens(func(context.Context) (string, error) { return "t", nil })})
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
