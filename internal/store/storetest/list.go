package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func listTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"list filters, each and combined":          testFilters,
		"list filters by many types":               testManyTypes,
		"list pages without double or gap":         testPaging,
		"list after an unknown event is not found": testUnknownCursor,
		"list goes on after a deleted event":       testDeletedCursor,
		"list goes on behind a deleted event":      testDeletedCursor,
		"list finds by search":                     testSearch,
		"list of times":                            testTimes,
		"list pages are bounded in bytes":          testListBytes,
	}
}

// testListBytes: a page of long events ends early, and says so; the pages together have every event once.
func testListBytes(t *testing.T, open Opener) {
	const n, size, bound = 100, 256 << 10, 9 << 20
	f := newFixture(t, open)
	for range n {
		e := newEvent("a", "s")
		e.Payload = []byte(`{"x":"` + strings.Repeat("x", size) + `"}`)
		f.add(e)
	}
	filter, seen, pages := store.Filter{Limit: n}, map[apier.EventID]bool{}, 0
	for more := true; more; pages++ {
		page, bytes := f.list(filter), 0
		for i := range page.Events {
			bytes += len(page.Events[i].Payload)
			seen[page.Events[i].ID] = true
		}
		if bytes > bound || len(page.Events) == 0 {
			t.Fatalf("page %d has %d events of %d bytes", pages, len(page.Events), bytes)
		}
		filter.StartingAfter, more = page.Events[len(page.Events)-1].ID, page.HasMore
	}
	if len(seen) != n || pages < 3 {
		t.Errorf("%d pages hold %d of %d events", pages, len(seen), n)
	}
}

func testFilters(t *testing.T, open Opener) {
	f := newFixture(t, open)
	types := []string{"order.created", "order.paid", "user.created", "a?[b]"}
	for i := range 48 {
		e := newEvent(types[i%4], []string{"shop", "crm", "api"}[i/4%3])
		id := f.add(e)[0]
		f.clock.advance(time.Second)
		switch i % 5 {
		case 1:
			f.deliver(id)
		case 2:
			f.fail(id, "x")
		}
	}
	all := f.list(store.Filter{}).Events
	middle := all[24].CreatedAt
	for _, status := range []apier.Status{"", apier.StatusPending, apier.StatusDelivered, apier.StatusFailed} {
		for _, globs := range [][]string{nil, {"*"}, {"order.paid"}, {"order.*"}, {"*.created", "order.paid"}, {"a?[b]"}, {"none"}, {"?rder.paid"}, {"order.paid", "order.*"}} {
			for _, source := range []string{"", "crm", "none"} {
				for _, after := range []apier.Timestamp{0, middle} {
					for _, oldest := range []bool{false, true} {
						filter := store.Filter{Status: status, Types: globs, Source: source, CreatedAfter: after, OldestFirst: oldest}
						want := filterByHand(all, filter)
						if got := idsOf(f.list(filter).Events); !slices.Equal(got, want) {
							t.Errorf("%+v gives %d events, want %d", filter, len(got), len(want))
						}
					}
				}
			}
		}
	}
}

// filterByHand does what List promises, given all events, newest first.
func filterByHand(all []apier.Event, filter store.Filter) []apier.EventID {
	ids := []apier.EventID{}
	for _, e := range all {
		if (filter.Status == "" || e.Status == filter.Status) && (filter.Source == "" || e.Source == filter.Source) &&
			(filter.CreatedAfter == 0 || e.CreatedAt > filter.CreatedAfter) &&
			(len(filter.Types) == 0 || slices.ContainsFunc(filter.Types, func(glob string) bool { return globMatches(glob, e.Type) })) {
			ids = append(ids, e.ID)
		}
	}
	if filter.OldestFirst {
		slices.Reverse(ids)
	}
	return ids
}

// globMatches knows globs with at most one star.
func globMatches(glob, s string) bool {
	head, tail, star := strings.Cut(glob, "*")
	if !star {
		return glob == s
	}
	return len(s) >= len(head)+len(tail) && strings.HasPrefix(s, head) && strings.HasSuffix(s, tail)
}

func testManyTypes(t *testing.T, open Opener) {
	f := newFixture(t, open)
	for i := range 60 {
		f.add(newEvent(fmt.Sprintf("kind%d.made", i), "shop"))
	}
	f.add(newEvent("other.done", "shop"))
	for glob, want := range map[string]int{"kind*": 60, "kind1*": 11, "*.made": 60, "*": 61, "**": 61, "kind7.made": 1} {
		if got := len(f.list(store.Filter{Types: []string{glob}}).Events); got != want {
			t.Errorf("%s gives %d events, want %d", glob, got, want)
		}
	}
}

func testPaging(t *testing.T, open Opener) {
	for _, oldest := range []bool{false, true} {
		f := newFixture(t, open)
		want := f.add(newEvents(23)...)
		filter := store.Filter{OldestFirst: oldest, Limit: 5, Types: []string{"order.*"}}
		var got []apier.EventID
		for pages := 0; pages < 30; pages++ {
			page := f.list(filter)
			got = append(got, idsOf(page.Events)...)
			if !page.HasMore {
				break
			}
			filter.StartingAfter = got[len(got)-1]
			if pages < 5 {
				added := f.add(newEvent("order.late", "shop"))
				if oldest {
					want = append(want, added...)
				}
			}
		}
		if !oldest {
			slices.Reverse(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("oldest first %v: paging gives\n%v, want\n%v", oldest, got, want)
		}
	}
}

func testUnknownCursor(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.add(newEvents(1)...)
	for _, cursor := range []apier.EventID{apier.FormatEventID([16]byte{1}), "evt_x"} {
		_, err := f.List(t.Context(), acme, store.Filter{StartingAfter: cursor, Limit: 10})
		wantCode(t, err, apier.CodeNotFound)
	}
}

func testDeletedCursor(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(3)...)
	check(t, f.Delete(t.Context(), acme, ids[1]))
	if got := idsOf(f.list(store.Filter{StartingAfter: ids[1]}).Events); !slices.Equal(got, ids[:1]) {
		t.Errorf("behind the deleted event are %v, want %v", got, ids[:1])
	}
	if got := idsOf(f.list(store.Filter{StartingAfter: ids[1], OldestFirst: true}).Events); !slices.Equal(got, ids[2:]) {
		t.Errorf("behind the deleted event are %v, want %v", got, ids[2:])
	}
	_, err := f.List(t.Context(), other, store.Filter{StartingAfter: ids[1]})
	wantCode(t, err, apier.CodeNotFound)
}

func testSearch(t *testing.T, open Opener) {
	f := newFixture(t, open)
	events := []apier.NewEvent{
		{Type: "Order.Created", Source: "shop", Payload: []byte(`{"city":"Köln","sale":"100%"}`)},
		{Type: "user.made", Source: "CRM_1", Payload: []byte(`{"note":"a\\b"}`)},
		{Type: "x.y", Source: "crmA1", Payload: []byte(`{"name":"Zoë"}`)},
	}
	ids := f.add(events...)
	for text, want := range map[string][]int{
		"order": {0}, "CREATED": {0}, "SHOP": {0}, "köln": {0}, "KÖLN": {0}, "Köln": {0}, "KöLN": {0}, "100%": {0}, "0%\"": {}, "0%": {0}, "%": {0},
		"crm_1": {1}, "crm": {2, 1}, `a\\b`: {}, `a\b`: {1}, "zoë": {2}, "nothing": {}, "E": {2, 1, 0},
		string(ids[1]): {1}, strings.ToUpper(string(ids[1])): {1}, string(ids[2][len(ids[2])-12:]): {2},
	} {
		expected := make([]apier.EventID, len(want))
		for i, n := range want {
			expected[i] = ids[n]
		}
		if got := idsOf(f.list(store.Filter{Search: text}).Events); !slices.Equal(got, expected) {
			t.Errorf("search %q gives %v, want %v", text, got, expected)
		}
	}
	if got := f.list(store.Filter{Search: string(ids[1]), Types: []string{"user.*"}, Source: "CRM_1"}).Events; len(got) != 1 {
		t.Errorf("an id together with other filters gives %d events", len(got))
	}
	if got := f.list(store.Filter{Search: string(ids[1]), Source: "shop"}).Events; len(got) != 0 {
		t.Errorf("an id of another source gives %d events", len(got))
	}
}

func testTimes(t *testing.T, open Opener) {
	f := newFixture(t, open)
	var ids []apier.EventID
	for i := range 20 {
		ids = append(ids, f.add(newEvents(1)...)...)
		if i%3 == 0 {
			check(t, f.Delete(t.Context(), acme, ids[i]))
			ids[i] = ""
		}
		must[store.Receipts](t)(f.Append(t.Context(), other, newEvents(i%3), nil))
		f.clock.advance(time.Second)
	}
	start := apier.TimestampOf(newClock().now())
	for from := -1; from <= 20; from++ {
		for to := -1; to <= 20; to++ {
			var want []apier.EventID
			for i, id := range ids {
				if i > from && i < to && id != "" {
					want = append(want, id)
				}
			}
			page := f.list(store.Filter{
				CreatedAfter: start + apier.Timestamp(from*1000), CreatedBefore: start + apier.Timestamp(to*1000), OldestFirst: true,
			})
			if !slices.Equal(idsOf(page.Events), want) {
				t.Fatalf("between %d and %d: %d events, want %d", from, to, len(page.Events), len(want))
			}
		}
	}
}
