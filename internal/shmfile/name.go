package shmfile

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

// maxName is the longest file name, in bytes.
const maxName = 255

// CheckName returns the name without the slash that POSIX wants in front and
// CPython hides. A name that cannot be a file's is an error that matches
// fs.ErrInvalid.
func CheckName(name string) (string, error) {
	bare := strings.TrimPrefix(name, "/")
	refuse := func(why string) (string, error) {
		return "", fmt.Errorf("shared memory %s: %s: %w", Quote(name), why, fs.ErrInvalid)
	}
	switch {
	case bare == "":
		return refuse("the name is empty")
	case strings.IndexByte(bare, 0) >= 0:
		return refuse("the name has a NUL byte")
	case strings.Contains(bare, "/"):
		return refuse("the name has a slash that is not in front")
	case bare == "." || bare == "..":
		return refuse("the name is that of a directory")
	case len(bare) > maxName:
		return refuse(fmt.Sprintf("the name has %d bytes, and %d are allowed", len(bare), maxName))
	}
	return bare, nil
}

// Quote quotes a name for an error, and cuts it.
func Quote(name string) string {
	if len(name) > maxName {
		return fmt.Sprintf("%q...", name[:32])
	}
	return fmt.Sprintf("%q", name)
}

// NewName returns a name that is most likely free. It has the form of CPython's,
// which is as short as the systems with the shortest names want it. Tests replace
// it.
var NewName = func() string {
	var b [4]byte
	rand.Read(b[:])
	return "psm_" + hex.EncodeToString(b[:])
}
