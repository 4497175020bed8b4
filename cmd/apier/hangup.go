package main

import (
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// ignoreHangups lets a server outlive its terminal, and those who send SIGHUP because other servers read their settings
// anew by it: it says that this one does not. The function that it returns ends it.
func ignoreHangups(log io.Writer) (stop func()) {
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer close(done)
		logger := slog.New(slog.NewTextHandler(log, nil))
		for range hangups {
			logger.Info("SIGHUP: nothing was done; settings are read at the start alone, restart the server to change them")
		}
	}()
	return func() {
		signal.Ignore(syscall.SIGHUP) // what comes between here and the exit kills nothing either
		close(hangups)
		<-done
	}
}
