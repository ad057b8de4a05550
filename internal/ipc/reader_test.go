package ipc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/sys"
)

// bound is how long anything may hang.
const bound = 10 * time.Second

// pipe returns a Reader and the writing end of its pipe.
func pipe(t testing.TB) (*Reader, *os.File) {
	t.Helper()
	r, w, err := sys.Pipe()
	if errors.Is(err, sys.ErrNotSupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	reader, err := NewReader(r)
	require.NoError(t, err)
	t.Cleanup(func() { reader.Close(); w.Close() })
	require.NoError(t, reader.SetDeadline(time.Now().Add(bound)))
	return reader, w
}

// frame makes a frame whose body can be told from others.
func frame(t testing.TB, number uint64, length int) []byte {
	t.Helper()
	f, err := AppendFrame(nil, KindResult, number, content(number, length))
	require.NoError(t, err)
	return f
}

func content(number uint64, length int) []byte {
	body := make([]byte, length)
	for i := range body {
		body[i] = byte(uint64(i) + number*31)
	}
	return body
}

func TestReaderHandsOutWholeFrames(t *testing.T) {
	lengths := []int{0, 1, 100, readBuffer - HeaderSize - 1, readBuffer - HeaderSize, readBuffer - HeaderSize + 1,
		3 * readBuffer, 0, ownedBody - 1, ownedBody, growBody + 1, 3 * growBody, 5}
	r, w := pipe(t)
	go func() {
		for i, n := range lengths {
			_, _ = w.Write(frame(t, uint64(i), n))
		}
		w.Close()
	}()
	for i, n := range lengths {
		f, err := r.Next()
		require.NoError(t, err)
		assert.Equal(t, KindResult, f.Kind)
		assert.EqualValues(t, i, f.Number)
		assert.True(t, bytes.Equal(content(f.Number, n), f.Body), "the body of %d bytes", n)
		assert.Equal(t, n >= ownedBody, f.Owned)
	}
	_, err := r.Next()
	assert.Equal(t, io.EOF, err)
	_, err = r.Next()
	assert.Equal(t, io.EOF, err, "the end stays the end")
}

func TestReaderTakesBurstsInAnyPortions(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const count = 5000
	var stream []byte
	lengths := make([]int, count)
	for i := range lengths {
		lengths[i] = random.IntN(200)
		if random.IntN(100) == 0 {
			lengths[i] = random.IntN(4 * readBuffer)
		}
		stream = append(stream, frame(t, uint64(i), lengths[i])...)
	}
	r, w := pipe(t)
	go func() {
		for len(stream) > 0 {
			n := min(1+random.IntN(3*readBuffer), len(stream))
			if random.IntN(4) == 0 {
				n = 1
			}
			_, _ = w.Write(stream[:n])
			stream = stream[n:]
		}
		w.Close()
	}()
	for i, n := range lengths {
		f, err := r.Next()
		require.NoError(t, err)
		require.EqualValues(t, i, f.Number)
		require.True(t, bytes.Equal(content(f.Number, n), f.Body))
	}
	_, err := r.Next()
	assert.Equal(t, io.EOF, err)
}

// A stream that ends anywhere but between two frames is torn, wherever it ends.
func TestReaderTornStreams(t *testing.T) {
	frames := [][]byte{frame(t, 0, 5), frame(t, 1, 0), frame(t, 2, 40), frame(t, 3, 2*readBuffer)}
	stream := bytes.Join(frames, nil)
	edges := map[int]int{0: 0} // whole frames by the length of the stream
	at := 0
	for i, f := range frames {
		at += len(f)
		edges[at] = i + 1
	}
	long := len(stream) - len(frames[3])
	for cut := range stream {
		if cut > long+HeaderSize+2 && cut%4099 != 0 && cut < len(stream)-2 {
			continue // every position of the short frames, some of the long one
		}
		r, w := pipe(t)
		go func() { _, _ = w.Write(stream[:cut]); w.Close() }()
		whole := 0
		var err error
		for err == nil {
			if _, err = r.Next(); err == nil {
				whole++
			}
		}
		if n, clean := edges[cut]; clean {
			assert.Equal(t, io.EOF, err, "cut at %d", cut)
			assert.Equal(t, n, whole)
		} else {
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", cut)
		}
		r.Close()
	}
}

// A promised length alone makes nobody reserve memory for it.
func TestReaderReservesOnlyWhatArrives(t *testing.T) {
	r, w := pipe(t)
	head := make([]byte, HeaderSize)
	PutHeader(head, Header{Length: MaxBody, Kind: KindResult})
	const sent = 100 << 10
	go func() { _, _ = w.Write(append(head, make([]byte, sent)...)); w.Close() }()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := r.Next()
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorContains(t, err, fmt.Sprintf("after %d of the %d bytes", sent, uint32(MaxBody)))
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*growBody))
}

func TestReaderDeadlineLosesNothing(t *testing.T) {
	for name, length := range map[string]int{"short": 100, "long": 4 * readBuffer, "owned": 2 * ownedBody} {
		for _, arrived := range []int{0, 5, HeaderSize, HeaderSize + 1, HeaderSize + 99} {
			t.Run(fmt.Sprintf("%s/%d", name, arrived), func(t *testing.T) {
				r, w := pipe(t)
				stream := append(frame(t, 7, length), frame(t, 8, 3)...)
				_, err := w.Write(stream[:arrived])
				require.NoError(t, err)
				require.NoError(t, r.SetDeadline(time.Now().Add(5*time.Millisecond)))
				_, err = r.Next()
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.NoError(t, r.SetDeadline(time.Now().Add(bound)))
				go func() { _, _ = w.Write(stream[arrived:]); w.Close() }()
				for i, n := range []int{length, 3} {
					f, err := r.Next()
					require.NoError(t, err)
					require.EqualValues(t, 7+i, f.Number)
					require.True(t, bytes.Equal(content(f.Number, n), f.Body))
				}
			})
		}
	}
}

func TestReaderCloseWakesNext(t *testing.T) {
	for name, poll := range map[string]func() bool{"parked": nil, "polling": func() bool { return true }} {
		t.Run(name, func(t *testing.T) {
			r, _ := pipe(t)
			r.Poll = poll
			woken := make(chan error)
			go func() {
				_, err := r.Next()
				woken <- err
			}()
			time.Sleep(time.Millisecond)
			require.NoError(t, r.Close())
			select {
			case err := <-woken:
				assert.ErrorIs(t, err, os.ErrClosed)
			case <-time.After(bound):
				t.Fatal("Next still waits")
			}
			_, err := r.Next()
			assert.ErrorIs(t, err, os.ErrClosed)
		})
	}
}

func TestReaderPollsWhileAnswersAreDue(t *testing.T) {
	r, w := pipe(t)
	var asked atomic.Int64
	r.Poll = func() bool { return asked.Add(1) < 50 }
	go func() {
		for asked.Load() < 3 {
			time.Sleep(time.Millisecond)
		}
		_, _ = w.Write(frame(t, 1, 10))
	}()
	f, err := r.Next()
	require.NoError(t, err)
	assert.EqualValues(t, 1, f.Number)
	asked.Store(0)
	_, err = w.Write(frame(t, 2, 10))
	require.NoError(t, err)
	_, err = r.Next()
	require.NoError(t, err)
	assert.Zero(t, asked.Load(), "nobody polls for what is there")
}

func TestReaderCallsBeforeWaitOnceForEachWait(t *testing.T) {
	r, w := pipe(t)
	calls := 0
	r.BeforeWait = func() { // what others wait for is sent here
		calls++
		_, _ = w.Write(append(frame(t, 1, 10), frame(t, 2, 10)...))
	}
	for range 2 {
		_, err := r.Next()
		require.NoError(t, err)
	}
	assert.Equal(t, 1, calls)
}

func TestReaderReadyAndTrim(t *testing.T) {
	r, w := pipe(t)
	assert.False(t, r.Ready())
	stream := append(frame(t, 1, 10), frame(t, 2, 10)...)
	stream = append(stream, frame(t, 3, 10)[:HeaderSize+9]...)
	_, err := w.Write(stream)
	require.NoError(t, err)
	_, err = r.Next()
	require.NoError(t, err)
	assert.True(t, r.Ready())
	r.Trim()
	f, err := r.Next()
	require.NoError(t, err, "Trim loses nothing")
	assert.EqualValues(t, 2, f.Number)
	assert.False(t, r.Ready(), "the third is not whole")
	_, err = w.Write(frame(t, 3, 10)[HeaderSize+9:])
	require.NoError(t, err)
	_, err = r.Next()
	require.NoError(t, err)
	r.Trim()
	assert.Nil(t, r.buf)
}
