package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/apier/apier/internal/server"
)

type backupCmd struct {
	Data string `default:"./data" help:"Directory of the server's data." placeholder:"DIR"`
	To   string `arg:"" help:"A new directory for the copy; apier serve --data starts on it." placeholder:"DIR"`
}

// Run makes the copy.
func (c *backupCmd) Run(ctx context.Context, out io.Writer) error {
	if err := server.Backup(ctx, c.Data, c.To, backupProgress); err != nil {
		return err
	}
	info, err := os.Stat(server.DatabasePath(c.To))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s holds all of %s as it was just now, %s. It has the secrets, too: keep it as you keep those.\nA server on it: apier serve --data %s\n",
		c.To, c.Data, megabytes(info.Size()), c.To)
	return err
}

func backupProgress(written, total int64) {
	fmt.Fprintf(os.Stderr, "%s of about %s\n", megabytes(written), megabytes(total))
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
