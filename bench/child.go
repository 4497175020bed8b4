//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/apier/apier/bench/internal/proc"
)

const killAfter = 15 * time.Second

// child is a server in a process of its own.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	port  int
	log   string // file with what it wrote to standard error
}

// command prepares a child. It is told to end with ctx, and killed should this process die first.
func (b *bench) command(ctx context.Context, program string, args ...string) (*child, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	b.dirs++
	log, err := os.Create(filepath.Join(b.temp, strconv.Itoa(b.dirs)+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	cmd.Stderr = log
	return &child{cmd: cmd, stdin: stdin, log: log.Name()}, nil
}

// startPeer starts this program again as a server to compare with.
func (b *bench) startPeer(ctx context.Context, kind string, env ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := b.command(ctx, self, "-serve", kind)
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.cmd.Env = append(os.Environ(), env...)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		c.port, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", kind, err), c.stop())
	}
	return c, nil
}

// stop ends the child and waits for it. What it complained about is part of the error.
func (c *child) stop() error {
	_ = c.stdin.Close()
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	kill := time.AfterFunc(killAfter, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == -1 && !c.complained() {
		return nil // ended by our signal
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(c.cmd.Path), err, c.complaint())
	}
	return nil
}

func (c *child) complained() bool { return c.complaint() != "" }

// complaint gives the beginning of what the child logged: the first line is the cause.
func (c *child) complaint() string {
	const most = 1000
	text, _ := os.ReadFile(c.log)
	return strings.TrimSpace(string(text[:min(len(text), most)]))
}

// used gives the processor time that the child takes while f runs.
func (c *child) used(f func() error) (time.Duration, error) {
	before, err := proc.CPU(c.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := proc.CPU(c.cmd.Process.Pid)
	return after - before, err
}

func (c *child) rss() (int64, error) { return proc.RSS(c.cmd.Process.Pid) }

func (c *child) peakRSS() (int64, error) { return proc.PeakRSS(c.cmd.Process.Pid) }
