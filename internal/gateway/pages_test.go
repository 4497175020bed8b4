package gateway

import (
	"testing"
	"time"

	"github.com/apier/apier"
)

func TestPagesEndWhereOthersDo(t *testing.T) {
	t.Parallel()
	page := func(more bool, seqs ...apier.Seq) ChangePage {
		p := ChangePage{More: more, Seq: 1000}
		for _, seq := range seqs {
			p.Changes = append(p.Changes, apier.Change{Seq: seq})
			if more {
				p.Seq = seq
			}
		}
		return p
	}
	for name, tc := range map[string]struct {
		page ChangePage
		n    int
		seq  apier.Seq
	}{
		"at the last multiple":         {page(true, 60, 63, 64, 65, 70), 3, 64},
		"at a multiple that nobody is": {page(true, 60, 63, 65, 70), 2, 64},
		"exactly there":                {page(true, 60, 128), 2, 128},
		"without a multiple":           {page(true, 65, 66), 2, 66},
		"the last page":                {page(false, 60, 70), 2, 1000},
		"nothing":                      {page(false), 0, 1000},
	} {
		if got := align(tc.page); len(got.Changes) != tc.n || got.Seq != tc.seq {
			t.Errorf("%s: %d changes up to %d, want %d up to %d", name, len(got.Changes), got.Seq, tc.n, tc.seq)
		}
	}
}

func TestPagesAreSharedForAWhile(t *testing.T) {
	t.Parallel()
	var pages pageCache
	now, key := time.Now(), pageKey{log: 1, after: 64, subs: "events"}
	pages.put(key, storePage{ChangePage: ChangePage{Changes: make([]apier.Change, 3), Seq: 128, More: true}, frames: 7, readAt: now})
	if page, ok := pages.get(key, now.Add(pageLife/2)); !ok || page.frames != 7 {
		t.Errorf("not shared: %+v", page)
	}
	if _, ok := pages.get(key, now.Add(pageLife)); ok {
		t.Error("an old page is shared")
	}
	page, _ := pages.get(key, now)
	if page.Changes != nil || page.Seq != 128 {
		t.Errorf("events are kept with the page, or it is another: %+v", page)
	}
	for _, other := range []pageKey{{log: 2, after: 64, subs: "events"}, {log: 1, after: 128, subs: "events"}, {log: 1, after: 64}, {log: 1, after: 64, subs: "events", v1: true}} {
		if _, ok := pages.get(other, now); ok {
			t.Errorf("%+v gets the page of another", other)
		}
	}
	for i := range 10 * pagesKept {
		pages.put(pageKey{after: apier.Seq(i)}, storePage{readAt: now})
	}
	if len(pages.pages) > pagesKept {
		t.Errorf("%d pages are kept", len(pages.pages))
	}
}
