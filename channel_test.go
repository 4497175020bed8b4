package apier_test

import (
	"testing"

	"github.com/apier/apier"
)

func TestChannelMatch(t *testing.T) {
	t.Parallel()
	e := sampleEvent()
	for name, want := range map[string]bool{
		"events": true, "events:order.created": true, "events:order.*": true, "events:*": true,
		"events:order": false, "events:invoice.*": false, "events:order.created.x": false,
		"event:" + string(sampleID): true, "event:evt_other": false,
		"metrics": false, "endpoint:ep_1": false,
	} {
		c, err := apier.ParseChannel(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := c.Match(&e); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		patterns []string
		channel  string
		want     bool
	}{
		{nil, "events", true},
		{[]string{}, "events", false},
		{[]string{"*"}, "metrics", true},
		{[]string{"events"}, "events:order.*", true},
		{[]string{"events"}, "event:evt_1", true},
		{[]string{"events"}, "metrics", false},
		{[]string{"events:order.*"}, "events:order.created", true},
		{[]string{"events:order.*"}, "events:order.*", true},
		{[]string{"events:order.*"}, "events:*", false},
		{[]string{"events:order.*"}, "events", false},
		{[]string{"events:order.created"}, "events:order.*", false},
		{[]string{"event:*"}, "events", false},
		{[]string{"metrics", "event:evt_1"}, "event:evt_1", true},
	} {
		c, err := apier.ParseChannel(tc.channel)
		if err != nil {
			t.Fatal(err)
		}
		if got := apier.Allowed(tc.patterns, c); got != tc.want {
			t.Errorf("%v allows %s: got %v", tc.patterns, tc.channel, got)
		}
	}
}

func FuzzParseChannel(f *testing.F) {
	for _, s := range []string{"events", "events:order.*", "event:evt_1", "metrics", "endpoint:ep_1", "events:**", ":", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := apier.ParseChannel(name)
		if err != nil {
			return
		}
		if c.String() != name || len(name) > apier.MaxChannelSize {
			t.Fatalf("%q parsed as %q", name, c)
		}
		e := sampleEvent()
		_ = c.Match(&e)
		if !apier.Allowed([]string{name}, c) || !apier.Allowed(nil, c) {
			t.Fatalf("%q does not permit itself", name)
		}
	})
}
