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
	_, err := fmt.Fprintln(out, versionLine())
	return err
}

func versionLine() string {
	return fmt.Sprintf("apier %s, %s, %s/%s", server.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
