package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/server"
)

type tokenCmd struct {
	Data      string        `default:"./data" help:"Directory of the server's data, for its secret." placeholder:"DIR"`
	JWTSecret string        `name:"jwt-secret" help:"The server's secret, if it was given one." placeholder:"SECRET" secret:""`
	Sub       string        `default:"cli" help:"The user."`
	Tenant    string        `default:"default" help:"The tenant."`
	Scopes    []string      `default:"events:read,events:write" help:"events:read, events:write, admin." placeholder:"SCOPE"`
	Channels  []string      `help:"What may be seen, over WebSocket and REST; all of the tenant if not given. See docs/access.md." placeholder:"CHANNEL"`
	TTL       time.Duration `name:"ttl" default:"1h" help:"How long the token lasts."`
}

// Run prints a token.
func (c *tokenCmd) Run(out io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	if _, err := os.Stat(c.Data); err != nil && c.JWTSecret == "" {
		return fmt.Errorf("%s does not exist; start the server once, name its directory with --data, or give --jwt-secret", c.Data)
	}
	secret, err := server.Secret(c.Data, c.JWTSecret)
	if err != nil {
		return err
	}
	id := auth.Identity{Tenant: apier.TenantID(c.Tenant), Subject: c.Sub, Scopes: c.Scopes, Channels: c.Channels}
	token, _, err := auth.New(nil, secret, auth.Options{}).IssueFor(id, c.TTL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, token)
	return err
}

// check refuses what would make a token that is good for nothing.
func (c *tokenCmd) check() error {
	if err := checkScopes(c.Scopes); err != nil {
		return err
	}
	if c.TTL < time.Second { // a token's times are whole seconds
		return fmt.Errorf("--ttl must be a second or more, not %v", c.TTL)
	}
	if c.Sub == "" {
		return errors.New("--sub is empty; name the user")
	}
	if err := checkTenant(c.Tenant); err != nil {
		return err
	}
	return checkChannels("--channels has: ", c.Channels)
}

func checkChannels(words string, names []string) error {
	for _, name := range names {
		if _, err := apier.ParseChannel(name); err != nil {
			return errors.New(words + err.Message)
		}
	}
	return nil
}
