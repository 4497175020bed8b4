// Package frontend holds the dashboard as it was built into dist; before a build it is empty.
package frontend

import "embed"

// Dist is the built dashboard under "dist". Without a build it holds only .gitkeep.
//
//go:embed all:dist
var Dist embed.FS //nolint:gochecknoglobals // go:embed needs a package variable
