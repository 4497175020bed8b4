package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apier/apier/internal/doctor"
)

type doctorCmd struct {
	URL    string        `arg:"" help:"The server or its WebSocket: https://events.example, ws://localhost:8080/ws."`
	Token  string        `help:"A token or an API key, to sign in." placeholder:"TOKEN" secret:""`
	Origin string        `help:"Connect as a page of this origin would, such as https://shop.example." placeholder:"ORIGIN"`
	Idle   time.Duration `default:"35s" help:"Keep the connection silent for so long, to find proxies that cut it; 0 skips that."`
	Wait   time.Duration `default:"10s" help:"Time for each answer."`
}

// Run checks step by step why a WebSocket does not connect, and fails where one does not.
func (c *doctorCmd) Run(ctx context.Context, out io.Writer) error {
	tell := func(f doctor.Finding) {
		fmt.Fprintf(out, "%-4s  %-8s %s\n", f.Status, f.Step, f.Detail)
		if f.Advice != "" {
			fmt.Fprintf(out, "      %-8s → %s\n", "", f.Advice)
		}
	}
	begin := func(what string) { fmt.Fprintf(out, "…     %s\n", what) }
	opt := doctor.Options{Token: c.Token, Origin: c.Origin, Idle: c.Idle, Wait: c.Wait}
	switch outcome := doctor.Examine(ctx, c.URL, opt, tell, begin); {
	case ctx.Err() != nil:
		return errors.New("stopped before the last step")
	case outcome.Failed:
		return errors.New("no WebSocket comes about; the last line says why and what to do")
	case outcome.Unknown > 0:
		return incompleteError(outcome.Unknown)
	}
	return nil
}

// incompleteError says how many steps were not tried, so that nothing failed and not all is known. Its exit code is 3.
type incompleteError int

func (e incompleteError) Error() string {
	return fmt.Sprintf("nothing failed, but %d steps need a token and were not tried: give --token or APIER_TOKEN", int(e))
}

// ExitCode is that of a check that is not whole.
func (e incompleteError) ExitCode() int { return 3 }
