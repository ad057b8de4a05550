package ipc

import (
	"os"
	"sync/atomic"
	"syscall"

	"github.com/multiproc/mp/internal/sys"
)

// A Writer puts bytes into the writing end of a pipe. One goroutine at a time
// may write.
type Writer struct {
	file   *os.File
	conn   syscall.RawConn
	closed atomic.Bool

	// What attempt, which is handed to the poller, writes and reports.
	src     []byte
	n       int
	err     error
	attempt func(fd uintptr) bool
}

// NewWriter returns a Writer on the writing end of a pipe, which it owns.
func NewWriter(f *os.File) (*Writer, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &Writer{file: f, conn: conn}
	w.attempt = func(fd uintptr) bool {
		w.n, w.err = sys.Write(fd, w.src)
		return true
	}
	return w, nil
}

// TryWrite writes what there is room for, and returns how much that was. No
// room is no error. A peer that is gone is syscall.EPIPE.
func (w *Writer) TryWrite(p []byte) (n int, err error) {
	for n < len(p) {
		w.src = p[n:]
		err := w.conn.Write(w.attempt)
		w.src = nil
		switch {
		case err != nil && w.closed.Load():
			return n, os.ErrClosed
		case err != nil:
			return n, err
		case w.err == sys.ErrWouldBlock:
			return n, nil
		case w.err != nil:
			return n, w.err
		}
		n += w.n
	}
	return n, nil
}

// Write writes all of p. It waits for room, and is ended by Close and by the
// death of the peer (syscall.EPIPE).
func (w *Writer) Write(p []byte) (int, error) { return w.file.Write(p) }

// Close closes the pipe's end. A Write that waits returns os.ErrClosed.
func (w *Writer) Close() error {
	w.closed.Store(true)
	return w.file.Close()
}
