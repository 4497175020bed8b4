//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apier/apier/bench/internal/stat"
	"github.com/apier/apier/bench/internal/wire"
)

const idleWaiters = 1000 // long polls of a group that wants nothing of what is posted

// waiters measures what requests that wait take from the ingest of their own tenant and of another. Each round posts
// without them, with those of the same tenant, and with those of the other.
func (b *bench) waiters(ctx context.Context) (err error) {
	server, err := b.startApier(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	body := wire.AppendEvent(nil, wire.AppendPayload(nil, time.Now().UnixNano(), 0, b.plan.payload))
	request := post("/api/events", server.key, body)
	var none, same, other rates
	for round := range b.plan.rounds {
		if err := b.turn(ctx, server.child, b.plan.senders, request, 1, &none); err != nil {
			return err
		}
		for _, crowd := range []struct {
			credential string
			into       *rates
		}{{server.key, &same}, {tokenOf(server.secret, "waiter", "elsewhere"), &other}} {
			leave, err := server.wait(ctx, crowd.credential, idleWaiters)
			if err != nil {
				return err
			}
			err = b.turn(ctx, server.child, b.plan.senders, request, 1, crowd.into)
			leave()
			if err != nil {
				return err
			}
		}
		b.log("  round %d: none %.0f, same tenant %.0f, other tenant %.0f events/s", round+1, none.perSecond[round], same.perSecond[round], other.perSecond[round])
	}
	b.report.section(fmt.Sprintf("Idle waiters: %d long polls of a group that wants nothing, beside durable ingest", idleWaiters))
	b.report.add("apier, no waiters", "events/s", none.perSecond, goal{})
	b.report.add("ingest of the same tenant ÷ none", "×", stat.Ratios(same.perSecond, none.perSecond), atLeast(0.9))
	b.report.add("ingest of another tenant ÷ none", "×", stat.Ratios(other.perSecond, none.perSecond), atLeast(0.9))
	return nil
}

// wait has so many requests wait until leave is called, which waits for their end.
func (s *apierServer) wait(ctx context.Context, credential string, count int) (leave func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: count}}
	ask := func(method, path, body string) (int, error) {
		r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:"+strconv.Itoa(s.port)+path, strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		r.Header.Set("Authorization", "Bearer "+credential)
		answer, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode, err
	}
	if status, err := ask(http.MethodPut, "/api/inbox/groups/idle", `{"types":["never.*"]}`); err != nil || status != http.StatusOK {
		cancel()
		return nil, fmt.Errorf("make a group: status %d, %w", status, err)
	}
	var crowd sync.WaitGroup
	var sent atomic.Int64
	for range count {
		crowd.Go(func() {
			for ctx.Err() == nil {
				sent.Add(1)
				if status, err := ask(http.MethodGet, "/api/inbox?group=idle&lease_seconds=30&wait_seconds=30", ""); err == nil && status >= 300 {
					time.Sleep(time.Second)
				}
			}
		})
	}
	for sent.Load() < int64(count) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Second) // their first look is over
	return func() { cancel(); crowd.Wait(); client.CloseIdleConnections() }, nil
}
