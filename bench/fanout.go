//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apier/apier/bench/internal/load"
	"github.com/apier/apier/bench/internal/stat"
)

// deliveries are the rounds of one contender.
type deliveries struct {
	cpu, p50, p99, perSecond []float64 // µs of the server per delivery, ms, ms, deliveries/s
	peak                     []float64 // MiB of the server, the most since its start
}

const (
	limitName      = "limit"
	centrifugeName = "centrifuge"
)

// fanout measures many receivers of few events, and the burst.
func (b *bench) fanout(ctx context.Context) error {
	for _, size := range b.plan.crowds {
		if !b.fits(size) {
			continue
		}
		results, err := b.contest(ctx, size, b.steady)
		if err != nil {
			return fmt.Errorf("%d connections: %w", size, err)
		}
		b.reportSteady(size, results)
		err = b.explain(ctx, func(s *apierServer) error {
			return b.fanoutOn(ctx, s, size, func(c contender, crowd *load.Crowd) error {
				return b.paced(ctx, c, crowd, 0, b.plan.events, false)
			})
		})
		if err != nil {
			return err
		}
	}
	results, err := b.contest(ctx, b.plan.burstCrowd, b.burst)
	if err != nil {
		return fmt.Errorf("burst: %w", err)
	}
	b.reportBurst(results)
	return b.explain(ctx, func(s *apierServer) error {
		return b.fanoutOn(ctx, s, b.plan.burstCrowd, func(c contender, crowd *load.Crowd) error {
			return b.burstOf(ctx, c, crowd, 0)
		})
	})
}

// fanoutOn is the load of a contest, for a profile.
func (b *bench) fanoutOn(ctx context.Context, s *apierServer, size int, play func(c contender, crowd *load.Crowd) error) (err error) {
	crowd, err := load.Connect(ctx, s.port, s.upgrades(size, "/ws?channels=events&v=1"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, crowd.Close()) }()
	publish := func(ctx context.Context, due time.Time, first, count int) error {
		return b.post(ctx, s, due, first, count)
	}
	return play(contender{name: "profile", server: s.child, publish: publish, burst: b.plan.burst}, crowd)
}

// match measures one contender once, with clients that are connected.
type match func(ctx context.Context, c contender, crowd *load.Crowd, size int, into *deliveries) error

// contest lets the contenders take turns, each with a crowd of its own.
func (b *bench) contest(ctx context.Context, size int, play match) (results map[string]*deliveries, err error) {
	contenders, done, err := b.contenders(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	results = map[string]*deliveries{}
	for _, c := range contenders {
		results[c.name] = &deliveries{}
	}
	for round := range b.plan.fanRounds {
		for i := range contenders { // who is first changes from round to round
			c := contenders[(round+i)%len(contenders)]
			r := results[c.name]
			if err := b.play(ctx, c, size, play, r); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			b.log("  %d connections, round %d, %s: %.2f µs per delivery", size, round+1, c.name, r.cpu[round])
		}
	}
	return results, nil
}

func (b *bench) play(ctx context.Context, c contender, size int, play match, into *deliveries) (err error) {
	time.Sleep(b.plan.pause)
	crowd, err := load.Connect(ctx, c.server.port, c.clients(size))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, crowd.Close()) }()
	if err := b.paced(ctx, c, crowd, 0, b.plan.warmEvents, false); err != nil {
		return err
	}
	return play(ctx, c, crowd, size, into)
}

// steady publishes at a given rate.
func (b *bench) steady(ctx context.Context, c contender, crowd *load.Crowd, size int, into *deliveries) error {
	start := time.Now()
	cpu, err := c.server.used(func() error { return b.paced(ctx, c, crowd, b.plan.warmEvents, b.plan.events, true) })
	if err != nil {
		return err
	}
	into.add(cpu, time.Since(start), size*b.plan.events)
	latencies := crowd.Latencies()
	into.p50 = append(into.p50, float64(stat.Percentile(latencies, 50))/1e3)
	into.p99 = append(into.p99, float64(stat.Percentile(latencies, 99))/1e3)
	return nil
}

// paced publishes count events, each stamped with when it was due: a publisher that is held up makes
// latency, it does not hide it.
func (b *bench) paced(ctx context.Context, c contender, crowd *load.Crowd, first, count int, keep bool) error {
	crowd.Expect(first+count, keep)
	every := time.Second / time.Duration(b.plan.rate)
	start := time.Now()
	for i := range count {
		due := start.Add(time.Duration(i) * every)
		time.Sleep(time.Until(due))
		if err := c.publish(ctx, due, first+i, 1); err != nil {
			return err
		}
	}
	return crowd.Await(ctx, b.plan.awaitFor)
}

// burst publishes batch after batch, as fast as they are acknowledged.
func (b *bench) burst(ctx context.Context, c contender, crowd *load.Crowd, size int, into *deliveries) error {
	start := time.Now()
	cpu, err := c.server.used(func() error { return b.burstOf(ctx, c, crowd, b.plan.warmEvents) })
	if err != nil {
		return err
	}
	into.add(cpu, time.Since(start), size*c.burst)
	peak, err := c.server.peakRSS()
	into.peak = append(into.peak, float64(peak)/(1<<20))
	return err
}

// burstOf publishes the events of a burst, numbered from first on, and waits until every client has them.
func (b *bench) burstOf(ctx context.Context, c contender, crowd *load.Crowd, first int) error {
	crowd.Expect(first+c.burst, false)
	for sent := 0; sent < c.burst; sent += b.plan.batchSize {
		if err := c.publish(ctx, time.Now(), first+sent, min(b.plan.batchSize, c.burst-sent)); err != nil {
			return err
		}
	}
	return crowd.Await(ctx, b.plan.awaitFor)
}

func (d *deliveries) add(cpu, elapsed time.Duration, count int) {
	d.cpu = append(d.cpu, float64(cpu.Nanoseconds())/1e3/float64(count))
	d.perSecond = append(d.perSecond, float64(count)/elapsed.Seconds())
}

func (b *bench) reportSteady(size int, results map[string]*deliveries) {
	const tolerance = 1.25
	b.report.section(fmt.Sprintf("Fan-out: %d connections × %d events/s", size, b.plan.rate))
	limit := results[limitName]
	b.report.add("limit (epoll, one write per delivery), server CPU per delivery", "µs", limit.cpu, goal{})
	b.report.add("limit, publish → receive, p50", "ms", limit.p50, goal{})
	b.report.add("limit, publish → receive, p99", "ms", limit.p99, goal{})
	other := results[centrifugeName]
	b.report.add("centrifuge, server CPU per delivery", "µs", other.cpu, goal{})
	b.report.add("centrifuge, publish → receive, p50, nothing stored", "ms", other.p50, goal{})
	b.report.add("centrifuge, publish → receive, p99, nothing stored", "ms", other.p99, goal{})
	for _, name := range []string{"apier, plain", "apier, v1"} {
		r := results[name]
		b.report.add(name+", server CPU per delivery", "µs", r.cpu, goal{})
		b.report.add(name+" ÷ limit, CPU", "×", stat.Ratios(r.cpu, limit.cpu), atMost(tolerance))
		b.report.add(name+", publish → receive, p50", "ms", r.p50, goal{})
		b.report.add(name+", publish → receive, p99", "ms", r.p99, goal{})
		b.report.add(name+" ÷ limit, p99, durable commit included", "×", stat.Ratios(r.p99, limit.p99), atMost(tolerance))
	}
	every := 1000 / float64(b.plan.rate) // ms
	if stat.Summarise(limit.p50).Median > every {
		b.report.note(fmt.Sprintf("The machine was saturated: the limit itself fell more than %.0f ms behind. Above that, the ratios show what sharing writes under overload gains, not how near apier comes to the limit.", every))
	}
}

func (b *bench) reportBurst(results map[string]*deliveries) {
	b.report.section(fmt.Sprintf("Burst: %d connections, %d events in batches of %d as fast as they are acknowledged (limit and centrifuge: %d)",
		b.plan.burstCrowd, b.plan.burst, b.plan.batchSize, b.plan.limitBurst))
	for _, name := range []string{"apier, plain", "apier, v1", limitName, centrifugeName} {
		bound := atMost(1.5)
		if name == limitName || name == centrifugeName {
			bound = goal{}
		}
		b.report.add(name+", server CPU per delivery", "µs", results[name].cpu, bound)
		b.report.add(name+", until every client has all", "deliveries/s", results[name].perSecond, goal{})
		b.report.add(name+", server's peak resident memory so far", "MiB", results[name].peak, goal{})
	}
}
