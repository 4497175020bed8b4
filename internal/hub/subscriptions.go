package hub

import (
	"slices"
	"strings"

	"github.com/apier/apier"
)

// Subscriptions is an immutable set of channels. Readers whose sets have the same Key get the same
// bytes.
type Subscriptions struct {
	channels []apier.Channel // sorted by name
	metrics  bool
	delivery bool
	key      string
}

// NewSubscriptions makes a set; duplicates count once.
func NewSubscriptions(channels ...apier.Channel) *Subscriptions {
	sorted := slices.Clone(channels)
	slices.SortFunc(sorted, func(a, b apier.Channel) int { return strings.Compare(a.String(), b.String()) })
	sorted = slices.CompactFunc(sorted, func(a, b apier.Channel) bool { return a.String() == b.String() })
	s := &Subscriptions{channels: sorted}
	s.key = strings.Join(s.Names(), ",")
	s.metrics = slices.ContainsFunc(sorted, apier.Channel.IsMetrics)
	s.delivery = slices.ContainsFunc(sorted, apier.Channel.IsDelivery)
	return s
}

// Key identifies the set.
func (s *Subscriptions) Key() string { return s.key }

// Len counts the channels.
func (s *Subscriptions) Len() int { return len(s.channels) }

// Names gives the channels' names, sorted.
func (s *Subscriptions) Names() []string {
	names := make([]string, len(s.channels))
	for i, c := range s.channels {
		names[i] = c.String()
	}
	return names
}

// Channels gives the channels, sorted by name. The slice must not be written to.
func (s *Subscriptions) Channels() []apier.Channel { return s.channels }

// With gives the set and one more channel.
func (s *Subscriptions) With(c apier.Channel) *Subscriptions {
	return NewSubscriptions(append(slices.Clone(s.channels), c)...)
}

// Without gives the set less a channel.
func (s *Subscriptions) Without(c apier.Channel) *Subscriptions {
	rest := slices.DeleteFunc(slices.Clone(s.channels), func(x apier.Channel) bool { return x.String() == c.String() })
	return NewSubscriptions(rest...)
}

// Has reports whether the channel itself is in the set.
func (s *Subscriptions) Has(c apier.Channel) bool {
	return slices.ContainsFunc(s.channels, func(x apier.Channel) bool { return x.String() == c.String() })
}

// Metrics reports whether the metrics channel is in the set.
func (s *Subscriptions) Metrics() bool { return s.metrics }

// Deliveries reports whether changes of deliveries can belong to the set.
func (s *Subscriptions) Deliveries() bool { return s.delivery }

// Match names the first channel of the set that a change belongs to, so that a change which matches
// several is sent once.
func (s *Subscriptions) Match(c *apier.Change) (channel string, ok bool) {
	for i := range s.channels {
		if s.channels[i].Match(c) {
			return s.channels[i].String(), true
		}
	}
	return "", false
}
