//go:build !unix

package rollbook

import (
	"io"
	"os"
)

// lockFile keeps the file open, which is all that can be had everywhere.
func lockFile(path string) (io.Closer, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, journalMode)
	if err != nil {
		return nil, ioError("lock the journal", err)
	}
	return file, nil
}
