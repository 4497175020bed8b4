package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/server"
)

type linkCmd struct {
	Data      string `default:"./data" help:"Directory of the server's data." placeholder:"DIR"`
	PublicURL string `name:"public-url" default:"http://localhost:8080" help:"Where browsers reach the server." placeholder:"URL"`
}

// Run prints the link.
func (c *linkCmd) Run(ctx context.Context, out io.Writer) error {
	if err := server.CheckPublicURL(c.PublicURL); err != nil {
		return fmt.Errorf("--public-url %w", err)
	}
	key, err := server.KeyFromFile(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no first API key; make a key with: apier keys create", c.Data)
	}
	if err != nil {
		return err
	}
	s, err := keysOptions{Data: c.Data, Tenant: string(auth.DefaultTenant)}.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.KeyByHash(ctx, auth.HashKey(key))
	if apier.AsError(err).Code == apier.CodeNotFound {
		return fmt.Errorf("the first API key, in %s, was revoked; make another with: apier keys create", c.Data)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s/#key=%s\n", strings.TrimSuffix(c.PublicURL, "/"), key)
	return err
}
