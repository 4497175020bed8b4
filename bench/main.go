//go:build linux

// Command bench measures apier next to the goals it was given and next to simpler servers that ran in
// the same minutes on the same machine. README.md says what each figure means and where it is weak.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/apier/apier/bench/internal/peer"
	"github.com/apier/apier/bench/internal/proc"
)

// longest bounds a run, whatever happens.
const longest = 30 * time.Minute

type options struct {
	apier   string
	only    []string
	quick   bool
	profile bool
	idle    int
	out     string
	data    string
	serve   string
}

func main() {
	if err := run(readFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func readFlags() options {
	var o options
	only := ""
	flag.StringVar(&o.apier, "apier", "../bin/apier", "the apier to measure")
	flag.StringVar(&only, "only", "", "measure these only, of: "+strings.Join(sectionNames(), ","))
	flag.BoolVar(&o.quick, "quick", false, "smaller and shorter, to see that all works; no figures to quote")
	flag.IntVar(&o.idle, "idle", 0, "connections of the section idle, where not those of the goal")
	flag.BoolVar(&o.profile, "profile", false, "show profiles also where every goal is met")
	flag.StringVar(&o.out, "out", "results", "directory of the results; empty: only print")
	flag.StringVar(&o.data, "data", "", "where the server's data goes, on the disk that is to be measured (default: the directory for temporary files)")
	flag.StringVar(&o.serve, "serve", "", "be a server to compare with: bare, epoll or centrifuge (the bench starts these itself)")
	flag.Parse()
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	return o
}

func run(o options) error {
	switch o.serve {
	case "":
	case "bare":
		return peer.Bare()
	case "epoll":
		return peer.Limit()
	case "centrifuge":
		return peer.Centrifuge()
	default:
		return fmt.Errorf("-serve is bare, epoll or centrifuge, not %q", o.serve)
	}
	for _, name := range o.only {
		if !slices.Contains(sectionNames(), name) {
			return fmt.Errorf("-only has %q; there are %s", name, strings.Join(sectionNames(), ", "))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	return measure(ctx, o)
}

// section is one part of the bench.
type section struct {
	name string
	run  func(b *bench, ctx context.Context) error
}

func sections() []section {
	return []section{
		{"ingest", (*bench).ingest},
		{"batch", (*bench).batch},
		{"fanout", (*bench).fanout},
		{"idle", (*bench).idle},
		{"waiters", (*bench).waiters},
		{"growth", (*bench).growth},
		{"delivery", (*bench).delivery},
		{"unread", (*bench).unread},
		{"neighbour", (*bench).neighbour},
	}
}

func sectionNames() []string {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

// measure runs the sections. One that fails is reported, and does not keep the others from running.
func measure(ctx context.Context, o options) error {
	temp, err := os.MkdirTemp(o.data, "apier-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	b := &bench{opt: o, plan: fullPlan(), temp: temp, report: newReport(temp, o.quick)}
	if o.quick {
		b.plan = quickPlan()
	}
	if o.idle > 0 {
		b.plan.idle = o.idle
	}
	before, err := proc.Now()
	if err != nil {
		return err
	}
	var failures []error
	for _, s := range sections() {
		if len(o.only) > 0 && !slices.Contains(o.only, s.name) {
			continue
		}
		b.log("%s", s.name)
		if err := s.run(b, ctx); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", s.name, err))
			b.report.Failures = append(b.report.Failures, s.name+": "+err.Error())
		}
		if ctx.Err() != nil {
			return errors.Join(append(failures, ctx.Err())...) // half a run is no result
		}
	}
	if now, err := proc.Now(); err == nil {
		b.report.Machine.Others = now.Others(before, b.report.Machine.Cores)
	}
	b.report.print(os.Stdout)
	if o.out != "" {
		failures = append(failures, b.report.save(o.out))
	}
	return errors.Join(failures...)
}
