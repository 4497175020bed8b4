package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
)

// patience bounds how long a test waits for what must come. It is never waited out in a passing run.
const patience = 60 * time.Second

const (
	epoch      = "abc123def456"
	run        = "0123456789ab"
	earlierRun = "ba9876543210"
)

// fakeStore is a History: the latest change of each event, and what was deleted.
type fakeStore struct {
	mu                sync.Mutex
	seq               apier.Seq
	latest            map[apier.EventID]apier.Change
	births            map[apier.EventID]apier.Seq
	floor             apier.Seq
	err               error
	counts            bool // metrics can be read
	before, meanwhile func()
	counting          func() // called behind the count of metrics, before it is given
	publish           func([]apier.Change)
}

// Holds knows an earlier run, which had come to seq 4.
func (s *fakeStore) Holds(_ context.Context, _ apier.TenantID, name string, seq apier.Seq) (bool, error) {
	return name == run || name == earlierRun && seq <= 4, nil
}

func (s *fakeStore) Changes(_ context.Context, tenant apier.TenantID, after apier.Seq, limit int, _ bool) (ChangePage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return ChangePage{}, s.err
	}
	if after < s.floor {
		return ChangePage{Lost: true, Seq: s.seq}, nil
	}
	var page ChangePage
	for _, c := range s.latest {
		if c.Seq > after && c.Tenant == tenant {
			if c.Kind == apier.Updated && s.births[c.Event.ID] > after {
				c.Kind = apier.Created
			}
			page.Changes = append(page.Changes, c)
		}
	}
	slices.SortFunc(page.Changes, func(a, b apier.Change) int { return int(a.Seq - b.Seq) })
	page.Seq = s.seq
	if len(page.Changes) > limit {
		page.Changes, page.More = page.Changes[:limit], true
		page.Seq = page.Changes[limit-1].Seq
	}
	return page, nil
}

// Snapshot gives one event; before and meanwhile, if set, are called before the look and behind it.
func (s *fakeStore) Snapshot(_ context.Context, tenant apier.TenantID, channel apier.Channel) (apier.Snapshot, error) {
	s.mu.Lock()
	before, meanwhile := s.before, s.meanwhile
	s.mu.Unlock()
	if before != nil {
		before()
	}
	s.mu.Lock()
	err := s.err
	c, ok := s.latest[channel.EventID()]
	s.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	if err != nil || !ok || c.Tenant != tenant || c.Kind == apier.Deleted {
		return apier.Snapshot{}, err
	}
	return apier.Snapshot{Event: &c.Event, Seq: c.Seq}, nil
}

// Metrics counts the events, where a test wants them: they would stand between a session and what follows.
func (s *fakeStore) Metrics(context.Context, apier.TenantID) (apier.Metrics, error) {
	s.mu.Lock()
	counting, m, err := s.counting, apier.Metrics{Total: int64(len(s.latest))}, s.err
	if !s.counts {
		err = errors.New("not counted")
	}
	s.mu.Unlock()
	if counting != nil {
		counting()
	}
	return m, err
}

// commit stores one change and announces it, as the store's writer would.
func (s *fakeStore) commit(tenant apier.TenantID, kind apier.ChangeKind, id, eventType, payload string) apier.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	c := apier.EventChange(tenant, kind, apier.Event{
		ID: apier.EventID(id), Type: eventType, Source: "test", Payload: json.RawMessage(payload),
		Status: apier.StatusPending, Seq: s.seq, DeliveryLatencyMS: -1, DeliveryAttempts: int(s.seq),
	})
	if kind == apier.Created {
		s.births[c.Event.ID] = s.seq
	}
	s.latest[c.Event.ID] = c
	s.publish([]apier.Change{c})
	return s.seq
}

func (s *fakeStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// forget makes the store tell nothing of what was before now, ever.
func (s *fakeStore) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.floor = 1 << 60
}

func (s *fakeStore) create(id string) apier.Seq {
	return s.commit("t1", apier.Created, id, "order.created", `{}`)
}

// fakeAuth knows tokens by name.
type fakeAuth struct {
	mu  sync.Mutex
	ids map[string]auth.Identity

	used map[string]struct{} // tickets
	held func(token string)  // called before a credential is looked at

	heldKey func() // called before a key is looked at
}

func (a *fakeAuth) holdKey(hold func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heldKey = hold
}

// hold has the look at a token tell that it was asked, and wait.
func (a *fakeAuth) hold(token string, asked, answer chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = func(given string) {
		if given == token {
			close(asked)
			<-answer
		}
	}
}

func (a *fakeAuth) Credential(_ context.Context, token string) (auth.Identity, error) {
	a.mu.Lock()
	held := a.held
	a.mu.Unlock()
	if held != nil {
		held(token)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok := a.ids[token]
	if !ok {
		return id, apier.Errorf(apier.CodeUnauthorized, "The token is not valid.")
	}
	return id, nil
}

// set makes a token that may read; no channels permit none.
func (a *fakeAuth) set(token string, tenant apier.TenantID, subject string, channels ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[token] = auth.Identity{Tenant: tenant, Subject: subject, Scopes: []string{auth.ScopeRead}, Channels: append([]string{}, channels...)}
}

// Ticket knows one ticket for each token: its name with a T before it, good once.
func (a *fakeAuth) Ticket(ctx context.Context, ticket string) (auth.Identity, error) {
	a.mu.Lock()
	_, used := a.used[ticket]
	a.used[ticket] = struct{}{}
	a.mu.Unlock()
	name, ok := strings.CutPrefix(ticket, "T")
	if !ok || used {
		return auth.Identity{}, apier.Errorf(apier.CodeUnauthorized, "The ticket is unknown.")
	}
	return a.Credential(ctx, name)
}

func (a *fakeAuth) CheckKey(_ context.Context, id auth.Identity) error {
	a.mu.Lock()
	held := a.heldKey
	a.mu.Unlock()
	if held != nil {
		held()
	}
	if id.KeyID == "revoked" {
		return apier.Errorf(apier.CodeUnauthorized, "revoked")
	}
	return nil
}

type bench struct {
	g     *Gateway
	store *fakeStore
	auth  *fakeAuth
	addr  string
	stop  context.CancelFunc // ends Run
	done  chan struct{}      // Run has returned
}

// commitsOf returns the commit of each tenant's changes.
func commitsOf(changes ...apier.Change) (commits []apier.Commit) {
	for _, c := range changes {
		i := slices.IndexFunc(commits, func(of apier.Commit) bool { return of.Tenant == c.Tenant })
		if i < 0 {
			i, commits = len(commits), append(commits, apier.Commit{Tenant: c.Tenant})
		}
		commits[i].Changes, commits[i].Upto = append(commits[i].Changes, c), c.Seq
	}
	return commits
}

func newBench(t testing.TB, opt Options) *bench {
	t.Helper()
	h := hub.New(opt.MaxQueue, 0)
	b := &bench{
		store: &fakeStore{latest: map[apier.EventID]apier.Change{}, births: map[apier.EventID]apier.Seq{}},
		auth: &fakeAuth{used: map[string]struct{}{}, ids: map[string]auth.Identity{
			"good":     {Tenant: "t1", Subject: "u1", Scopes: []string{auth.ScopeRead}},
			"other":    {Tenant: "t1", Subject: "u2", Scopes: []string{auth.ScopeRead}},
			"foreign":  {Tenant: "t2", Subject: "u1", Scopes: []string{auth.ScopeRead}},
			"writer":   {Tenant: "t1", Subject: "w", Scopes: []string{auth.ScopeWrite}},
			"orders":   {Tenant: "t1", Subject: "o", Scopes: []string{auth.ScopeRead}, Channels: []string{"events:order.*"}},
			"rekeyed":  {Tenant: "t1", Subject: "k", Scopes: []string{auth.ScopeRead}, KeyID: "revoked"},
			"expiring": {Tenant: "t1", Subject: "e", Scopes: []string{auth.ScopeRead}, ExpiresAt: time.Now().Add(time.Hour)},
		}},
		done: make(chan struct{}),
	}
	opt.Epoch, opt.Run, opt.portable = epoch, run, portable
	opt.Log = slog.New(slog.DiscardHandler)
	b.g = New(h, b.auth, b.store, opt)
	b.store.publish = func(changes []apier.Change) { b.g.Publish(commitsOf(changes...), time.Now()) }
	web := httptest.NewUnstartedServer(b.g)
	web.Listener = b.g.Door(web.Listener, b.g)
	web.Start()
	b.addr = web.Listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() {
		defer close(b.done)
		_ = b.g.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-b.done
		web.Close()
		if n := b.g.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if b.g.limits.total != 0 || b.g.limits.waits != 0 || len(b.g.limits.users) != 0 || len(b.g.limits.ips) != 0 {
			t.Errorf("places are still held: %+v", b.g.limits)
		}
	})
	return b
}

// client is a plain WebSocket client that shows every frame.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

type answer struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Code      string          `json:"code"`
	Channel   string          `json:"channel"`
	Seq       apier.Seq       `json:"seq"`
	Timestamp string          `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// dial connects; query is what follows "?", and headers are "Name: value".
func (b *bench) dial(t testing.TB, query string, headers ...string) *client {
	t.Helper()
	c, res := b.tryDial(t, query, headers...)
	if c == nil {
		t.Fatalf("refused with %d", res.StatusCode)
	}
	return c
}

func (b *bench) tryDial(t testing.TB, query string, headers ...string) (*client, *http.Response) {
	t.Helper()
	nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	request := "GET /ws?" + query + " HTTP/1.1\r\nHost: " + b.addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, h := range headers {
		request += h + "\r\n"
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(nc, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(nc)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil, res
	}
	return &client{t: t, conn: nc, r: r}, res
}

func (c *client) write(frames ...ws.Frame) {
	c.t.Helper()
	for _, f := range frames {
		if err := ws.WriteFrame(c.conn, ws.MaskFrame(f)); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *client) say(text string) { c.t.Helper(); c.write(ws.NewTextFrame([]byte(text))) }

// frame gives the next frame of any kind.
func (c *client) frame() (ws.Frame, error) {
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		return ws.Frame{}, err
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c.r, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}

// hear gives the next envelope; a batch comes as its parts, one after the other.
func (c *client) hear() answer {
	c.t.Helper()
	for {
		f, err := c.frame()
		if err != nil {
			c.t.Fatalf("no message: %v", err)
		}
		switch f.Header.OpCode {
		case ws.OpText:
			var a answer
			if err := json.Unmarshal(f.Payload, &a); err != nil {
				c.t.Fatalf("%v: %s", err, f.Payload)
			}
			return a
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(f.Payload)
			c.t.Fatalf("closed with %d %s", code, reason)
		}
	}
}

// expect gives the next envelope, which must be of a type.
func (c *client) expect(frameType apier.FrameType) answer {
	c.t.Helper()
	a := c.hear()
	if a.Type != string(frameType) {
		c.t.Fatalf("got %s %s %s, want %s", a.Type, a.Code, a.Data, frameType)
	}
	return a
}

// narrow leaves the client's socket little room, so that the server's is soon full.
func (c *client) narrow() {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
}

// sync waits until everything sent before has been handled.
func (c *client) sync() {
	c.t.Helper()
	c.say(`{"type":"ping","id":"sync"}`)
	for {
		if a := c.hear(); a.Type == "pong" && a.ID == "sync" {
			return
		}
	}
}

// expectClose reads on until the server closes, and answers the handshake.
func (c *client) expectClose(want apier.CloseCode) (reason string) {
	c.t.Helper()
	for {
		f, err := c.frame()
		if err != nil {
			c.t.Fatalf("ended without a close frame: %v; want %d", err, want)
		}
		if f.Header.OpCode != ws.OpClose {
			continue
		}
		code, reason := ws.ParseCloseFrameData(f.Payload)
		if apier.CloseCode(code) != want {
			c.t.Fatalf("closed with %d %q, want %d", code, reason, want)
		}
		_ = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(f.Payload)))
		if _, err := c.frame(); !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !isReset(err) {
			c.t.Fatalf("the server goes on after its close frame: %v", err)
		}
		return reason
	}
}

func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }

// collect gives the next n envelopes, those of batches one by one.
func (c *client) collect(n int) []answer {
	c.t.Helper()
	var all []answer
	for len(all) < n {
		all = append(all, c.envelopes()...)
	}
	return all
}

// envelopes gives every envelope of the next frame.
func (c *client) envelopes() []answer {
	a := c.hear()
	if a.Type != "batch" {
		return []answer{a}
	}
	var parts []answer
	if err := json.Unmarshal(a.Data, &parts); err != nil {
		c.t.Fatal(err)
	}
	return parts
}
