//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/apier/apier/bench/internal/stat"
	"github.com/apier/apier/bench/internal/wire"
)

const (
	deliveryBatch    = 1000
	deliveryInFlight = 10 // of one endpoint, apier's default
	bareClients      = 64
)

// delivery measures how fast a backlog of webhooks drains, beside a client that sends as many of the same requests and
// nothing else: it signs nothing, keeps no account and forgets what failed.
func (b *bench) delivery(ctx context.Context) (err error) {
	server, err := b.startApier(ctx, "--allow-private-endpoints")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	sink, err := newSink(ctx)
	if err != nil {
		return err
	}
	defer sink.server.Close()
	endpoints, err := server.endpoints(ctx, b.plan.endpoints, sink.url)
	if err != nil {
		return err
	}
	var drained, bare, cpu []float64
	for round := range b.plan.fanRounds {
		var took, alone time.Duration
		used, err := server.used(func() (err error) {
			took, err = b.drain(ctx, server, sink, endpoints)
			return err
		})
		if err != nil {
			return err
		}
		if alone, err = b.sendBare(ctx, sink); err != nil {
			return err
		}
		n := float64(b.plan.pending)
		drained, bare = append(drained, n/took.Seconds()), append(bare, n/alone.Seconds())
		cpu = append(cpu, float64(used.Microseconds())/n)
		b.log("  round %d: apier %.0f, bare %.0f deliveries/s", round+1, drained[round], bare[round])
	}
	b.report.section(fmt.Sprintf("Webhooks: a backlog of %d deliveries to %d endpoints, payload of %d bytes", b.plan.pending, b.plan.endpoints, b.plan.payload))
	b.report.add("apier, signed, each attempt on disk", "deliveries/s", drained, goal{})
	b.report.add(fmt.Sprintf("bare net/http client, %d at once", bareClients), "requests/s", bare, goal{})
	b.report.add("apier ÷ bare", "×", stat.Ratios(drained, bare), goal{})
	b.report.add("apier, server CPU per delivery, its ingest included", "µs", cpu, goal{})
	return nil
}

// endpoints creates paused endpoints, each with a type of event of its own.
func (s *apierServer) endpoints(ctx context.Context, n int, url string) ([]string, error) {
	ids := make([]string, n)
	for i := range ids {
		text, err := s.call(ctx, http.MethodPost, "/api/endpoints", fmt.Appendf(nil, `{"url":%q,"types":["bench.%d"],"paused":true,"max_in_flight":%d}`,
			url+"/"+strconv.Itoa(i), i, deliveryInFlight))
		if err != nil {
			return nil, err
		}
		var made struct{ ID string }
		if err := json.Unmarshal(text, &made); err != nil {
			return nil, err
		}
		ids[i] = made.ID
	}
	return ids, nil
}

// drain fills the backlog while the endpoints are paused, lets them go and waits until the receiver has everything.
func (b *bench) drain(ctx context.Context, s *apierServer, sink *sink, endpoints []string) (time.Duration, error) {
	if err := s.setPaused(ctx, endpoints, true); err != nil {
		return 0, err
	}
	for sent := 0; sent < b.plan.pending; sent += deliveryBatch {
		count := min(deliveryBatch, b.plan.pending-sent)
		events := make([]json.RawMessage, count)
		for i := range events {
			events[i] = fmt.Appendf(nil, `{"type":"bench.%d","source":"bench","payload":%s}`, (sent+i)%len(endpoints), wire.AppendPayload(nil, 0, sent+i, b.plan.payload))
		}
		body, err := json.Marshal(events)
		if err != nil {
			return 0, err
		}
		if _, err := s.call(ctx, http.MethodPost, "/api/events/batch", body); err != nil {
			return 0, err
		}
	}
	done := sink.expect(b.plan.pending)
	begun := time.Now()
	if err := s.setPaused(ctx, endpoints, false); err != nil {
		return 0, err
	}
	return sink.await(ctx, done, begun, b.plan.awaitFor)
}

func (s *apierServer) setPaused(ctx context.Context, endpoints []string, paused bool) error {
	for _, id := range endpoints {
		if _, err := s.call(ctx, http.MethodPatch, "/api/endpoints/"+id, fmt.Appendf(nil, `{"paused":%v}`, paused)); err != nil {
			return err
		}
	}
	return nil
}

// sendBare sends as many requests of the same size from this process.
func (b *bench) sendBare(ctx context.Context, sink *sink) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: bareClients}}
	defer client.CloseIdleConnections()
	done := sink.expect(b.plan.pending)
	next := make(chan int, b.plan.pending)
	for i := range b.plan.pending {
		next <- i
	}
	close(next)
	begun := time.Now()
	var senders sync.WaitGroup
	failures := make([]error, bareClients)
	for c := range bareClients {
		senders.Go(func() {
			for i := range next {
				if err := postWebhook(ctx, client, sink.url+"/bare", i, wire.AppendPayload(nil, 0, i, b.plan.payload)); err != nil {
					failures[c] = err
					return
				}
			}
		})
	}
	senders.Wait()
	if err := errors.Join(failures...); err != nil {
		return 0, err
	}
	return sink.await(ctx, done, begun, b.plan.awaitFor)
}

func postWebhook(ctx context.Context, client *http.Client, url string, id int, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Webhook-Id", strconv.Itoa(id))
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return errors.Join(err, answer.Body.Close())
}
