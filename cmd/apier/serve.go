package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/apier/apier/internal/server"
)

// What apier link takes unless told otherwise.
const (
	defaultData = "./data"
	defaultURL  = "http://localhost:8080"
)

type serveCmd struct {
	server.Options `embed:""`
}

// Run serves until the process is told to end.
func (c *serveCmd) Run(ctx context.Context, out io.Writer) error {
	defer ignoreHangups(os.Stderr)()
	s, err := server.New(ctx, c.Options)
	if err != nil {
		return err
	}
	printWelcome(out, s.URL(), c.Data, s.FirstKey)
	return s.Run(ctx)
}

// printWelcome tells where to click. The key stands in the link's fragment, which browsers send nowhere,
// and is printed this once.
func printWelcome(out io.Writer, url, data, firstKey string) {
	if firstKey == "" {
		fmt.Fprintf(out, "Dashboard: %s\nSign in with an API key%s\n", url, linkHint(url, data))
		return
	}
	fmt.Fprintf(out, "Dashboard: %s/#key=%s\nAPI key:   %s   (shown once; also in the data directory, file api-key)\n", url, firstKey, firstKey)
}

// linkHint names the command that prints this server's link, where there is a key for it.
func linkHint(url, data string) string {
	if _, err := server.KeyFromFile(data); err != nil {
		return "."
	}
	command := "apier link"
	if data != defaultData {
		command += " --data " + data
	}
	if url != defaultURL {
		command += " --public-url " + url
	}
	return "; for the first one's link: " + command
}
