//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apier/apier/bench/internal/load"
	"github.com/apier/apier/bench/internal/stat"
	"github.com/apier/apier/bench/internal/wire"
)

// rates are the rounds of one server under a closed loop of POSTs.
type rates struct {
	perSecond, p50, p99, cpu []float64 // events/s, ms, ms, µs of the server per event
	acknowledged             int       // events, with those of the warm-up
}

// ingest measures one durable event per POST.
func (b *bench) ingest(ctx context.Context) error {
	body := wire.AppendEvent(nil, wire.AppendPayload(nil, time.Now().UnixNano(), 0, b.plan.payload))
	apier, bare, err := b.duel(ctx, "/api/events", body, 1, b.plan.senders)
	if err != nil {
		return err
	}
	b.report.section(fmt.Sprintf("Durable ingest: one event per POST, %d connections, payload of %d bytes", b.plan.senders, b.plan.payload))
	b.report.add("apier", "events/s", apier.perSecond, goal{})
	b.report.add("bare net/http handler, stores nothing", "events/s", bare.perSecond, goal{})
	b.report.add("apier ÷ bare", "×", stat.Ratios(apier.perSecond, bare.perSecond), atLeast(0.6))
	b.report.add("apier, POST → 201, p50", "ms", apier.p50, goal{})
	b.report.add("apier, POST → 201, p99", "ms", apier.p99, below(50))
	b.report.add("bare, p99", "ms", bare.p99, goal{})
	b.report.add("apier, server CPU per event", "µs", apier.cpu, goal{})
	b.report.add("bare, server CPU per event", "µs", bare.cpu, goal{})
	return b.explain(ctx, func(s *apierServer) error { return b.hammerOn(ctx, s, "/api/events", body, b.plan.senders) })
}

// batch measures durable batches.
func (b *bench) batch(ctx context.Context) error {
	body := wire.AppendBatch(nil, time.Now().UnixNano(), 0, b.plan.batchSize, b.plan.payload)
	apier, bare, err := b.duel(ctx, "/api/events/batch", body, b.plan.batchSize, b.plan.batchers)
	if err != nil {
		return err
	}
	b.report.section(fmt.Sprintf("Durable ingest: batches of %d, %d connections", b.plan.batchSize, b.plan.batchers))
	b.report.add("apier", "events/s", apier.perSecond, atLeast(45_000))
	b.report.add("bare net/http handler, stores nothing", "events/s", bare.perSecond, goal{})
	b.report.add("apier, POST → 201, p99", "ms", apier.p99, goal{})
	b.report.add("apier, server CPU per event", "µs", apier.cpu, goal{})
	b.report.add("bare, server CPU per event", "µs", bare.cpu, goal{})
	return b.explain(ctx, func(s *apierServer) error { return b.hammerOn(ctx, s, "/api/events/batch", body, b.plan.batchers) })
}

// hammerOn is the load of a duel, for a profile.
func (b *bench) hammerOn(ctx context.Context, s *apierServer, path string, body []byte, conns int) error {
	hammer, err := load.NewHammer(s.port, conns, post(path, s.key, body))
	if err != nil {
		return err
	}
	defer hammer.Close()
	_, err = hammer.Run(ctx, b.plan.length)
	return err
}

// duel lets apier and the bare handler take turns, and counts what apier has kept.
func (b *bench) duel(ctx context.Context, path string, body []byte, events, conns int) (apier, bare rates, err error) {
	server, err := b.startApier(ctx)
	if err != nil {
		return apier, bare, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	other, err := b.startPeer(ctx, "bare")
	if err != nil {
		return apier, bare, err
	}
	defer func() { err = errors.Join(err, other.stop()) }()
	request := post(path, server.key, body)
	for round := range b.plan.rounds {
		turns := []func() error{
			func() error { return b.turn(ctx, server.child, conns, request, events, &apier) },
			func() error { return b.turn(ctx, other, conns, request, events, &bare) },
		}
		for i := range turns { // who is first changes from round to round
			if err := turns[(round+i)%len(turns)](); err != nil {
				return apier, bare, err
			}
		}
		b.log("  round %d: apier %.0f, bare %.0f events/s", round+1, apier.perSecond[round], bare.perSecond[round])
	}
	stored, err := server.stored(ctx)
	if err == nil && stored != apier.acknowledged {
		err = fmt.Errorf("apier acknowledged %d events and has %d", apier.acknowledged, stored)
	}
	return apier, bare, err
}

func post(path, key string, body []byte) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, key, len(body))
	return append([]byte(head), body...)
}

// turn is one measurement of one server.
func (b *bench) turn(ctx context.Context, c *child, conns int, request []byte, events int, r *rates) error {
	time.Sleep(b.plan.pause)
	hammer, err := load.NewHammer(c.port, conns, request)
	if err != nil {
		return err
	}
	defer hammer.Close()
	warm, err := hammer.Run(ctx, b.plan.warmUp)
	if err != nil {
		return err
	}
	var blows load.Blows
	cpu, err := c.used(func() (err error) {
		blows, err = hammer.Run(ctx, b.plan.length)
		return err
	})
	if err != nil {
		return err
	}
	count := float64(blows.Answers * events)
	r.perSecond = append(r.perSecond, count/blows.Elapsed.Seconds())
	r.p50 = append(r.p50, float64(stat.Percentile(blows.Latencies, 50))/1e3)
	r.p99 = append(r.p99, float64(stat.Percentile(blows.Latencies, 99))/1e3)
	r.cpu = append(r.cpu, float64(cpu.Microseconds())/count)
	r.acknowledged += (warm.Answers + blows.Answers) * events
	return nil
}
