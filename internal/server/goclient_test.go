package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/client"
	"github.com/apier/apier/internal/server"
)

const goClientKey = "apier_0123456789abcdefghijklmnopqrstuvwxyz"

// runServer runs a server on a directory until the returned function is called.
func runServer(t *testing.T, address, data string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	opt := server.Options{
		Listen: address, Data: data, APIKey: goClientKey, MessagesPerSecond: 100, MessageBurst: 100, MaxMessageBytes: 1 << 15, MaxSubscriptions: 100,
		MaxQueueBytes: 1 << 20, PingAfter: 25 * time.Second, SilenceTimeout: time.Minute, WriteTimeout: 30 * time.Second,
		ReconnectWindow: 50 * time.Millisecond, DrainTimeout: 5 * time.Second, MaxPayloadBytes: 1 << 18, MaxBatchBytes: 1 << 23, TokenTTL: time.Hour,
		WriteQueue: 4096, TombstoneRetention: time.Hour, IdempotencyRetention: time.Hour, LogFormat: "text", LogLevel: "error",
	}
	s, err := server.New(ctx, opt)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
}

// TestTheGoClientKeepsAnExactCopyOverRestarts restarts the server under a running iteration, again and again, and
// compares what the iteration told with what the server has.
func TestTheGoClientKeepsAnExactCopyOverRestarts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, data := l.Addr().String(), t.TempDir()
	_ = l.Close()
	stop := runServer(t, address, data)
	defer func() { stop() }()

	c, err := client.New("http://"+address, client.Options{
		Token: goClientKey, InitialReconnectDelay: 10 * time.Millisecond, MaxReconnectDelay: 50 * time.Millisecond, Jitter: client.JitterFull,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
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
		stop = runServer(t, address, data)
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

func TestTheGoClientManagesEndpoints(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	defer runServer(t, address, t.TempDir())()
	c, err := client.New("http://"+address, client.Options{Token: goClientKey})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	made, secret, err := c.CreateEndpoint(ctx, client.NewEndpoint{URL: "https://hooks.example.com/in", Types: []string{"order.*"}})
	if err != nil || secret == "" || made.ID == "" || made.TimeoutMS == 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	paused, err := c.PauseEndpoint(ctx, made.ID, true)
	if err != nil || paused.Status != apier.EndpointPaused {
		t.Fatalf("%+v, %v", paused, err)
	}
	event := publish(t, ctx, c, "order.paid")
	for name, walk := range map[string]iter.Seq2[apier.Delivery, error]{
		"endpoint": c.EndpointDeliveries(ctx, made.ID, "pending"), "event": c.EventDeliveries(ctx, event, ""),
	} {
		n := 0
		for d, err := range walk {
			if n++; err != nil || d.EventID != event || d.EndpointID != made.ID || d.Status != "pending" {
				t.Errorf("%s: %+v, %v", name, d, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d deliveries", name, n)
		}
	}
	if r, err := c.Recover(ctx, made.ID, time.Now().Add(-time.Hour), true); err != nil || r.Total != 0 {
		t.Error(r, err)
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
