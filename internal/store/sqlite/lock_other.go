//go:build !linux

package sqlite

import "os"

// lockFile does nothing: only Linux has locks that SQLite's own do not end. The lock file keeps a second server off.
func lockFile(*os.File) error { return nil }
