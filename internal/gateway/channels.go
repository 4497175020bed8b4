package gateway

import (
	"slices"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/hub"
)

// initialSubscriptions gives what a connection starts with, and an error for each channel that it
// named and does not get.
func initialSubscriptions(req request, id auth.Identity, limit int) (*hub.Subscriptions, []*apier.Error) {
	names := req.channels
	if !req.named {
		names = defaultChannels(id)
	}
	var channels []apier.Channel
	var denied []*apier.Error
	for _, name := range names {
		c, err := apier.ParseChannel(name)
		switch {
		case err != nil:
			denied = append(denied, err)
		case !apier.Allowed(id.Channels, c):
			denied = append(denied, forbiddenChannel(name))
		case len(channels) >= limit:
			return hub.NewSubscriptions(channels...), append(denied, tooManySubscriptions(limit))
		default:
			channels = append(channels, c)
		}
	}
	return hub.NewSubscriptions(channels...), denied
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
