//go:build linux

package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/bench/internal/load"
	"github.com/apier/apier/bench/internal/peer"
	"github.com/apier/apier/bench/internal/wire"
)

// contender is a server that fans out, in one dialect.
type contender struct {
	name    string
	server  *child
	clients func(n int) []load.Upgrade
	publish func(ctx context.Context, due time.Time, first, count int) error
	burst   int // events of a burst
}

// contenders start the three servers; done ends them.
func (b *bench) contenders(ctx context.Context) (all []contender, done func() error, err error) {
	server, err := b.startApier(ctx)
	if err != nil {
		return nil, nil, err
	}
	limit, err := b.startPeer(ctx, "epoll")
	if err != nil {
		return nil, nil, errors.Join(err, server.stop())
	}
	secret := random()
	other, err := b.startPeer(ctx, "centrifuge", peer.SecretEnv+"="+secret)
	if err != nil {
		return nil, nil, errors.Join(err, server.stop(), limit.stop())
	}
	done = func() error { return errors.Join(server.stop(), limit.stop(), other.stop()) }
	publish := func(ctx context.Context, due time.Time, first, count int) error {
		return b.post(ctx, server, due, first, count)
	}
	piped := func(c *child) func(context.Context, time.Time, int, int) error {
		return func(_ context.Context, due time.Time, first, count int) error { return b.pipe(c, due, first, count) }
	}
	return []contender{
		{"apier, plain", server.child, func(n int) []load.Upgrade { return server.upgrades(n, "/ws?channels=events") }, publish, b.plan.burst},
		{"apier, v1", server.child, func(n int) []load.Upgrade { return server.upgrades(n, "/ws?channels=events&v=1") }, publish, b.plan.burst},
		{limitName, limit, func(n int) []load.Upgrade { return make([]load.Upgrade, n) }, piped(limit), b.plan.limitBurst},
		{centrifugeName, other, func(n int) []load.Upgrade { return centrifugeUpgrades(n, secret) }, piped(other), b.plan.limitBurst},
	}, done, nil
}

// post sends one event, or several as a batch.
func (b *bench) post(ctx context.Context, s *apierServer, due time.Time, first, count int) error {
	path, body := "/api/events/batch", []byte(nil)
	if count == 1 {
		path = "/api/events"
		body = wire.AppendEvent(nil, wire.AppendPayload(nil, due.UnixNano(), first, b.plan.payload))
	} else {
		body = wire.AppendBatch(nil, due.UnixNano(), first, count, b.plan.payload)
	}
	_, err := s.call(ctx, http.MethodPost, path, body)
	return err
}

// centrifugeUpgrades gives connections of n users in the JSON protocol of Centrifuge.
func centrifugeUpgrades(n int, secret string) []load.Upgrade {
	all := make([]load.Upgrade, n)
	for i := range all {
		all[i] = load.Upgrade{Path: "/", Hello: `{"id":1,"connect":{"token":"` + token(secret, user(i)) + `"}}`}
	}
	return all
}

// pipe hands frames to a peer, the same that apier sends in the plain dialect.
func (b *bench) pipe(peer *child, due time.Time, first, count int) error {
	var frames []byte
	for i := range count {
		frames = wire.AppendFrame(frames, wire.OpText, created(wire.AppendPayload(nil, due.UnixNano(), first+i, b.plan.payload)))
	}
	_, err := peer.stdin.Write(frames)
	return err
}

func created(payload []byte) []byte {
	now := apier.TimestampOf(time.Now())
	return apier.AppendChange(nil, &apier.Change{Kind: apier.Created, At: now, Event: apier.Event{
		ID: apier.FormatEventID([16]byte{1}), Type: "order.created", Source: "bench", Payload: payload,
		Status: apier.StatusPending, CreatedAt: now, UpdatedAt: now, DeliveryLatencyMS: -1,
	}}, nil)
}
