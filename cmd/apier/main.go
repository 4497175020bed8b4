// Command apier is an event API that you can watch live: one server, and the tools to run it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line. Each command has a file of its own.
type cli struct {
	Config      kong.ConfigFlag  `help:"YAML file with settings, by the names of the flags." placeholder:"FILE"`
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`

	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Demo    demoCmd    `cmd:"" help:"Run the server and fill it with life."`
	Keys    keysCmd    `cmd:"" help:"Create, list and revoke API keys."`
	Backup  backupCmd  `cmd:"" help:"Copy the data into a new directory, also while the server runs."`
	Check   checkCmd   `cmd:"" help:"Check the data for damage, also while the server runs: its mark, structure, checksums and counters."`
	Token   tokenCmd   `cmd:"" help:"Print a token for the API and the WebSocket."`
	Link    linkCmd    `cmd:"" help:"Print the link that signs in to the dashboard with the first API key."`
	Tail    tailCmd    `cmd:"" help:"Print the live feed of events, deliveries or metrics."`
	Doctor  doctorCmd  `cmd:"" help:"Check step by step why a WebSocket does not connect, and say what to do."`
	Show    configCmd  `cmd:"" name:"config" help:"Print the settings in force and where each comes from."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first ends it in order, a second one at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program; it returns the exit code: 0, 1 for a failure, 2 for a wrong call, or that of the error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, append(mappers(),
		kong.Name("apier"),
		kong.Description("An event API that you can watch live."),
		kong.DefaultEnvars("APIER"),
		kong.Configuration(loadYAML),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.Vars{"version": versionLine()},
	)...)
	if err != nil {
		fmt.Fprintln(stderr, "apier:", err)
		return 1
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "apier: %v%s\nSee: apier --help\n", err, hintAtDashes(args, parser.Model))
		return 2
	}
	warnOfUnknownVariables(stderr, parser.Model)
	if err := command.Run(command); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "apier:", err)
		var coded interface{ ExitCode() int }
		if errors.As(err, &coded) {
			return coded.ExitCode()
		}
		return 1
	}
	return 0
}
