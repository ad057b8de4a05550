//go:build !linux

package sys

import (
	"errors"
	"io"
	"os"
)

// ReadSmall reads the file into buf and returns the part of buf that it fills; of
// a file that is longer than buf, the beginning. Here it works as on Linux, only
// without haste, so that what reads such files can be tested anywhere.
func ReadSmall(path string, buf []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return buf[:n], nil
}
