//go:build unix

package rollbook

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockFile takes a lock that the system gives back when the process ends, however it does.
func lockFile(path string) (io.Closer, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, journalMode)
	if err != nil {
		return nil, ioError("lock the journal", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(&Error{Op: "lock the journal", Code: ErrInUse}, file.Close())
	}
	if err != nil {
		return nil, errors.Join(ioError("lock the journal", err), file.Close())
	}
	return file, nil
}
