//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/apier/apier/bench/internal/stat"
	"github.com/apier/apier/bench/internal/wire"
)

// What the loud tenant has: endpoints whose filters look into payloads and do not match, some that match, each with an
// order key, and groups that look into payloads too.
const (
	loudEndpoints = 100
	loudGroups    = 10
	loudBatch     = 30
	loudPayload   = 28 << 10
	quietSenders  = 4
)

// neighbour measures how long one tenant's POSTs take, alone and while another does its worst within its limits.
func (b *bench) neighbour(ctx context.Context) (err error) {
	s, err := b.startApier(ctx, "--allow-private-endpoints")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.makeLoud(ctx); err != nil {
		return err
	}
	body := wire.AppendEvent(nil, wire.AppendPayload(nil, time.Now().UnixNano(), 0, b.plan.payload))
	request := post("/api/events", tokenOf(s.secret, "bench", "quiet"), body)
	var alone, beside rates
	for round := range b.plan.rounds {
		if err := b.turn(ctx, s.child, quietSenders, request, 1, &alone); err != nil {
			return err
		}
		stop := s.beLoud(ctx)
		err := b.turn(ctx, s.child, quietSenders, request, 1, &beside)
		if err := errors.Join(err, stop()); err != nil {
			return err
		}
		b.log("  round %d: p99 alone %.1f ms, beside %.1f ms", round+1, alone.p99[round], beside.p99[round])
	}
	b.report.section(fmt.Sprintf("Neighbour: POSTs of one tenant, %d connections, while another posts batches of %d × %d KiB to %d endpoints and leases for %d groups, all with filters on payloads",
		quietSenders, loudBatch, loudPayload>>10, loudEndpoints, loudGroups))
	b.report.add("alone, POST → 201, p99", "ms", alone.p99, goal{})
	b.report.add("beside the other, p99", "ms", beside.p99, goal{})
	b.report.add("beside ÷ alone, p99", "×", stat.Ratios(beside.p99, alone.p99), atMost(3))
	b.report.add("beside ÷ alone, p50", "×", stat.Ratios(beside.p50, alone.p50), goal{})
	return nil
}

func (s *apierServer) makeLoud(ctx context.Context) error {
	for i := range loudEndpoints {
		filter := `{"payload.a.b":{"contains":"never"}}`
		if i%10 == 0 {
			filter = `{"payload.n":{"gte":0}}`
		}
		endpoint := fmt.Sprintf(`{"url":"http://127.0.0.1:9/%d","paused":true,"order_key":"n","filter":%s}`, i, filter)
		if _, err := s.call(ctx, http.MethodPost, "/api/endpoints", []byte(endpoint)); err != nil {
			return err
		}
	}
	for i := range loudGroups {
		group := `{"filter":{"payload.a.b":{"contains":"never"}},"from":"start"}`
		if _, err := s.call(ctx, http.MethodPut, fmt.Sprintf("/api/inbox/groups/g%d", i), []byte(group)); err != nil {
			return err
		}
	}
	return nil
}

// beLoud does all at once what the tenant may, until stop is called.
func (s *apierServer) beLoud(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var senders sync.WaitGroup
	failures := make(chan error, 8)
	repeat := func(method string, path func(n int) string, body []byte) {
		senders.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if _, err := s.call(ctx, method, path(n), body); err != nil && ctx.Err() == nil {
					failures <- err
					return
				}
			}
		})
	}
	batch := loudBatchBody()
	for range 2 {
		repeat(http.MethodPost, func(int) string { return "/api/events/batch" }, batch)
	}
	for range 2 {
		repeat(http.MethodGet, func(n int) string { return fmt.Sprintf("/api/inbox?lease_seconds=1&limit=100&group=g%d", n%loudGroups) }, nil)
	}
	return func() error {
		cancel()
		senders.Wait()
		close(failures)
		return <-failures
	}
}

func loudBatchBody() []byte {
	var body bytes.Buffer
	for i := range loudBatch {
		body.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		fmt.Fprintf(&body, `{"type":"loud.%d","source":"bench","payload":{"n":%d,"list":[%s1]}}`, i, i, strings.Repeat(`{"k":1},`, loudPayload/8))
	}
	body.WriteString("]")
	return body.Bytes()
}
