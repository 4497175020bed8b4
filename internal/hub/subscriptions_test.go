package hub

import (
	"slices"
	"testing"

	"github.com/apier/apier"
)

func channel(t *testing.T, name string) apier.Channel {
	t.Helper()
	c, err := apier.ParseChannel(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func set(t *testing.T, names ...string) *Subscriptions {
	t.Helper()
	var all []apier.Channel
	for _, name := range names {
		all = append(all, channel(t, name))
	}
	return NewSubscriptions(all...)
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	s := set(t, "metrics", "events:b", "events:a", "events:b")
	if s.Len() != 3 || !slices.Equal(s.Names(), []string{"events:a", "events:b", "metrics"}) || len(s.Channels()) != 3 || !s.Metrics() {
		t.Errorf("%v", s.Names())
	}
	if s.Key() != set(t, "events:b", "events:a", "metrics").Key() || s.Key() == set(t, "events:a", "metrics").Key() {
		t.Error("the key is not that of the set")
	}
	if empty := set(t); empty.Len() != 0 || empty.Metrics() || empty.Key() != "" || len(empty.Names()) != 0 {
		t.Errorf("empty: %v", empty.Names())
	}
}

func TestWithAndWithout(t *testing.T) {
	t.Parallel()
	s := set(t, "events:b")
	more := s.With(channel(t, "events:a")).With(channel(t, "metrics")).With(channel(t, "events:b"))
	less := more.Without(channel(t, "events:b")).Without(channel(t, "events:never"))
	if !slices.Equal(more.Names(), []string{"events:a", "events:b", "metrics"}) || !slices.Equal(less.Names(), []string{"events:a", "metrics"}) {
		t.Errorf("%v, then %v", more.Names(), less.Names())
	}
	if !slices.Equal(s.Names(), []string{"events:b"}) || more.Len() != 3 {
		t.Error("With or Without changed the set it was called on")
	}
	if less.Without(channel(t, "metrics")).Metrics() || !more.Has(channel(t, "metrics")) || less.Has(channel(t, "events:b")) {
		t.Error("Metrics or Has is wrong")
	}
	if more.Has(channel(t, "events")) || set(t, "events").Has(channel(t, "events:a")) {
		t.Error("Has is about the channel itself, not what it covers")
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	c := change("a", 1)
	for _, tc := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"metrics"}, ""},
		{[]string{"events:x", "event:evt_2"}, ""},
		{[]string{"events"}, "events"},
		{[]string{"events:a.*", "events"}, "events"}, // the first by name, and it alone
		{[]string{"events:a.b", "event:evt_1", "metrics"}, "event:evt_1"},
		{[]string{"events:a.*"}, "events:a.*"},
	} {
		got, ok := set(t, tc.names...).Match(&c)
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%v: %q %v", tc.names, got, ok)
		}
	}
}
