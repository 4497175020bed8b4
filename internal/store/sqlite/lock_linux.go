package sqlite

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const (
	setOpenFileLock = 37      // F_OFD_SETLK, of linux/fcntl.h: the lock belongs to the descriptor
	lockedByte      = 1 << 62 // far beyond those that SQLite locks
)

func lockFile(file *os.File) error {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: lockedByte, Len: 1}
	err := syscall.FcntlFlock(file.Fd(), setOpenFileLock, &lock)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return err
	}
	return nil // a file system without such locks has the lock file alone
}
