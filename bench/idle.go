//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apier/apier/bench/internal/load"
)

// rest is what idle connections cost one server.
type rest struct {
	kib, connect []float64 // KiB per connection, µs per connect
}

// idle measures connections that wait. Each round has new processes: memory once taken is not given
// back at once.
func (b *bench) idle(ctx context.Context) error {
	if !b.fits(b.plan.idle) {
		return nil
	}
	var apier, limit, other rest
	for round := range b.plan.idleRounds {
		if err := b.idleRound(ctx, &apier, &limit, &other); err != nil {
			return err
		}
		b.log("  round %d: apier %.2f, limit %.2f, centrifuge %.2f KiB per connection", round+1, apier.kib[round], limit.kib[round], other.kib[round])
	}
	b.report.section(fmt.Sprintf("Idle: %d connections, authenticated by JWT, subscribed", b.plan.idle))
	b.report.add("apier, resident memory per connection", "KiB", apier.kib, atMost(4))
	b.report.add("limit, resident memory per connection", "KiB", limit.kib, goal{})
	b.report.add("centrifuge, resident memory per connection", "KiB", other.kib, goal{})
	b.report.add("apier, server CPU per connect", "µs", apier.connect, atMost(100))
	b.report.add("limit, server CPU per connect, no JWT", "µs", limit.connect, goal{})
	b.report.add("centrifuge, server CPU per connect, with JWT", "µs", other.connect, goal{})
	return b.explain(ctx, func(s *apierServer) error {
		crowd, err := load.Connect(ctx, s.port, s.upgrades(b.plan.idle, "/ws?channels=events&v=1"))
		if err != nil {
			return err
		}
		return crowd.Close()
	})
}

func (b *bench) idleRound(ctx context.Context, apier, limit, other *rest) (err error) {
	contenders, done, err := b.contenders(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	for _, c := range contenders {
		switch c.name {
		case "apier, v1":
			err = b.crowdAtRest(ctx, c, apier)
		case limitName:
			err = b.crowdAtRest(ctx, c, limit)
		case centrifugeName:
			err = b.crowdAtRest(ctx, c, other)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// crowdAtRest connects and waits. Nothing is forced: what the server has not given back counts.
func (b *bench) crowdAtRest(ctx context.Context, c contender, into *rest) (err error) {
	upgrades := c.clients(b.plan.idle)
	before, err := c.server.rss()
	if err != nil {
		return err
	}
	var crowd *load.Crowd
	cpu, err := c.server.used(func() (err error) {
		crowd, err = load.Connect(ctx, c.server.port, upgrades)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, crowd.Close()) }()
	time.Sleep(b.plan.settle)
	after, err := c.server.rss()
	into.kib = append(into.kib, float64(after-before)/1024/float64(b.plan.idle))
	into.connect = append(into.connect, float64(cpu.Nanoseconds())/1e3/float64(b.plan.idle))
	return err
}
