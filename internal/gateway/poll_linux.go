package gateway

import (
	"io"
	"os"
	"sync"
	"syscall"
)

// poller waits for the input of all connections at once, by one epoll instance, so that an idle connection
// holds no goroutine: one is started for a socket that has something to read, and ends when it has been read.
// Each event disarms its socket (EPOLLONESHOT), so there is at most one reader of a connection at a time.
type poller struct {
	epoll *os.File // the runtime waits for it as for a socket: no thread is held
	raw   syscall.RawConn

	mu    sync.Mutex
	conns []*conn // by descriptor
}

const pollInput = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or os.File would hold a thread
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{epoll: os.NewFile(uintptr(fd), "epoll")}
	p.raw, err = p.epoll.SyscallConn()
	return p, err
}

// add has the input of a connection read from now on; false where it is not a socket, or there is no poller.
func (p *poller) add(c *conn) bool {
	if p == nil || c.raw == nil {
		return false
	}
	if err := c.raw.Control(func(fd uintptr) { c.fd = int32(fd) }); err != nil { //nolint:gosec // descriptors are small
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.conns) <= int(c.fd) {
		p.conns = append(p.conns, nil)
	}
	p.conns[c.fd] = c
	return p.control(syscall.EPOLL_CTL_ADD, c) == nil
}

// rearm waits for more input of a connection; its caller must not touch it any more. Only the reader closes
// a descriptor, so it is the same one still.
func (p *poller) rearm(c *conn) {
	p.mu.Lock() // what this reader has written happens before what the next one reads
	defer p.mu.Unlock()
	_ = p.control(syscall.EPOLL_CTL_MOD, c) // fails for no descriptor that is open and was added
}

func (p *poller) control(op int, c *conn) error {
	return p.onEpoll(func(epoll int) error {
		return syscall.EpollCtl(epoll, op, int(c.fd), &syscall.EpollEvent{Events: pollInput, Fd: c.fd})
	})
}

func (p *poller) onEpoll(do func(epoll int) error) (err error) {
	if closed := p.raw.Control(func(fd uintptr) { err = do(int(fd)) }); closed != nil {
		return closed
	}
	return err
}

// remove forgets a connection; closing its descriptor takes it out of the epoll instance.
func (p *poller) remove(c *conn) {
	if p == nil || c.fd == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c.fd] = nil
}

// run starts readers until close.
func (p *poller) run() {
	events := make([]syscall.EpollEvent, 128)
	for {
		n := 0
		closed := p.raw.Read(func(fd uintptr) bool {
			n, _ = syscall.EpollWait(int(fd), events, 0) // an error means that nothing is ready
			return n > 0
		})
		if closed != nil {
			return
		}
		for _, e := range events[:n] {
			p.mu.Lock()
			c := p.conns[e.Fd]
			p.mu.Unlock()
			go c.readReady(p)
		}
	}
}

func (p *poller) close() { _ = p.epoll.Close() }

// readReady reads what there is.
func (c *conn) readReady(p *poller) {
	buf := c.g.buffers.Get().(*[]byte)
	defer c.g.buffers.Put(buf)
	for {
		n, err := readSocket(int(c.fd), *buf)
		switch {
		case err == syscall.EAGAIN: //nolint:errorlint // readSocket wraps nothing
			p.rearm(c)
			return
		case err == io.EOF: //nolint:errorlint // likewise
			c.leave()
			return
		case err != nil || !c.receive((*buf)[:n]):
			c.finish()
			return
		case n < len(*buf): // most likely all there is; if not, rearming tells
			p.rearm(c)
			return
		}
	}
}
