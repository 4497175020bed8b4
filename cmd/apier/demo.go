package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/apier/apier/internal/server"
)

// demoCmd is a server with a small world around it: a shop, its billing and its warehouse send events, a
// consumer acknowledges most of them, and now and then one is deleted. Invoices go to an endpoint: the server's own receiver,
// so that the whole round trip of a webhook can be watched.
type demoCmd struct {
	server.Options `embed:""`
	Rate           float64 `default:"3" help:"Events a second, on average."`
}

const demoBacklog = 120 // events at the start, so that there is something to see at once

// Run serves until the process is told to end.
func (c *demoCmd) Run(ctx context.Context, out io.Writer) error {
	if c.APIKey == "" { // the one of an earlier start; at the first there is none, and the server makes it
		c.APIKey, _ = server.KeyFromFile(c.Data)
	}
	c.DeliveryAllow = append(c.DeliveryAllow, "localhost", "127.0.0.1", "::1")
	s, err := server.New(ctx, c.Options)
	if err != nil {
		return err
	}
	if c.APIKey == "" {
		if c.APIKey = s.FirstKey; c.APIKey == "" {
			return fmt.Errorf("%s has API keys, and none in clear: give one with --api-key, or another directory with --data", c.Data)
		}
		printWelcome(out, s.URL(), c.Data, s.FirstKey)
	} else {
		fmt.Fprintf(out, "Dashboard: %s/#key=%s\n", s.URL(), c.APIKey)
	}
	world := &demoWorld{url: s.LocalURL(), key: c.APIKey, client: &http.Client{Timeout: 10 * time.Second}}
	var life sync.WaitGroup
	living, end := context.WithCancel(ctx)
	life.Go(func() { world.live(living, c.Rate) })
	err = s.Run(ctx)
	end()
	life.Wait()
	return err
}

type demoWorld struct {
	url, key string
	client   *http.Client
	pending  sync.WaitGroup
}

// live sends events at random times, as independent senders would, until ctx ends.
func (w *demoWorld) live(ctx context.Context, rate float64) {
	defer w.pending.Wait()
	w.pending.Go(func() { w.roundTrip(ctx) })
	for sent := 0; ctx.Err() == nil; sent++ {
		w.pending.Go(func() { w.event(ctx) })
		pause := time.Duration(rand.ExpFloat64() / max(rate, 0.01) * float64(time.Second))
		if sent < demoBacklog {
			pause = 10 * time.Millisecond
		}
		sleep(ctx, pause)
	}
}

// roundTrip points an endpoint at the server's own receiver, unless an earlier demo on the same data did.
func (w *demoWorld) roundTrip(ctx context.Context) {
	receiver := w.url + "/api/webhook"
	for range 100 { // the server may need a moment to begin
		var known struct{ Endpoints []struct{ URL string } }
		if err := w.call(ctx, http.MethodGet, "/api/endpoints?limit=100", "", &known); err != nil {
			sleep(ctx, 50*time.Millisecond)
			continue
		}
		for _, e := range known.Endpoints {
			if e.URL == receiver {
				return
			}
		}
		body := fmt.Sprintf(`{"url":%q,"description":"This server's own receiver","types":["invoice.*"]}`, receiver)
		_ = w.call(ctx, http.MethodPost, "/api/endpoints", body, nil) // the demo goes on without
		return
	}
}

// event is one event's life: sent, and after a while acknowledged, deleted or forgotten.
func (w *demoWorld) event(ctx context.Context) {
	id, err := w.post(ctx)
	if err != nil {
		return // the server is ending, or has just begun
	}
	sleep(ctx, time.Duration(300*math.Exp(rand.NormFloat64()))*time.Millisecond)
	switch fate := rand.IntN(100); {
	case fate < 90:
		_ = w.call(ctx, http.MethodPost, "/api/inbox/"+id+"/ack", "", nil)
	case fate < 93:
		_ = w.call(ctx, http.MethodDelete, "/api/events/"+id, "", nil)
	}
}

func (w *demoWorld) post(ctx context.Context) (id string, err error) {
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
	return answer.ID, err
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
