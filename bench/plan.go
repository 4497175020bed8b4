//go:build linux

package main

import (
	"fmt"
	"os"
	"time"
)

// plan says how much load there is. Everything is bounded, in number and in time.
type plan struct {
	rounds      int
	warmUp      time.Duration
	length      time.Duration // of one measurement
	senders     int           // connections, one event per POST
	batchers    int           // connections, batches
	batchSize   int
	payload     int // bytes
	crowds      []int
	rate        int // events per second
	warmEvents  int
	events      int // per round
	burstCrowd  int
	burst       int    // events
	limitBurst  int    // events for the limit, which shares no write and takes long
	idle        int    // connections
	growth      [2]int // events
	questions   int    // of a kind, at least
	endpoints   int    // that webhooks go to
	pending     int    // deliveries to them
	fanRounds   int
	idleRounds  int
	settle      time.Duration // before memory is read
	pause       time.Duration // between two servers' turns
	profile     time.Duration
	awaitFor    time.Duration
	filesNeeded int // descriptors besides those of a crowd
}

func fullPlan() plan {
	return plan{
		rounds: 5, warmUp: time.Second, length: 4 * time.Second,
		senders: 64, batchers: 16, batchSize: 100, payload: 250,
		crowds: []int{1000, 5000}, rate: 20, warmEvents: 20, events: 120,
		burstCrowd: 500, burst: 20_000, limitBurst: 2000,
		growth: [2]int{10_000, 1_000_000}, questions: 5, endpoints: 100, pending: 10_000, idle: 5000, fanRounds: 3, idleRounds: 3, settle: 5 * time.Second,
		pause: 500 * time.Millisecond, profile: 5 * time.Second, awaitFor: 2 * time.Minute, filesNeeded: 200,
	}
}

func quickPlan() plan {
	p := fullPlan()
	p.rounds, p.fanRounds, p.idleRounds = 2, 2, 1
	p.warmUp, p.length = 300*time.Millisecond, time.Second
	p.crowds, p.events, p.warmEvents = []int{200, 1000}, 40, 5
	p.growth, p.questions = [2]int{1000, 20_000}, 5
	p.endpoints, p.pending = 20, 1000
	p.burstCrowd, p.burst, p.limitBurst = 100, 4000, 500
	p.idle, p.settle, p.awaitFor = 1000, time.Second, 30*time.Second
	return p
}

// bench is one run.
type bench struct {
	opt    options
	plan   plan
	temp   string
	dirs   int // data directories made so far
	report *report
}

func (b *bench) log(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// fits drops sizes for which this process may not open enough files, and says so.
func (b *bench) fits(size int) bool {
	limit := b.report.Machine.MaxFiles
	if limit > 0 && uint64(size+b.plan.filesNeeded) > limit {
		b.log("%d connections are left out: this process may open %d files", size, limit)
		return false
	}
	return true
}
