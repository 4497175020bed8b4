package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/server"
)

// demoCmd is a server with a small world around it: a shop, its billing and its warehouse send events, a consumer
// acknowledges those that no endpoint takes, and now and then one is deleted. Invoices go to the server's own receiver, so
// that the whole round trip of a webhook can be watched; parcels to a warehouse that stumbles, and users to a CRM that is down.
type demoCmd struct {
	server.Options `embed:""`
	Rate           float64 `default:"3" help:"Events a second, on average."`
}

// printDemoLink prints the link that signs in at a later start, to a terminal only, as [printWelcome] does.
func printDemoLink(out io.Writer, url, data, key string, terminal bool) {
	if !terminal {
		fmt.Fprintf(out, "Dashboard: %s\nSign in with an API key%s\n", url, linkHint(url, data))
		return
	}
	fmt.Fprintf(out, "Dashboard: %s/#key=%s\n", url, key)
}

const demoBacklog = 120 // events at the start, so that there is something to see at once

// Run serves until the process is told to end.
func (c *demoCmd) Run(ctx context.Context, out io.Writer) error {
	defer ignoreHangups(os.Stderr)()
	if c.APIKey == "" { // the one of an earlier start; at the first there is none, and the server makes it
		c.APIKey, _ = server.KeyFromFile(c.Data)
	}
	receivers, err := startDemoReceivers(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = receivers.Close() }()
	c.DeliveryAllow = append(c.DeliveryAllow, "localhost", "127.0.0.1", "::1")
	s, err := server.New(ctx, c.Options)
	if err != nil {
		return err
	}
	if c.APIKey == "" {
		if c.APIKey = s.FirstKey; c.APIKey == "" {
			return fmt.Errorf("%s has API keys, and none in clear: give one with --api-key, or another directory with --data", c.Data)
		}
		printWelcome(out, s.URL(), c.Data, s.FirstKey, isTerminal(out))
	} else {
		printDemoLink(out, s.URL(), c.Data, c.APIKey, isTerminal(out))
	}
	world := &demoWorld{receivers: receivers.url, url: s.LocalURL(), key: c.APIKey, client: &http.Client{Timeout: 10 * time.Second}}
	var life sync.WaitGroup
	living, end := context.WithCancel(ctx)
	life.Go(func() { world.live(living, c.Rate) })
	err = s.Run(ctx)
	end()
	life.Wait()
	return err
}

type demoWorld struct {
	url, key, receivers string
	client              *http.Client
	pending             sync.WaitGroup
}

// live sends events at random times, as independent senders would, until ctx ends.
func (w *demoWorld) live(ctx context.Context, rate float64) {
	defer w.pending.Wait()
	w.pending.Go(func() { w.makeEndpoints(ctx) })
	for sent := 0; ctx.Err() == nil; sent++ {
		w.pending.Go(func() { w.event(ctx) })
		pause := time.Duration(rand.ExpFloat64() / max(rate, 0.01) * float64(time.Second))
		if sent < demoBacklog {
			pause = 10 * time.Millisecond
		}
		sleep(ctx, pause)
	}
}

// demoEndpoint is one that the demo has. Its waits are short, so that retries and giving up are seen in a minute.
type demoEndpoint struct {
	URL           string   `json:"url"`
	Description   string   `json:"description"`
	Types         []string `json:"types"`
	RetrySchedule []int    `json:"retry_schedule_ms,omitempty"`
}

// endpoints are one that is well, one that stumbles and one that is down.
func (w *demoWorld) endpoints() []demoEndpoint {
	return []demoEndpoint{
		{w.url + "/api/webhook", "This server's own receiver", []string{"invoice.*"}, nil},
		{w.receivers + "/stumbles", "Warehouse (stumbles)", []string{"order.shipped"}, []int{0, 2000, 5000, 15_000}},
		{w.receivers + "/down", "CRM (is down)", []string{"user.*"}, []int{0, 3000, 10_000}},
	}
}

// takes reports whether an endpoint takes events of a type.
func (w *demoWorld) takes(kind string) bool {
	return slices.ContainsFunc(w.endpoints(), func(e demoEndpoint) bool {
		return slices.ContainsFunc(e.Types, func(glob string) bool { return apier.MatchGlob(glob, kind) })
	})
}

// makeEndpoints makes them. Those of an earlier demo on the same data are told where the receivers are now.
func (w *demoWorld) makeEndpoints(ctx context.Context) {
	var known struct {
		Endpoints []struct{ ID, Description string }
	}
	for range 100 { // the server may need a moment to begin
		if err := w.call(ctx, http.MethodGet, "/api/endpoints?limit=100", "", &known); err == nil {
			break
		}
		sleep(ctx, 50*time.Millisecond)
	}
	for _, e := range w.endpoints() {
		method, path := http.MethodPost, "/api/endpoints"
		for _, old := range known.Endpoints {
			if old.Description == e.Description {
				method, path = http.MethodPatch, "/api/endpoints/"+old.ID
			}
		}
		body, _ := json.Marshal(e)                       // of text and numbers
		_ = w.call(ctx, method, path, string(body), nil) // the demo goes on without
	}
}

// demoReceivers are what the endpoints of the demo lead to.
type demoReceivers struct {
	http.Server
	url string
}

func startDemoReceivers(ctx context.Context) (*demoReceivers, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/stumbles", func(w http.ResponseWriter, r *http.Request) {
		sleep(r.Context(), time.Duration(80*math.Exp(rand.NormFloat64()))*time.Millisecond)
		if rand.IntN(4) == 0 {
			http.Error(w, "all packing stations are busy", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no connection to the database", http.StatusInternalServerError)
	})
	r := &demoReceivers{Server: http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, url: "http://" + listener.Addr().String()}
	go func() { _ = r.Serve(listener) }() // ends with Close
	return r, nil
}

// event is one event's life: sent, and where no endpoint takes it, after a while acknowledged, deleted or forgotten.
func (w *demoWorld) event(ctx context.Context) {
	id, isTaken, err := w.post(ctx)
	if err != nil || isTaken { // an error: the server is ending, or has just begun
		return
	}
	sleep(ctx, time.Duration(300*math.Exp(rand.NormFloat64()))*time.Millisecond)
	switch fate := rand.IntN(100); {
	case fate < 90:
		_ = w.call(ctx, http.MethodPost, "/api/inbox/"+id+"/ack", "", nil)
	case fate < 93:
		_ = w.call(ctx, http.MethodDelete, "/api/events/"+id, "", nil)
	}
}

func (w *demoWorld) post(ctx context.Context) (id string, isTaken bool, err error) {
	kinds := []struct{ kind, source, payload string }{
		{"order.created", "shop", `{"order":%d,"total":%d.90,"currency":"EUR","items":[{"sku":"tea-green","quantity":2}]}`},
		{"order.shipped", "warehouse", `{"order":%d,"parcels":%d,"carrier":"postal"}`},
		{"invoice.paid", "billing", `{"invoice":%d,"amount":%d,"method":"card"}`},
		{"user.signed_up", "shop", `{"user":%d,"age_of_session_s":%d}`},
		{"stock.low", "warehouse", `{"item":%d,"left":%d}`},
	}
	k := kinds[min(int(rand.ExpFloat64()*1.5), len(kinds)-1)]
	body := fmt.Sprintf(`{"type":%q,"source":%q,"payload":`+k.payload+`}`, k.kind, k.source, 10_000+rand.IntN(90_000), rand.IntN(90))
	var answer struct{ ID string }
	err = w.call(ctx, http.MethodPost, "/api/events", body, &answer)
	return answer.ID, w.takes(k.kind), err
}

// call sends a request and decodes the answer, if a place for it is given.
func (w *demoWorld) call(ctx context.Context, method, path, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.key)
	res, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(into)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
