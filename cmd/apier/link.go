package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/apier/apier/internal/server"
)

type linkCmd struct {
	Data      string `default:"./data" help:"Directory of the server's data." placeholder:"DIR"`
	PublicURL string `name:"public-url" default:"http://localhost:8080" help:"Where browsers reach the server." placeholder:"URL"`
}

// Run prints the link.
func (c *linkCmd) Run(out io.Writer) error {
	key, err := server.KeyFromFile(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no first API key; make a key with: apier keys create", c.Data)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s/#key=%s\n", c.PublicURL, key)
	return err
}
