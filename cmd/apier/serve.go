package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"

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
	printWelcome(out, s.URL(), c.Data, s.FirstKey, isTerminal(out))
	return s.Run(ctx)
}

// printWelcome says where to click. The first key stands in the link's fragment, which browsers send nowhere, and is
// printed once, to a terminal only: what goes to a file may be a log that many read (systemd, containers).
func printWelcome(out io.Writer, url, data, firstKey string, terminal bool) {
	switch {
	case firstKey == "":
		fmt.Fprintf(out, "Dashboard: %s\nSign in with an API key%s\n", url, linkHint(url, data))
	case terminal:
		fmt.Fprintf(out, "Dashboard: %s/#key=%s\nAPI key:   %s   (shown once; also in the data directory, file api-key)\n", url, firstKey, firstKey)
	default:
		fmt.Fprintf(out, "Dashboard: %s\nThe first API key is in %s%s\n", url, filepath.Join(data, "api-key"), linkHint(url, data))
	}
}

// isTerminal reports whether somebody reads what is written there.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
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
