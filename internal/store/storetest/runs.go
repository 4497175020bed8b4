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

func (f *fixture) begin() string { return must[string](f.t)(f.BeginRun(f.t.Context())) }

func (f *fixture) holds(tenant apier.TenantID, run string, seq apier.Seq) bool {
	return must[bool](f.t)(f.Holds(f.t.Context(), tenant, run, seq))
}

func testRuns(t *testing.T, open Opener) {
	f := newFixture(t, open)
	first := f.begin()
	f.add(newEvents(3)...)
	must[store.Receipts](t)(f.Append(t.Context(), other, newEvents(9), nil)) // is no matter to acme
	reached := f.head()
	f.reopen()
	second := f.begin()
	f.add(newEvents(2)...)
	for _, c := range []struct {
		run  string
		seq  apier.Seq
		want bool
	}{
		{first, 1, true},
		{first, reached, true},
		{first, reached + 1, false}, // told by a server whose database is no more
		{second, f.head(), true},
		{second, f.head() + 1, false},
		{"another", 1, false},
		{"", 0, false},
	} {
		if got := f.holds(acme, c.run, c.seq); got != c.want {
			t.Errorf("run %q, seq %d: %v", c.run, c.seq, got)
		}
	}
	if !f.holds(other, first, 9) || f.holds(other, first, 10) || !f.holds(other, second, 9) { // has not moved since
		t.Error("the other tenant's place in the first run")
	}
	if third := f.begin(); third == second || !f.holds(acme, second, f.head()) || f.holds(acme, first, f.head()) {
		t.Errorf("a third run is %q", third)
	}
}

func testManyRuns(t *testing.T, open Opener) {
	f := newFixture(t, open)
	names := make([]string, 0, 1200)
	for range cap(names) {
		names = append(names, f.begin())
	}
	for i, want := range map[int]bool{0: false, 100: false, len(names) - 500: true, len(names) - 1: true} {
		if got := f.holds(acme, names[i], 0); got != want {
			t.Error(fmt.Sprintf("run %d of %d:", i, len(names)), got)
		}
	}
}
