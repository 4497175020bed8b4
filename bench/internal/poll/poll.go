//go:build linux

// Package poll is the little of epoll(7) that the load and the minimal server need: no goroutine, no
// buffer and no deadline per socket, so that the bench measures the server and not itself.
package poll

import (
	"errors"
	"syscall"
	"time"
)

// What to wait for.
const (
	In     = syscall.EPOLLIN
	Out    = syscall.EPOLLOUT
	hangUp = syscall.EPOLLHUP | syscall.EPOLLERR // the kernel reports these unasked
)

// Poll waits for many sockets, level-triggered.
type Poll struct {
	fd     int
	events []syscall.EpollEvent
	ready  []Ready
}

// Ready is one socket that can go on, by the tag it was added with. A socket that broke is readable.
type Ready struct {
	Tag           int
	CanIn, CanOut bool
}

// New makes an empty Poll.
func New() (*Poll, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &Poll{fd: fd, events: make([]syscall.EpollEvent, 1024)}, err
}

// Add starts to wait for a descriptor.
func (p *Poll) Add(fd, tag int, what uint32) error {
	return p.control(syscall.EPOLL_CTL_ADD, fd, tag, what)
}

// Change waits for something else.
func (p *Poll) Change(fd, tag int, what uint32) error {
	return p.control(syscall.EPOLL_CTL_MOD, fd, tag, what)
}

// Remove waits no longer. Closing a descriptor does the same.
func (p *Poll) Remove(fd int) { _ = p.control(syscall.EPOLL_CTL_DEL, fd, 0, 0) }

func (p *Poll) control(op, fd, tag int, what uint32) error {
	return syscall.EpollCtl(p.fd, op, fd, &syscall.EpollEvent{Events: what, Fd: int32(tag)}) // the kernel hands the tag back
}

// Wait gives what can go on, after at most timeout (below 0: for ever). The next Wait overwrites it.
func (p *Poll) Wait(timeout time.Duration) ([]Ready, error) {
	ms := -1
	if timeout >= 0 {
		ms = int(timeout.Milliseconds())
	}
	n, err := syscall.EpollWait(p.fd, p.events, ms)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return nil, err
	}
	p.ready = p.ready[:0]
	for _, e := range p.events[:max(n, 0)] {
		p.ready = append(p.ready, Ready{int(e.Fd), e.Events&(In|hangUp) != 0, e.Events&Out != 0})
	}
	return p.ready, nil
}

// Close ends the Poll.
func (p *Poll) Close() { _ = syscall.Close(p.fd) }

// Dial opens a blocking TCP connection over loopback. It is reset, not shut, when closed, so that
// thousands of ports do not wait out TIME_WAIT. Reads give up after timeout.
func Dial(port int, timeout time.Duration) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	limit := syscall.NsecToTimeval(timeout.Nanoseconds())
	err = errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit),
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}),
	)
	if err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Read and Write are those of package syscall, again after a signal.
func Read(fd int, p []byte) (n int, err error) {
	for {
		if n, err = syscall.Read(fd, p); !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// Write writes once.
func Write(fd int, p []byte) (n int, err error) {
	for {
		if n, err = syscall.Write(fd, p); !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
