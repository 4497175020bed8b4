package main

import (
	_ "embed"
	"io"
)

// thirdPartyNotices names the code of others in this program, with its licences. make generate writes it.
//
//go:embed THIRD_PARTY_NOTICES
var thirdPartyNotices string //nolint:gochecknoglobals // go:embed needs a package variable

func printNotices(out io.Writer) error {
	_, err := io.WriteString(out, thirdPartyNotices)
	return err
}
