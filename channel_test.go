package apier_test

import (
	"testing"

	"github.com/apier/apier"
)

func TestChannelMatch(t *testing.T) {
	t.Parallel()
	c := apier.Change{Kind: apier.Created, Event: sampleEvent()}
	testMatch(t, &c, map[string]bool{
		"events": true, "events:order.created": true, "events:order.*": true, "events:*": true,
		"events:order": false, "events:invoice.*": false, "events:order.created.x": false,
		"event:" + string(sampleID): true, "event:evt_other": false,
		"metrics": false, "endpoint:ep_1": false, "event:*": true, "endpoint:*": false,
	})
	delivery := apier.Change{Kind: apier.DeliveryChanged, Event: sampleEvent(), Delivery: &apier.Delivery{EndpointID: "ep_1"}}
	testMatch(t, &delivery, map[string]bool{
		"events": false, "events:*": false, "metrics": false, "endpoint:ep_1": true, "endpoint:*": true, "endpoint:ep_2": false,
		"event:" + string(sampleID): true, "event:*": true, "event:evt_other": false,
	})
	ofEndpoint := map[string]bool{
		"events": false, "event:*": false, "metrics": false, "endpoint:ep_1": true, "endpoint:*": true, "endpoint:ep_2": false,
	}
	testMatch(t, &apier.Change{Kind: apier.EndpointChanged, Endpoint: &apier.Endpoint{ID: "ep_1"}}, ofEndpoint)
	testMatch(t, &apier.Change{Kind: apier.EndpointChanged, Gone: "ep_1"}, ofEndpoint)
	testMatch(t, &apier.Change{Kind: apier.RecoveryChanged, Recovery: &apier.Recovery{EndpointID: "ep_1"}}, ofEndpoint)
	testMatch(t, &apier.Change{Kind: apier.WebhookReceived, Webhook: &apier.Webhook{EndpointID: "ep_1"}}, ofEndpoint)
}

func testMatch(t *testing.T, change *apier.Change, want map[string]bool) {
	t.Helper()
	for name, want := range want {
		c, err := apier.ParseChannel(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := c.Match(change); got != want {
			t.Errorf("%s: got %v for %+v", name, got, change)
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
	for _, s := range []string{"events", "events:order.*", "event:evt_1", "metrics", "endpoint:ep_1", "endpoint:*", "event:e*", "events:**", ":", "*"} {
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
		_ = c.Match(&apier.Change{Kind: apier.Created, Event: sampleEvent()})
		if !apier.Allowed([]string{name}, c) || !apier.Allowed(nil, c) {
			t.Fatalf("%q does not permit itself", name)
		}
	})
}
