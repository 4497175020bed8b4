package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/apier/apier/internal/server"
)

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintf(out, "apier %s, %s, %s/%s\n", server.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
