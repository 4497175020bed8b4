package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/client"
	"github.com/apier/apier/internal/server"
)

const goClientKey = "apier_0123456789abcdefghijklmnopqrstuvwxyz"

// address leads to the server that runs at the moment. Each is given a port by the system: one that was free a moment
// ago, or that the server before has left, may be somebody else's by now.
type address struct{ now atomic.Pointer[string] }

// client gives a client that finds the server there.
func (a *address) client(t *testing.T, opt client.Options) *client.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		now := a.now.Load()
		if now == nil {
			return nil, errors.New("no server runs")
		}
		return (&net.Dialer{}).DialContext(ctx, network, *now)
	}}
	opt.Token, opt.HTTPClient = goClientKey, &http.Client{Transport: transport}
	c, err := client.New("http://server", opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		transport.CloseIdleConnections()
	})
	return c
}

// run runs a server on a directory until the returned function is called.
func (a *address) run(t *testing.T, data string, change ...func(*server.Options)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	opt := server.Options{
		Listen: "127.0.0.1:0", Data: data, APIKey: goClientKey, MessagesPerSecond: 100, MessageBurst: 100, MaxMessageBytes: 1 << 15, MaxSubscriptions: 100,
		MaxQueueBytes: 1 << 20, PingAfter: 25 * time.Second, SilenceTimeout: time.Minute, WriteTimeout: 30 * time.Second,
		ReconnectWindow: 50 * time.Millisecond, DrainTimeout: 5 * time.Second, MaxPayloadBytes: 1 << 18, MaxBatchBytes: 1 << 23, TokenTTL: time.Hour,
		WriteQueue: 4096, TombstoneRetention: time.Hour, IdempotencyRetention: time.Hour, LogFormat: "text", LogLevel: "error",
	}
	for _, c := range change {
		c(&opt)
	}
	s, err := server.New(ctx, opt)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	local := strings.TrimPrefix(s.LocalURL(), "http://")
	a.now.Store(&local)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return sync.OnceFunc(func() {
		a.now.Store(nil)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
}

// TestTheGoClientKeepsAnExactCopyOverRestarts restarts the server under a running iteration, again and again, and
// compares what the iteration told with what the server has.
func TestTheGoClientKeepsAnExactCopyOverRestarts(t *testing.T) {
	var at address
	data := t.TempDir()
	stop := at.run(t, data)
	defer func() { stop() }()

	c := at.client(t, client.Options{InitialReconnectDelay: 10 * time.Millisecond, MaxReconnectDelay: 50 * time.Millisecond, Jitter: client.JitterFull})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	seen := map[apier.EventID]apier.Status{}
	iteration := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		iteration <- func() error {
			last := apier.Seq(0)
			for item, err := range c.Events(ctx) {
				switch {
				case err != nil:
					return err
				case item.Resync == client.ResyncStart:
					close(started)
				case item.Resync != "":
					return fmt.Errorf("a resync over a restart: %s", item.Resync)
				case item.Event.Seq <= last:
					return fmt.Errorf("seq %d after %d", item.Event.Seq, last)
				case item.Kind == apier.Deleted:
					delete(seen, item.Event.ID)
				default:
					seen[item.Event.ID] = item.Event.Status
				}
				last = max(last, item.Event.Seq)
				if item.Event.Type == "test.end" {
					return nil
				}
			}
			return nil
		}()
	}()
	<-started

	for round := range 4 {
		change(t, ctx, c, round)
		stop()
		stop = at.run(t, data)
	}
	change(t, ctx, c, 4)
	publish(t, ctx, c, "test.end")
	if err := <-iteration; err != nil {
		t.Fatal(err)
	}
	stored := map[apier.EventID]apier.Status{}
	for e, err := range c.List(ctx, client.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		stored[e.ID] = e.Status
	}
	if len(stored) < 100 || !maps.Equal(seen, stored) {
		t.Errorf("the iteration told of %d events, the store has %d", len(seen), len(stored))
	}
	summary, err := c.Summary(ctx)
	if err != nil || int(summary.Total) != len(stored) {
		t.Errorf("%+v, %v", summary, err)
	}
}

// newGoClient runs a server, and makes a client of it.
func newGoClient(t *testing.T) *client.Client {
	t.Helper()
	var at address
	t.Cleanup(at.run(t, t.TempDir()))
	return at.client(t, client.Options{})
}

func TestTheGoClientManagesEndpoints(t *testing.T) {
	c, ctx := newGoClient(t), t.Context()
	made, secret, err := c.CreateEndpoint(ctx, client.NewEndpoint{URL: "http://127.0.0.1:9/in", Types: []string{"order.*"}, Paused: true})
	if err != nil || secret == "" || made.ID == "" || made.TimeoutMS == 0 || made.Status != apier.EndpointPaused || made.Warning == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	event := publish(t, ctx, c, "order.paid")
	if got, err := c.Recipients(ctx, apier.NewEvent{Type: "order.paid", Source: "shop", Payload: json.RawMessage(`{}`)}); err != nil || !slices.Equal(got, []apier.EndpointID{made.ID}) {
		t.Error(got, err)
	}
	var delivery apier.DeliveryID
	pending := client.DeliveryFilter{Status: apier.DeliveryPending, Since: time.Now().Add(-time.Hour)}
	for name, walk := range map[string]iter.Seq2[apier.Delivery, error]{
		"endpoint": c.EndpointDeliveries(ctx, made.ID, pending), "event": c.EventDeliveries(ctx, event, client.DeliveryFilter{}),
	} {
		n := 0
		for d, err := range walk {
			if n++; err != nil || d.EventID != event || d.EndpointID != made.ID || d.Status != apier.DeliveryPending {
				t.Errorf("%s: %+v, %v", name, d, err)
			}
			delivery = d.ID
		}
		if n != 1 {
			t.Errorf("%s: %d deliveries", name, n)
		}
	}
	if d, err := c.Delivery(ctx, delivery); err != nil || d.ID != delivery {
		t.Errorf("%+v, %v", d, err)
	}
	if got, err := c.Attempts(ctx, delivery); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	attempt, err := c.TestEndpoint(ctx, made.ID, "", nil)
	if err != nil || attempt.OK() || attempt.ErrorKind != apier.ErrorBlocked {
		t.Errorf("%+v, %v", attempt, err)
	}
	updated, err := c.UpdateEndpoint(ctx, made.ID, client.EndpointUpdate{URL: new("https://hooks.example.com/in"), Types: []string{}, RetryScheduleMS: []int64{0, 1000}})
	if err != nil || updated.Warning != "" || len(updated.Types) != 0 || len(updated.RetryScheduleMS) != 2 || updated.Status != apier.EndpointPaused {
		t.Errorf("%+v, %v", updated, err)
	}
	if got, err := c.RotateSecret(ctx, made.ID, time.Hour); err != nil || got == secret || got == "" {
		t.Error("the secret is not another one", err)
	}
	if n, err := c.CountRecoverable(ctx, made.ID, client.RecoverOptions{Since: time.Now().Add(-time.Hour)}); err != nil || n != 0 {
		t.Error(n, err)
	}
	recovery, err := c.Recover(ctx, made.ID, client.RecoverOptions{Kind: apier.RecoverReplay, Since: time.Now().Add(-time.Hour), Types: []string{"none"}})
	if err != nil || recovery.ID == "" {
		t.Fatalf("%+v, %v", recovery, err)
	}
	stopped, err := c.StopRecovery(ctx, recovery.ID)
	if err != nil || stopped.Status == apier.RecoveryRunning {
		t.Errorf("%+v, %v", stopped, err)
	}
	if got, err := c.Recovery(ctx, recovery.ID); err != nil || got.ID != recovery.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Recoveries(ctx, made.ID); err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if resumed, err := c.ResumeEndpoint(ctx, made.ID); err != nil || resumed.Status != apier.EndpointActive {
		t.Errorf("%+v, %v", resumed, err)
	}
	if paused, err := c.PauseEndpoint(ctx, made.ID); err != nil || paused.Status != apier.EndpointPaused {
		t.Errorf("%+v, %v", paused, err)
	}
	if got, err := c.Endpoint(ctx, made.ID); err != nil || got.Pending != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.DeleteEndpoint(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	for e, err := range c.Endpoints(ctx) {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestTheGoClientConsumesInGroupsAndBatches(t *testing.T) {
	c, ctx := newGoClient(t), t.Context()
	ids := []apier.EventID{publish(t, ctx, c, "order.a"), publish(t, ctx, c, "order.b"), publish(t, ctx, c, "stock.c")}
	group, err := c.PutGroup(ctx, "billing", client.GroupSettings{Types: []string{"order.*"}, FromStart: true})
	if err != nil || group.Name != "billing" || !slices.Equal(group.Types, []string{"order.*"}) {
		t.Fatalf("%+v, %v", group, err)
	}
	leased, err := c.Lease(ctx, client.LeaseOptions{Group: "billing"})
	if err != nil || len(leased) != 2 {
		t.Fatalf("%+v, %v", leased, err)
	}
	stale := leased[1]
	stale.Lease.ID = "lea_1"
	failed, err := c.AckLeasedBatch(ctx, []client.Leased{leased[0], stale})
	if err != nil || len(failed) != 1 || failed[0].ID != stale.ID || failed[0].Err.Code != apier.CodeConflict {
		t.Errorf("%+v, %v", failed, err)
	}
	if groups, err := c.Groups(ctx); err != nil || len(groups) != 1 || groups[0].Open != 1 {
		t.Errorf("%+v, %v", groups, err)
	}
	if err := c.DeleteGroup(ctx, "billing"); err != nil {
		t.Error(err)
	}
	failed, err = c.AckBatch(ctx, append(ids[:3:3], "evt_none"))
	if err != nil || len(failed) != 1 || failed[0].ID != "evt_none" || failed[0].Err.Code != apier.CodeNotFound {
		t.Errorf("%+v, %v", failed, err)
	}
	var read []apier.EventID
	for page, more := (client.CreatedPage{}), true; more; more = page.HasMore {
		if page, err = c.ListCreatedFrom(ctx, page.Cursor, 2, 0); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			read = append(read, e.ID)
		}
	}
	if !slices.Equal(read, ids) {
		t.Errorf("%q, want %q", read, ids)
	}
}

func TestTheGoClientErasesAndExports(t *testing.T) {
	c, ctx := newGoClient(t), t.Context()
	first := publish(t, ctx, c, "order.a")
	publish(t, ctx, c, "order.b")
	if e, err := c.Erase(ctx, first); err != nil || !e.Erased || string(e.Payload) != `{}` {
		t.Errorf("%+v, %v", e, err)
	}
	all := apier.Selection{Types: []string{"order.*"}, CreatedBefore: apier.TimestampOf(time.Now().Add(time.Hour))}
	if count, examined, err := c.CountErasable(ctx, all); err != nil || count != 1 || examined == 0 {
		t.Error(count, examined, err)
	}
	erasure, err := c.EraseAll(ctx, all)
	if err != nil || erasure.ID == "" || !slices.Equal(erasure.Selection.Types, all.Types) {
		t.Fatalf("%+v, %v", erasure, err)
	}
	if got, err := c.Erasure(ctx, erasure.ID); err != nil || got.ID != erasure.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Erasures(ctx); err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for format, lines := range map[client.ExportFormat]int{client.ExportJSON: 3, client.ExportNDJSON: 2, client.ExportCSV: 3} {
		var b bytes.Buffer
		if err := c.Export(ctx, &b, client.EventFilter{Types: []string{"order.*"}}, format); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != lines {
			t.Errorf("%s: %s, %v", format, &b, err)
		}
	}
	var fault *apier.Error
	if err := c.Export(ctx, io.Discard, client.EventFilter{Status: "lost"}, client.ExportCSV); !errors.As(err, &fault) || fault.Code != apier.CodeInvalid {
		t.Error(err)
	}
}

func TestTheGoClientEndsAConnection(t *testing.T) {
	c, ctx := newGoClient(t), t.Context()
	ended := make(chan error, 1)
	live := c.Live(ctx, client.LiveOptions{OnStatus: func(s client.Status) {
		if s.State == client.Stopped {
			ended <- s.Err
		}
	}})
	defer live.Close()
	if err := live.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	for conn, err := range c.Connections(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Disconnect(ctx, conn.ID, "banned"); err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; !errors.Is(err, client.ErrAuth) || !strings.Contains(err.Error(), "banned") {
		t.Error(err)
	}
}

// change publishes, acknowledges and erases.
func change(t *testing.T, ctx context.Context, c *client.Client, round int) {
	t.Helper()
	events := make([]apier.NewEvent, 25)
	for i := range events {
		events[i] = apier.NewEvent{Type: "order.created", Source: "shop", Payload: json.RawMessage(fmt.Sprintf(`{"round":%d,"n":%d}`, round, i))}
	}
	receipts, err := c.PublishBatch(ctx, events)
	if err != nil {
		t.Fatal(err)
	}
	first := publish(t, ctx, c, "order.paid")
	if e, err := c.Get(ctx, first); err != nil || e.Type != "order.paid" || string(e.Payload) != `{"a":"<b>"}` {
		t.Fatalf("%+v, %v", e, err)
	}
	if e, err := c.Ack(ctx, receipts[0].ID); err != nil || e.Status != apier.StatusDelivered {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := c.Delete(ctx, receipts[1].ID); err != nil {
		t.Fatal(err)
	}
	leased, err := c.Lease(ctx, client.LeaseOptions{Limit: 2, For: time.Minute})
	if err != nil || len(leased) != 2 || leased[0].Lease.ID == "" {
		t.Fatalf("%+v, %v", leased, err)
	}
	if _, err := c.Extend(ctx, leased[0], 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	if e, err := c.AckLeased(ctx, leased[0]); err != nil || e.Status != apier.StatusDelivered {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := c.Nack(ctx, leased[1], 0); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, ctx context.Context, c *client.Client, name string) apier.EventID {
	t.Helper()
	r, err := c.Publish(ctx, apier.NewEvent{Type: name, Source: "shop", Payload: json.RawMessage(`{"a":"<b>"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}
