// Package apier holds the nouns that the server, the Go SDK and the tests share: events and their
// changes, channels, the frames of the realtime protocol, close codes and errors.
//
// It imports the standard library only, does no I/O and starts no goroutine. The contract behind the
// frames is protocol/README.md; the files in protocol/frames hold this package and the TypeScript
// client to the same bytes.
package apier
