package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/apier/apier"
	"github.com/apier/apier/client"
)

// The functions of this file are the snippets of docs/go-client.md and of the README; docs_test.go compares.

func followOrders(ctx context.Context, key string) error {
	c, err := client.New("http://localhost:8080", client.Options{Token: key})
	if err != nil {
		return err
	}
	defer c.Close()
	for item, err := range c.Events(ctx, "events:order.*") {
		if err != nil {
			return err
		}
		if item.Resync != "" {
			continue // what was before is not told: fetch what you keep a copy of
		}
		fmt.Println(item.Event.Seq, item.Event.ID, item.Event.Status)
	}
	return nil
}

// keepCopy keeps a copy of all events, exact over losses and restarts of the server.
func keepCopy(ctx context.Context, c *client.Client, kept map[apier.EventID]apier.Event) error {
	for item, err := range c.Events(ctx) {
		switch {
		case err != nil:
			return err
		case item.Resync != "": // fetch what there is; what comes after it is newer, or known
			clear(kept)
			for e, err := range c.List(ctx, client.EventFilter{}) {
				if err != nil {
					return err
				}
				kept[e.ID] = e
			}
		case item.Kind == apier.Deleted:
			delete(kept, item.Event.ID)
		case item.PayloadTruncated: // over 4 KiB
			e, err := c.Get(ctx, item.Event.ID)
			var fault *apier.Error
			if errors.As(err, &fault) && fault.Code == apier.CodeNotFound {
				continue // it was deleted meanwhile, which comes as a change, too
			}
			if err != nil {
				return err
			}
			kept[e.ID] = e
		case item.Event.Seq > kept[item.Event.ID].Seq:
			e := item.Event
			if old := kept[e.ID]; item.Kind == apier.Updated { // carries no source, payload and time of creation
				e.Source, e.CreatedAt = old.Source, old.CreatedAt
				if !e.Erased {
					e.Payload = old.Payload
				}
			}
			kept[e.ID] = e
		}
	}
	return nil
}

func followEndpoint(ctx context.Context, c *client.Client, id apier.EndpointID) error {
	for item, err := range c.Events(ctx, "endpoint:"+string(id)) {
		switch {
		case err != nil:
			return err
		case item.Resync != "": // fetch what you show: c.Endpoint, c.EndpointDeliveries
		case item.Delivery != nil:
			fmt.Println(item.Delivery.EventID, item.Delivery.Status, item.Delivery.ErrorMessage)
		case item.Endpoint != nil:
			fmt.Println(item.Endpoint.Status, item.Endpoint.Pending, "waiting")
		case item.Recovery != nil:
			fmt.Println("recovery", item.Recovery.Done, "of", item.Recovery.Total)
		case item.Gone != "":
			return nil // it was deleted
		}
	}
	return nil
}

func goOnAfterARestart(ctx context.Context, c *client.Client, load func() client.Cursor, save func(client.Cursor) error) error {
	for item, err := range c.EventsFrom(ctx, load()) {
		if err != nil {
			return err
		}
		// … do what there is to do, and then:
		if err := save(item.Cursor); err != nil {
			return err
		}
	}
	return nil
}

func consume(ctx context.Context, c *client.Client, handle func(apier.Event) error) error {
	for {
		leased, err := c.Lease(ctx, client.LeaseOptions{Limit: 10, For: time.Minute, Wait: 20 * time.Second})
		if err != nil {
			return err
		}
		for _, event := range leased {
			if handle(event.Event) != nil {
				err = c.Nack(ctx, event, 30*time.Second)
			} else {
				_, err = c.AckLeased(ctx, event)
			}
			var fault *apier.Error
			if errors.As(err, &fault) && (fault.Code == apier.CodeConflict || fault.Code == apier.CodeNotFound) {
				continue // the lease ended and somebody else has the event, or it was deleted
			}
			if err != nil {
				return err
			}
		}
	}
}

func consumeInAGroup(ctx context.Context, c *client.Client, handle func([]client.Leased) error) error {
	orders := client.GroupSettings{Types: []string{"order.*"}, FromStart: true}
	if _, err := c.PutGroup(ctx, "billing", orders); err != nil {
		return err
	}
	for {
		leased, err := c.Lease(ctx, client.LeaseOptions{Group: "billing", Limit: 500, For: time.Minute, Wait: 20 * time.Second})
		if err != nil {
			return err
		}
		if err := handle(leased); err != nil {
			return err // the leases end, and the events come again
		}
		failed, err := c.AckLeasedBatch(ctx, leased)
		if err != nil {
			return err
		}
		for _, f := range failed { // the lease ended, and somebody else has the event: it is done twice
			log.Println(f.ID, f.Err)
		}
	}
}

func setUpWebhooks(ctx context.Context, c *client.Client, keep func(secret string)) error {
	hooks, secret, err := c.CreateEndpoint(ctx, client.NewEndpoint{URL: "https://shop.example/hooks", Types: []string{"order.*"}})
	if err != nil {
		return err
	}
	keep(secret) // it is shown this once
	if hooks.Warning != "" {
		log.Println(hooks.Warning)
	}
	attempt, err := c.TestEndpoint(ctx, hooks.ID, "", nil)
	if err != nil {
		return err
	}
	if !attempt.OK() { // what is waiting is kept until it is mended
		log.Println(attempt.ErrorKind, attempt.ErrorMessage)
		_, err = c.PauseEndpoint(ctx, hooks.ID)
	}
	return err
}

func pollWhereWebSocketsAreBlocked(ctx context.Context, c *client.Client, show func([]apier.Event)) error {
	live := c.Live(ctx, client.LiveOptions{})
	defer live.Close()
	for every := time.NewTicker(10 * time.Second); ; {
		if live.Status().State != client.Connected {
			page, err := c.ListPage(ctx, client.EventFilter{}, "", 50)
			if err != nil {
				return err
			}
			show(page.Events)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			every.Stop()
			return ctx.Err()
		}
	}
}

func tokens(login func(context.Context) (token string, lasts time.Duration, err error)) client.TokenSource {
	var (
		mu    sync.Mutex
		kept  string
		until time.Time
	)
	return func(ctx context.Context, reason client.TokenReason) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		bad := reason == client.TokenUnauthorized || reason == client.TokenExpiring
		if !bad && time.Now().Before(until) {
			return kept, nil
		}
		token, lasts, err := login(ctx)
		if err != nil {
			return "", err
		}
		kept, until = token, time.Now().Add(lasts-time.Minute)
		return kept, nil
	}
}

func watchOneEvent(ctx context.Context, c *client.Client, id apier.EventID, show func(client.Status)) (*client.Live, error) {
	live := c.Live(ctx, client.LiveOptions{
		Channels: []string{},
		OnSnapshot: func(_ string, s apier.Snapshot) { // its state at first
			if s.Event != nil {
				fmt.Println(s.Event.Status)
			}
		},
		OnChange: func(change client.Change) {
			if change.IsEvent() { // and not one of its deliveries
				fmt.Println(change.Event.Status)
			}
		},
		OnStatus: func(s client.Status) { show(s) },
	})
	_, err := live.Subscribe("event:" + string(id))
	return live, err
}

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"evt_06h0g42fanre76r24q6ghck0qg","status":"pending","timestamp":"2026-11-23T11:00:16.341Z","seq":1}`)
	}))
	defer server.Close()
	c, err := client.New(server.URL, client.Options{Token: "apier_…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	receipt, err := c.Publish(context.Background(), apier.NewEvent{
		Type: "order.created", Source: "shop", Payload: json.RawMessage(`{"order":7}`),
	})
	fmt.Println(receipt.Seq, receipt.Status, err)
	// Output: 1 pending <nil>
}

func ExampleClient_Events() {
	server := httptest.NewServer(http.HandlerFunc(oneOrder)) // in place of apier serve
	defer server.Close()
	c, err := client.New(server.URL, client.Options{Token: "apier_…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	for item, err := range c.Events(context.Background(), "events:order.*") {
		if err != nil {
			fmt.Println(err)
			return
		}
		if item.Resync != "" {
			fmt.Println("fetch what there is: List")
			continue
		}
		fmt.Println(item.Event.ID, "is", item.Event.Status)
		break
	}
	// Output:
	// fetch what there is: List
	// evt_06h0g42fanre76r24q6ghck0qg is delivered
}

// oneOrder is a server that tells of one change.
func oneOrder(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = ws.CloseNow() }()
	for _, frame := range []string{
		`{"type":"session","data":{"session":"s_1","epoch":"e","seq":1,"resumed":false,"channels":["events:order.*"]}}`,
		`{"type":"event_update","channel":"events:order.*","seq":2,"data":{"id":"evt_06h0g42fanre76r24q6ghck0qg","type":"order.created","status":"delivered"}}`,
	} {
		if ws.Write(r.Context(), websocket.MessageText, []byte(frame)) != nil {
			return
		}
	}
	_, _, _ = ws.Read(r.Context()) // until the client leaves
}

func ExampleClient_EventsFrom() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the server is asked for what came after", r.URL.Query().Get("after"))
		tell(w, r, `{"type":"session","data":{"session":"s_2","epoch":"e","seq":42,"resumed":true,"channels":["events"]}}`,
			`{"type":"event_update","channel":"events","seq":42,"data":{"id":"evt_1","type":"order.created","status":"delivered"}}`)
	}))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{Token: "apier_…"})
	defer c.Close()
	kept := client.Cursor{Session: "s_1", Seq: 41} // of the last item that was dealt with, from a file or a database
	for item, err := range c.EventsFrom(context.Background(), kept) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(item.Event.ID, "is", item.Event.Status)
		kept = item.Cursor
		break
	}
	fmt.Println("kept:", kept.Seq)
	// Output:
	// the server is asked for what came after 41
	// evt_1 is delivered
	// kept: 42
}

func ExampleClient_Live() {
	server := httptest.NewServer(http.HandlerFunc(oneOrder))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{Token: "apier_…"})
	defer c.Close()
	changes := make(chan client.Change, 1)
	live := c.Live(context.Background(), client.LiveOptions{
		Channels: []string{"events:order.*"},
		OnChange: func(change client.Change) { changes <- change },
	})
	defer live.Close()
	if err := live.Connected(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	change := <-changes
	fmt.Println(live.Status().State, change.Event.ID, change.Event.Status)
	// Output: connected evt_06h0g42fanre76r24q6ghck0qg delivered
}

func ExampleClient_List() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("starting_after") == "" {
			_, _ = io.WriteString(w, `{"events":[{"id":"evt_2","status":"failed","error_message":"503"}],"has_more":true,"seq":9}`)
			return
		}
		_, _ = io.WriteString(w, `{"events":[{"id":"evt_1","status":"failed","error_message":"no route"}],"has_more":false,"seq":9}`)
	}))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{})
	defer c.Close()
	for event, err := range c.List(context.Background(), client.EventFilter{Status: apier.StatusFailed}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.ID, event.ErrorMessage)
	}
	// Output:
	// evt_2 503
	// evt_1 no route
}

func ExampleClient_Lease() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `[{"id":"evt_1","type":"order.created","payload":{"order":7},"status":"pending","lease":{"id":"lea_1","until":"2026-11-23T11:00:46.000Z","deliveries":1}}]`)
			return
		}
		_, _ = io.WriteString(w, `{"id":"evt_1","type":"order.created","payload":{"order":7},"status":"delivered"}`)
	}))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{})
	defer c.Close()
	leased, err := c.Lease(context.Background(), client.LeaseOptions{Limit: 10, For: time.Minute, Wait: 20 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range leased {
		fmt.Println("at work on", l.ID, string(l.Payload))
		event, err := c.AckLeased(context.Background(), l)
		fmt.Println(event.Status, err)
	}
	// Output:
	// at work on evt_1 {"order":7}
	// delivered <nil>
}

func ExampleClient_AckLeasedBatch() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `[{"id":"evt_1","status":"pending","lease":{"id":"lea_1"}},{"id":"evt_2","status":"pending","lease":{"id":"lea_2"}}]`)
			return
		}
		_, _ = io.WriteString(w, `{"acked":["evt_1"],"failed":[{"id":"evt_2","code":"conflict","detail":"The lease ended, and somebody else has the event."}]}`)
	}))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{})
	defer c.Close()
	leased, err := c.Lease(context.Background(), client.LeaseOptions{Group: "billing"})
	if err != nil {
		fmt.Println(err)
		return
	}
	failed, err := c.AckLeasedBatch(context.Background(), leased)
	fmt.Println(len(leased)-len(failed), "acknowledged", err)
	for _, f := range failed {
		fmt.Println(f.ID, f.Err)
	}
	// Output:
	// 1 acknowledged <nil>
	// evt_2 conflict: The lease ended, and somebody else has the event.
}

func ExampleClient_UpdateEndpoint() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Print("the server is sent ", string(body))
		_, _ = io.WriteString(w, `{"id":"ep_1","status":"active","types":[],"timeout_ms":5000}`)
	}))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{})
	defer c.Close()
	endpoint, err := c.UpdateEndpoint(context.Background(), "ep_1", client.EndpointUpdate{
		TimeoutMS: new(int64(5000)),
		Types:     []string{}, // every type; nil would leave them as they are
	})
	fmt.Println(endpoint.TimeoutMS, err)
	// Output:
	// the server is sent {"types":[],"timeout_ms":5000}
	// 5000 <nil>
}

func ExampleClient_Export() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, `{"id":"evt_2","type":"order.paid"}`+"\n"+`{"id":"evt_1","type":"order.created"}`+"\n")
	}))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{})
	defer c.Close()
	err := c.Export(context.Background(), os.Stdout, client.EventFilter{Types: []string{"order.*"}}, client.ExportNDJSON)
	fmt.Println(err)
	// Output:
	// {"id":"evt_2","type":"order.paid"}
	// {"id":"evt_1","type":"order.created"}
	// <nil>
}

func ExampleClient_Get() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"title":"Not Found","status":404,"detail":"There is no such event.","code":"not_found"}`)
	}))
	defer server.Close()
	c, _ := client.New(server.URL, client.Options{})
	defer c.Close()
	_, err := c.Get(context.Background(), "evt_none")
	var e *apier.Error
	if errors.As(err, &e) && e.Code == apier.CodeNotFound {
		fmt.Println(e.Message)
	}
	// Output: There is no such event.
}
