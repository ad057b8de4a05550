package ipc

import (
	"bytes"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writer returns a Writer and the reading end of its pipe.
func writer(t testing.TB) (*Writer, *os.File) {
	t.Helper()
	r, file := pipe(t)
	w, err := NewWriter(file)
	require.NoError(t, err)
	return w, r.file
}

func TestTryWriteWritesWhatThereIsRoomFor(t *testing.T) {
	w, r := writer(t)
	all := content(1, 1<<20)
	n, err := w.TryWrite(all)
	require.NoError(t, err)
	require.Positive(t, n)
	require.Less(t, n, len(all), "a pipe takes no more than it has room for")
	more, err := w.TryWrite(all[n:])
	require.NoError(t, err)
	assert.Zero(t, more)
	read := make(chan []byte)
	go func() {
		got, _ := io.ReadAll(r)
		read <- got
	}()
	rest, err := w.Write(all[n:])
	require.NoError(t, err)
	assert.Equal(t, len(all)-n, rest)
	require.NoError(t, w.Close())
	assert.True(t, bytes.Equal(all, <-read))
}

func TestWriterSeesThatThePeerIsGone(t *testing.T) {
	w, r := writer(t)
	require.NoError(t, r.Close())
	_, err := w.TryWrite([]byte{1})
	assert.ErrorIs(t, err, syscall.EPIPE)
	_, err = w.Write([]byte{1})
	assert.ErrorIs(t, err, syscall.EPIPE)
}

func TestWriterIsWoken(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(w *Writer, r *os.File) error
		want error
	}{
		"by Close":             {func(w *Writer, _ *os.File) error { return w.Close() }, os.ErrClosed},
		"by the peer's end":    {func(_ *Writer, r *os.File) error { return r.Close() }, syscall.EPIPE},
		"by Close, afterwards": {func(w *Writer, _ *os.File) error { time.Sleep(5 * time.Millisecond); return w.Close() }, os.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := writer(t)
			woken := make(chan error)
			go func() {
				_, err := w.Write(make([]byte, 4<<20))
				woken <- err
			}()
			time.Sleep(time.Millisecond)
			require.NoError(t, test.end(w, r))
			select {
			case err := <-woken:
				assert.ErrorIs(t, err, test.want)
			case <-time.After(bound):
				t.Fatal("Write still waits")
			}
			if test.want == os.ErrClosed {
				_, err := w.TryWrite([]byte{1})
				assert.ErrorIs(t, err, os.ErrClosed)
			}
		})
	}
}
