package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"

	"github.com/apier/apier/bench/internal/wire"
)

// SecretEnv names the variable with the secret of the tokens that Centrifuge is to check.
const SecretEnv = "BENCH_JWT_SECRET"

const channel = "events"

// Centrifuge serves with the library of that name as its documentation shows it, until standard input ends. A
// connection is subscribed by the server once its token holds; frames on standard input are published.
func Centrifuge() error {
	node, err := centrifuge.New(centrifuge.Config{
		ClientQueueMaxSize: 64 << 20, // the default, 1 MiB, ends clients in a burst
	})
	if err != nil {
		return err
	}
	node.OnConnecting(admit([]byte(os.Getenv(SecretEnv))))
	if err := node.Run(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	handler := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		PingPongConfig: centrifuge.PingPongConfig{PongTimeout: -1}, // the crowd answers WebSocket pings only
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	announce(l.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // it listens on tcp
	err = publishFrames(os.Stdin, func(payload []byte) error {
		_, err := node.Publish(channel, payload)
		return err
	})
	return errors.Join(err, server.Close())
}

// admit checks the token as apier does: HS256, with an end.
func admit(secret []byte) func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	return func(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		var claims jwt.RegisteredClaims
		if _, err := parser.ParseWithClaims(e.Token, &claims, func(*jwt.Token) (any, error) { return secret, nil }); err != nil {
			return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
		}
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{UserID: claims.Subject},
			Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}},
		}, nil
	}
}

// publishFrames hands on the payload of each frame, until the end.
func publishFrames(r io.Reader, publish func(payload []byte) error) error {
	var input []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		input = append(input, buf[:n]...)
		p := input
		for {
			_, payload, rest, ok := wire.Frame(p)
			if !ok {
				break
			}
			// A copy: the library keeps it in its queues.
			if err := publish(append([]byte(nil), payload...)); err != nil {
				return err
			}
			p = rest
		}
		input = append(input[:0], p...)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
