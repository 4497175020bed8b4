package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apier/apier/internal/server"
	"github.com/apier/apier/internal/store/sqlite"
)

type checkCmd struct {
	Data string `default:"./data" help:"Directory of the server's data." placeholder:"DIR"`
}

// Run prints one line for each finding: good, bad or unknown. It fails where one is bad.
func (c *checkCmd) Run(ctx context.Context, out io.Writer) error {
	findings, err := server.Check(ctx, c.Data)
	if err != nil {
		return err
	}
	bad := 0
	for _, f := range findings {
		fmt.Fprintf(out, "%-7s  %-9s  %s\n", f.Verdict, f.What, f.Detail)
		if f.Verdict == sqlite.Bad {
			bad++
		}
	}
	if bad > 0 {
		return errors.New("the data is damaged: stop the server, keep a copy of the directory, and start on a backup, " +
			"or on what sqlite3 apier.db .recover saves; the disk may be failing")
	}
	return nil
}
