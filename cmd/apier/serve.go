package main

import (
	"context"
	"fmt"
	"io"

	"github.com/apier/apier/internal/server"
)

type serveCmd struct {
	server.Options `embed:""`
}

// Run serves until the process is told to end.
func (c *serveCmd) Run(ctx context.Context, out io.Writer) error {
	s, err := server.New(ctx, c.Options)
	if err != nil {
		return err
	}
	printWelcome(out, s.URL(), s.FirstKey)
	return s.Run(ctx)
}

// printWelcome tells where to click. The key stands in the link's fragment, which browsers send nowhere,
// and is printed this once.
func printWelcome(out io.Writer, url, firstKey string) {
	if firstKey == "" {
		fmt.Fprintf(out, "Dashboard: %s\nSign in with an API key; for the first one's link: apier link\n", url)
		return
	}
	fmt.Fprintf(out, "Dashboard: %s/#key=%s\nAPI key:   %s   (shown once; also in the data directory, file api-key)\n", url, firstKey, firstKey)
}
