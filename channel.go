package apier

import (
	"slices"
	"strings"
)

// anyID stands for every id, alone.
const anyID = "*"

// MaxChannelSize bounds a channel name, in bytes.
const MaxChannelSize = 128

// Channel is the parsed name of something to subscribe to:
//
//	events            every change of every event of the tenant
//	events:order.*    those of a type, a trailing * standing for any ending
//	event:<id>        those of one event
//	metrics           the counters, at most once a second
//	endpoint:<id>     the deliveries of one endpoint
type Channel struct {
	kind channelKind
	arg  string // the type without *, the id
	wild bool
	name string
}

type channelKind uint8

const (
	channelEvents channelKind = iota + 1
	channelEventType
	channelEvent
	channelMetrics
	channelEndpoint
)

// ParseChannel reads a channel name. The error names what is wrong with it.
func ParseChannel(name string) (Channel, *Error) {
	if name == "" || len(name) > MaxChannelSize {
		return Channel{}, Errorf(CodeInvalidChannel, "A channel name has 1 to %d bytes, this one has %d.", MaxChannelSize, len(name))
	}
	for _, c := range name {
		if !isTypeRune(c) && c != ':' && c != '*' {
			return Channel{}, Errorf(CodeInvalidChannel, "A channel name may contain letters, digits and . _ : * -, not %q.", c)
		}
	}
	kind, arg, hasArg := strings.Cut(name, ":")
	c := Channel{name: name, arg: arg}
	switch {
	case kind == "events" && !hasArg:
		c.kind = channelEvents
	case kind == "metrics" && !hasArg:
		c.kind = channelMetrics
	case kind == "events" && arg != "":
		c.kind = channelEventType
		c.arg, c.wild = strings.CutSuffix(arg, "*")
	case kind == "event" && arg != "":
		c.kind = channelEvent
		c.wild = arg == anyID
	case kind == "endpoint" && arg != "":
		c.kind = channelEndpoint
		c.wild = arg == anyID
	default:
		return Channel{}, Errorf(CodeInvalidChannel, "There is no channel %q. Channels are events, events:<type>, event:<id>, metrics and endpoint:<id>.", name)
	}
	if strings.Contains(c.arg, "*") && !c.wild {
		return Channel{}, Errorf(CodeInvalidChannel, "A * may stand only at the end of events:<type>, or alone in event:* and endpoint:*, not in %q.", name)
	}
	return c, nil
}

// String gives the name that was parsed.
func (c Channel) String() string { return c.name }

// IsMetrics reports whether c is the metrics channel.
func (c Channel) IsMetrics() bool { return c.kind == channelMetrics }

// Match reports whether a change belongs to the channel: events to those of events, an attempt to its
// endpoint and to its event, all else of an endpoint to the endpoint alone.
func (c Channel) Match(change *Change) bool {
	switch change.Kind {
	case DeliveryChanged:
		return c.matchID(channelEndpoint, string(change.Delivery.EndpointID)) || c.matchID(channelEvent, string(change.Event.ID))
	case EndpointChanged:
		if change.Endpoint == nil {
			return c.matchID(channelEndpoint, string(change.Gone))
		}
		return c.matchID(channelEndpoint, string(change.Endpoint.ID))
	case RecoveryChanged:
		return c.matchID(channelEndpoint, string(change.Recovery.EndpointID))
	case WebhookReceived:
		return c.matchID(channelEndpoint, string(change.Webhook.EndpointID))
	default:
		return c.matchEvent(&change.Event)
	}
}

func (c Channel) matchID(kind channelKind, id string) bool {
	return c.kind == kind && (c.wild || c.arg == id)
}

func (c Channel) matchEvent(e *Event) bool {
	switch c.kind {
	case channelEvents:
		return true
	case channelEventType:
		return e.Type == c.arg || c.wild && strings.HasPrefix(e.Type, c.arg)
	case channelEvent:
		return c.matchID(channelEvent, string(e.ID))
	default:
		return false
	}
}

// HasState reports whether the channel is the state of one thing, which a subscriber is told first.
func (c Channel) HasState() bool {
	return c.kind == channelMetrics || (c.kind == channelEvent || c.kind == channelEndpoint) && !c.wild
}

// EventID gives the event whose channel it is; "": it is no event's.
func (c Channel) EventID() EventID {
	if c.kind != channelEvent || c.wild {
		return ""
	}
	return EventID(c.arg)
}

// EndpointID gives the endpoint whose channel it is; "": it is no endpoint's.
func (c Channel) EndpointID() EndpointID {
	if c.kind != channelEndpoint || c.wild {
		return ""
	}
	return EndpointID(c.arg)
}

// IsEndpoint reports whether the channel tells of endpoints and their deliveries.
func (c Channel) IsEndpoint() bool { return c.kind == channelEndpoint }

// IsDelivery reports whether changes of deliveries can belong to the channel.
func (c Channel) IsDelivery() bool { return c.kind == channelEndpoint || c.kind == channelEvent }

// Allowed reports whether the patterns of a token's channels claim permit the channel. No patterns
// permit everything of the tenant. A pattern is a channel name, which also covers every narrower one,
// or any beginning followed by *.
func Allowed(patterns []string, c Channel) bool {
	return patterns == nil || slices.ContainsFunc(patterns, func(p string) bool { return covers(p, c) })
}

func covers(pattern string, c Channel) bool {
	if pattern == c.name {
		return true
	}
	if pattern == "events" {
		return c.kind == channelEventType || c.kind == channelEvent
	}
	prefix, wild := strings.CutSuffix(pattern, "*")
	return wild && strings.HasPrefix(c.name, prefix)
}
