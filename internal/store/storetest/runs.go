package storetest

import (
	"fmt"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func runTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"runs tell what of a history is still there": testRuns,
		"of many runs the latest are known":          testManyRuns,
	}
}

func testRuns(t *testing.T, open Opener) {
	f := newFixture(t, open)
	begin := func() store.Runs { return must[store.Runs](t)(f.BeginRun(t.Context())) }
	first := begin()
	f.add(newEvents(3)...)
	reached := f.head()
	f.reopen()
	second := begin()
	f.add(newEvents(2)...)
	for _, c := range []struct {
		run  string
		seq  apier.Seq
		want bool
	}{
		{first.Current, 1, true},
		{first.Current, reached, true},
		{first.Current, reached + 1, false}, // told by a server whose database is no more
		{second.Current, f.head(), true},
		{"another", 1, false},
		{"", 0, false},
	} {
		if got := second.Hold(c.run, c.seq); got != c.want {
			t.Errorf("run %q, seq %d: %v", c.run, c.seq, got)
		}
	}
	if third := begin(); third.Current == second.Current || !third.Hold(second.Current, f.head()) || third.Hold(first.Current, f.head()) {
		t.Errorf("a third run has %+v", third)
	}
}

func testManyRuns(t *testing.T, open Opener) {
	f := newFixture(t, open)
	var runs store.Runs
	names := make([]string, 0, 1200)
	for range cap(names) {
		runs = must[store.Runs](t)(f.BeginRun(t.Context()))
		names = append(names, runs.Current)
	}
	for i, want := range map[int]bool{0: false, 100: false, len(names) - 500: true, len(names) - 1: true} {
		if got := runs.Hold(names[i], 0); got != want {
			t.Error(fmt.Sprintf("run %d of %d:", i, len(names)), got)
		}
	}
}
