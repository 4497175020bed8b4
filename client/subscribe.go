package client

import (
	"context"

	"github.com/apier/apier"
)

// Subscribe adds a channel, now and after each reconnect; it reports whether there is a connection for the request to
// go out on, in one frame with what else is asked for in the same moment. Subscribed waits for what comes of it;
// OnRefused and Subscriptions tell it, too.
func (l *Live) Subscribe(channel string) (sent bool, err error) {
	if _, fault := apier.ParseChannel(channel); fault != nil {
		return false, fault
	}
	l.act(func() { sent = l.core.subscribe(channel) })
	return sent, nil
}

// Subscribed subscribes to a channel and waits until the server has confirmed it. The error is an *[apier.Error] where
// the server refuses it for good, that of ctx, or why there will be no connection.
func (l *Live) Subscribed(ctx context.Context, channel string) error {
	if _, err := l.Subscribe(channel); err != nil {
		return err
	}
	for {
		l.mu.Lock()
		_, held := l.core.channels.held[channel]
		refused, s, changed := l.core.channels.refused[channel], l.core.status(), l.states
		l.mu.Unlock()
		switch {
		case held:
			return nil
		case refused != nil:
			return refused
		case s.State == Stopped || s.State == Disconnected:
			return l.Connected(ctx)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Unsubscribe leaves a channel for good; it reports whether there is a connection for the request to go out on.
func (l *Live) Unsubscribe(channel string) (sent bool) {
	l.act(func() { sent = l.core.unsubscribe(channel) })
	return sent
}

// Subscriptions gives the channels there are or are to be, each with the position it has reached.
func (l *Live) Subscriptions() (all []Subscription) {
	l.locked(func() { all = l.core.channels.states() })
	return all
}
