package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/apier/apier/internal/server"
)

type versionCmd struct {
	Licenses bool `help:"Print the licences of the code of others in this program instead."`
}

// Run prints the version.
func (c versionCmd) Run(out io.Writer) error {
	if c.Licenses {
		return printNotices(out)
	}
	_, err := fmt.Fprintln(out, versionLine())
	return err
}

func versionLine() string {
	return fmt.Sprintf("apier %s, %s, %s/%s", server.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
