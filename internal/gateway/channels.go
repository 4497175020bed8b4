package gateway

import (
	"slices"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
)

// denied is what a connection named and does not get, and why.
type denied struct {
	names []string
	err   *apier.Error
}

// initialSubscriptions returns what a connection starts with, and what it named and does not get.
func initialSubscriptions(req request, id auth.Identity, limit int) (*hub.Subscriptions, []denied) {
	names := req.channels
	if !req.named {
		names = defaultChannels(id)
	}
	var channels []apier.Channel
	var refused []denied
	for i, name := range names {
		c, err := apier.ParseChannel(name)
		switch {
		case err != nil:
			refused = append(refused, denied{[]string{name}, err})
		case !apier.Allowed(id.Channels, c):
			refused = append(refused, denied{[]string{name}, forbiddenChannel(name)})
		case len(channels) >= limit:
			return hub.NewSubscriptions(channels...), append(refused, denied{names[i:], tooManySubscriptions(limit)})
		default:
			channels = append(channels, c)
		}
	}
	return hub.NewSubscriptions(channels...), refused
}

// defaultChannels are events and metrics, or where the token permits neither in full, what it permits.
func defaultChannels(id auth.Identity) []string {
	var names []string
	for _, name := range []string{"events", "metrics"} {
		if c, err := apier.ParseChannel(name); err == nil && apier.Allowed(id.Channels, c) {
			names = append(names, name)
		}
	}
	for _, pattern := range id.Channels {
		if _, err := apier.ParseChannel(pattern); err == nil && !slices.Contains(names, "events") {
			names = append(names, pattern)
		}
	}
	return names
}

func forbiddenChannel(name string) *apier.Error {
	return apier.Errorf(apier.CodeForbidden, "The token does not permit the channel %q.", name)
}

func tooManySubscriptions(limit int) *apier.Error {
	return apier.Errorf(apier.CodeTooManySubscriptions, "A connection may have %d subscriptions. Unsubscribe from one first.", limit)
}
