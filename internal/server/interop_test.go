package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/apier/apier"
)

// patience bounds how long a test waits for what must come.
const patience = 60 * time.Second

// peer is somebody else's WebSocket client.
type peer interface {
	hear() (string, error)
	say(text string) error
	ping() error // and its pong has come
	leave() error
	extensions() string
}

// dialer connects a peer; where it is refused, it gives the answer.
type dialer func(t *testing.T, url string, protocols []string, header http.Header, compress bool) (peer, *http.Response, error)

// heard is what a peer has read, and how its reading ended.
type heard struct {
	texts chan string
	ended chan error
}

func newHeard() heard { return heard{texts: make(chan string, 100), ended: make(chan error, 1)} }

// tell takes what was read. Of a batch each frame counts by itself: whether frames come in one depends on how soon the
// second is there.
func (h heard) tell(text string) {
	var batch struct {
		Type string
		Data []json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &batch); err != nil || batch.Type != string(apier.FrameBatch) {
		h.texts <- text
		return
	}
	for _, frame := range batch.Data {
		h.texts <- string(frame)
	}
}

func (h heard) hear() (string, error) {
	select {
	case text := <-h.texts:
		return text, nil
	case err := <-h.ended:
		return "", err
	case <-time.After(patience):
		return "", errors.New("nothing comes")
	}
}

type gorillaPeer struct {
	heard
	conn  *gorilla.Conn
	res   *http.Response
	pongs chan string
}

func dialGorilla(t *testing.T, url string, protocols []string, header http.Header, compress bool) (peer, *http.Response, error) {
	t.Helper()
	d := gorilla.Dialer{HandshakeTimeout: patience, Subprotocols: protocols, EnableCompression: compress}
	conn, res, err := d.DialContext(t.Context(), url, header)
	if err != nil {
		return nil, res, err
	}
	p := &gorillaPeer{conn: conn, res: res, heard: newHeard(), pongs: make(chan string, 1)}
	conn.SetPongHandler(func(data string) error { p.pongs <- data; return nil })
	go p.read()
	t.Cleanup(func() { _ = conn.Close() })
	return p, res, nil
}

func (p *gorillaPeer) read() {
	for {
		kind, text, err := p.conn.ReadMessage()
		if err != nil {
			p.ended <- err
			return
		}
		if kind == gorilla.TextMessage {
			p.tell(string(text))
		}
	}
}

func (p *gorillaPeer) say(text string) error {
	return p.conn.WriteMessage(gorilla.TextMessage, []byte(text))
}

func (p *gorillaPeer) ping() error {
	if err := p.conn.WriteControl(gorilla.PingMessage, []byte("x"), time.Now().Add(patience)); err != nil {
		return err
	}
	select {
	case <-p.pongs:
		return nil
	case <-time.After(patience):
		return errors.New("no pong")
	}
}

func (p *gorillaPeer) leave() error {
	if err := p.conn.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, "bye"), time.Now().Add(patience)); err != nil {
		return err
	}
	for {
		if _, err := p.hear(); gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
			return nil
		} else if err != nil {
			return fmt.Errorf("ended with %w", err)
		}
	}
}

func (p *gorillaPeer) extensions() string { return p.res.Header.Get("Sec-WebSocket-Extensions") }

type coderPeer struct {
	heard
	ctx  context.Context //nolint:containedctx // of the test
	conn *coder.Conn
	res  *http.Response
}

func dialCoder(t *testing.T, url string, protocols []string, header http.Header, compress bool) (peer, *http.Response, error) {
	t.Helper()
	mode := coder.CompressionDisabled
	if compress {
		mode = coder.CompressionNoContextTakeover
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	conn, res, err := coder.Dial(t.Context(), url, &coder.DialOptions{
		HTTPClient: client, HTTPHeader: header, Subprotocols: protocols, CompressionMode: mode, CompressionThreshold: 1,
	})
	if err != nil {
		return nil, res, err
	}
	conn.SetReadLimit(1 << 20)
	p := &coderPeer{ctx: t.Context(), conn: conn, res: res, heard: newHeard()}
	go p.read()
	t.Cleanup(func() { _ = conn.CloseNow() })
	return p, res, nil
}

func (p *coderPeer) read() {
	for {
		_, text, err := p.conn.Read(p.ctx)
		if err != nil {
			p.ended <- err
			return
		}
		p.tell(string(text))
	}
}

func (p *coderPeer) say(text string) error {
	return p.conn.Write(p.ctx, coder.MessageText, []byte(text))
}

func (p *coderPeer) ping() error { return p.conn.Ping(p.ctx) }

func (p *coderPeer) leave() error { return p.conn.Close(coder.StatusNormalClosure, "bye") }

func (p *coderPeer) extensions() string { return p.res.Header.Get("Sec-WebSocket-Extensions") }

// running starts a whole server and gives a token for it.
func running(t *testing.T, opt Options) (s *Server, token string) {
	t.Helper()
	opt.Data = t.TempDir()
	s, stop := start(t, opt)
	t.Cleanup(stop)
	var answer struct {
		Token string `json:"access_token"`
	}
	call(t, s, "/api/token", "", "grant_type=client_credentials&client_secret="+s.FirstKey, &answer)
	return s, answer.Token
}

// start runs a server until stop, which waits for its end and may be called again.
func start(t *testing.T, opt Options) (s *Server, stop func()) {
	t.Helper()
	opt.Listen, opt.LogLevel, opt.DrainTimeout = "127.0.0.1:0", "error", time.Second
	s, err := New(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// call posts and reads the answer.
func call(t *testing.T, s *Server, path, token, body string, answer any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.LocalURL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 || json.Unmarshal(text, answer) != nil {
		t.Fatalf("%s: %d %s %v", path, res.StatusCode, text, err)
	}
}

// expect reads on until a frame of a type.
func expect(t *testing.T, p peer, frameType apier.FrameType) string {
	t.Helper()
	for {
		text, err := p.hear()
		if err != nil {
			t.Fatalf("waiting for %s: %v", frameType, err)
		}
		if strings.HasPrefix(text, `{"type":"`+string(frameType)+`"`) {
			return text
		}
	}
}

func TestOtherClients(t *testing.T) {
	t.Parallel()
	s, token := running(t, Options{Compression: true})
	ws := "ws" + strings.TrimPrefix(s.LocalURL(), "http") + "/ws"
	for name, dial := range map[string]dialer{"gorilla": dialGorilla, "coder": dialCoder} {
		for _, compress := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, compressed %v", name, compress), func(t *testing.T) {
				t.Parallel()
				p, res, err := dial(t, ws, []string{"apier.v1", "bearer." + token}, nil, compress)
				if err != nil {
					t.Fatal(err)
				}
				if got := res.Header.Get("Sec-WebSocket-Protocol"); got != "apier.v1" {
					t.Errorf("subprotocol %q", got)
				}
				if got := p.extensions(); (got != "") != compress {
					t.Errorf("extensions %q", got)
				}
				expect(t, p, apier.FrameSession)
				expect(t, p, apier.FrameMetricsUpdate) // behind session: what the metrics are
				converse(t, s, token, p)
				if err := p.leave(); err != nil {
					t.Errorf("the close handshake: %v", err)
				}
			})
		}
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			if _, res, err := dial(t, ws+"?token=bad", nil, nil, false); err == nil || res == nil || res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%v", err)
			}
		})
		t.Run(name+" with a ticket, plain", func(t *testing.T) {
			t.Parallel()
			var ticket struct{ Ticket string }
			call(t, s, "/api/ws-tickets", token, "", &ticket)
			p, _, err := dial(t, ws+"?ticket="+ticket.Ticket, nil, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.say(`{"type":"ping"}`); err != nil {
				t.Fatal(err)
			}
			expect(t, p, apier.FramePong)
			if _, res, err := dial(t, ws+"?ticket="+ticket.Ticket, nil, nil, false); err == nil || res.StatusCode != http.StatusUnauthorized {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// converse goes through what a client does: pings, an event with a long payload, its snapshot, an error.
func converse(t *testing.T, s *Server, token string, p peer) {
	t.Helper()
	if err := p.ping(); err != nil {
		t.Errorf("ping: %v", err)
	}
	note := strings.Repeat("long ", 500)
	var made struct{ ID string }
	call(t, s, "/api/events", s.FirstKey, fmt.Sprintf(`{"type":"order.created","source":"shop","payload":{"note":%q}}`, note), &made)
	for created := ""; !strings.Contains(created, made.ID); {
		text, err := p.hear()
		if err != nil {
			t.Fatal(err)
		}
		if created = text; strings.Contains(text, made.ID) && !strings.Contains(text, note) {
			t.Errorf("the payload did not come whole: %s", text)
		}
	}
	for _, m := range []string{`{"type":"subscribe","id":"s","data":{"channel":"event:` + made.ID + `"}}`, `{"type":"nonsense","id":"n"}`} {
		if err := p.say(m); err != nil {
			t.Fatal(err)
		}
	}
	if text := expect(t, p, apier.FrameSnapshot); !strings.Contains(text, `"status":"pending"`) || !strings.Contains(text, note) {
		t.Errorf("snapshot %s", text)
	}
	expect(t, p, apier.FrameSubscribe)
	if text := expect(t, p, apier.FrameError); !strings.Contains(text, `"unknown_type"`) {
		t.Errorf("got %s", text)
	}
}

// plain is what a client written from the guide may rely on: the members of an envelope, and of what it tells.
func plain(t *testing.T, text string, members ...string) map[string]json.RawMessage {
	t.Helper()
	var envelope, data map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &envelope); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(envelope["data"], &data); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if got := slices.Sorted(maps.Keys(envelope)); !slices.Equal(got, []string{"data", "timestamp", "type"}) {
		t.Errorf("an envelope with %q", got)
	}
	if got := slices.Sorted(maps.Keys(data)); members != nil && !slices.Equal(got, members) {
		t.Errorf("data with %q, want %q", got, members)
	}
	return data
}

// TestOtherClientsInThePlainDialect holds the frames to the shapes of the integration guide (FAULTS B5, D8).
func TestOtherClientsInThePlainDialect(t *testing.T) {
	t.Parallel()
	for name, dial := range map[string]dialer{"gorilla": dialGorilla, "coder": dialCoder} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, token := running(t, Options{})
			p, _, err := dial(t, "ws"+strings.TrimPrefix(s.LocalURL(), "http")+"/ws?token="+token, nil, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			var made struct{ ID string }
			long := fmt.Sprintf(`{"type":"order.created","source":"shop","payload":{"note":%q}}`, strings.Repeat("long ", 1000))
			call(t, s, "/api/events", s.FirstKey, long, &made)
			created := plain(t, expect(t, p, apier.FrameEventCreated))
			if got := string(created["payload"]) + string(created["payload_truncated"]); got != "{}true" {
				t.Errorf("a long payload comes as %s", got)
			}
			plain(t, expect(t, p, apier.FrameMetricsUpdate), "delivered_events", "failed_events", "pending_events", "total_events")
			call(t, s, "/api/inbox/"+made.ID+"/ack", s.FirstKey, "", &struct{}{})
			plain(t, expect(t, p, apier.FrameEventUpdate), "delivery_latency_ms", "id", "status", "updated_at")
		})
	}
}
