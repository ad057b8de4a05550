//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/travel"
)

// What is no file where one is expected is an error, and the next message is not hurt.
func TestCONN10_WhatIsNoFileIsAnError(t *testing.T) {
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	r, w := pipeEnds(t)
	lock := made[*mp.Lock](t)(mp.NewLock())

	// message is an extension with a payload.
	message := func(ext byte, payload []byte) []byte {
		return append([]byte{0xc7, byte(len(payload)), ext}, payload...)
	}
	nowhere := travel.Append(nil, shm.Ref{Cell: 1, Generation: math.MaxUint32, Kind: 0})
	for name, send := range map[string]func(ctx context.Context) error{
		"a byte":            func(ctx context.Context) error { return a.SendBytes(ctx, []byte{7}) },
		"nothing":           func(ctx context.Context) error { return a.SendBytes(ctx, nil) },
		"a number":          func(ctx context.Context) error { return a.Send(ctx, 7) },
		"a lock":            func(ctx context.Context) error { return a.Send(ctx, lock) },
		"an end":            func(ctx context.Context) error { return a.Send(ctx, a) },
		"no payload":        func(ctx context.Context) error { return a.SendBytes(ctx, message(travel.ExtFile, nil)) },
		"half a reference":  func(ctx context.Context) error { return a.SendBytes(ctx, message(travel.ExtFile, nowhere[:9])) },
		"one to nothing":    func(ctx context.Context) error { return a.SendBytes(ctx, message(travel.ExtFile, nowhere)) },
		"another extension": func(ctx context.Context) error { return a.SendBytes(ctx, message(travel.ExtConn, nowhere)) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, send(bounded(t)))
			f, err := mp.Recv[*os.File](bounded(t), b)
			require.Error(t, err)
			assert.NotErrorIs(t, err, context.DeadlineExceeded)
			assert.Nil(t, f)

			require.NoError(t, a.Send(bounded(t), r))
			f, err = mp.Recv[*os.File](bounded(t), b)
			require.NoError(t, err)
			_, err = w.WriteString(name)
			require.NoError(t, err)
			got := make([]byte, len(name))
			_, err = f.Read(got)
			require.NoError(t, err)
			assert.Equal(t, name, string(got))
			require.NoError(t, f.Close())
		})
	}
	require.NoError(t, a.Send(bounded(t), r))
	_, err = mp.Recv[*mp.Lock](bounded(t), b)
	assert.Error(t, err)
}

// encumbered is a file with something behind it that may not travel.
type encumbered struct {
	Before, File *os.File
	Behind       any
}

// A file before what cannot be encoded is not kept open by that.
func TestFilesBeforeWhatCannotBeEncoded(t *testing.T) {
	bytes, cells := usage(t)
	r, w := pipeEnds(t)
	q := mp.Must(mp.NewQueue[encumbered](0))
	manyQ := mp.Must(mp.NewQueue[[]*os.File](0))
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	bad := encumbered{w, w, make(chan int)}
	closed, _ := pipeEnds(t)
	require.NoError(t, closed.Close())
	many := make([]*os.File, 41)
	for i := range many {
		many[i] = w
	}
	for range 20 {
		assert.Error(t, q.Put(t.Context(), bad))
		assert.Error(t, q.TryPut(bad))
		assert.Error(t, q.Put(t.Context(), encumbered{Before: w, File: closed}))
		assert.Error(t, a.Send(t.Context(), bad))
		assert.Error(t, mp.NewProcess(dropIt.With(bad)).Start())
		assert.ErrorContains(t, manyQ.Put(t.Context(), many), "40")
	}
	p := mp.NewProcess(dropIt.With(encumbered{Before: w}))
	p.Dir = "/nonexistent"
	assert.Error(t, p.Start())
	require.NoError(t, b.Close())
	assert.Error(t, a.Send(t.Context(), encumbered{Before: w}), "the other end is gone")
	require.NoError(t, w.Close())
	assert.Empty(t, allFrom(t, r))
	require.NoError(t, errors.Join(q.Close(), manyQ.Close(), a.Close()))
	givenBack(t, bytes, cells)
}

var dropIt = mp.Action(func(context.Context, encumbered) error { return nil })

// The last copy of an end that is closed is that of whoever got it.
func TestTheEndComesWithTheLastCopy(t *testing.T) {
	r, w := pipeEnds(t)
	q := made[*mp.Queue[*os.File]](t)(mp.NewQueue[*os.File](0))
	require.NoError(t, q.Put(t.Context(), w))
	require.NoError(t, w.Close())
	got, err := q.Get(bounded(t))
	require.NoError(t, err)
	_, err = got.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, r.SetReadDeadline(time.Now().Add(time.Second))) // longer than the store keeps it
	n, err := r.Read(make([]byte, 2))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	_, err = r.Read(make([]byte, 2))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "the receiver has it")
	require.NoError(t, got.Close())
	assert.Empty(t, allFrom(t, r))
}

// Files that nobody has taken are closed with what they were in.
func TestFilesThatNobodyTakes(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, w *os.File){
		"queue closed": func(t *testing.T, w *os.File) {
			q, err := mp.NewQueue[*os.File](0)
			require.NoError(t, err)
			for range 20 {
				require.NoError(t, q.Put(t.Context(), w))
			}
			require.NoError(t, q.Close())
		},
		"queue shut down": func(t *testing.T, w *os.File) {
			q, err := mp.NewQueue[*os.File](0)
			require.NoError(t, err)
			require.NoError(t, q.Put(t.Context(), w))
			require.NoError(t, q.Shutdown(true))
			require.NoError(t, q.Close())
		},
		"pipe closed": func(t *testing.T, w *os.File) {
			a, b, err := mp.Pipe()
			require.NoError(t, err)
			require.NoError(t, a.Send(t.Context(), w))
			require.NoError(t, a.Close())
			require.NoError(t, b.Close())
		},
		"receiver of another type": func(t *testing.T, w *os.File) {
			a, b, err := mp.Pipe()
			require.NoError(t, err)
			defer a.Close()
			defer b.Close()
			require.NoError(t, a.Send(t.Context(), w))
			_, err = mp.Recv[int](t.Context(), b)
			assert.Error(t, err)
		},
		"the holder of the queue is killed": func(t *testing.T, w *os.File) {
			q, err := mp.NewQueue[*os.File](0)
			require.NoError(t, err)
			require.NoError(t, q.Put(t.Context(), w))
			p := launch(t, sleepWithFiles.With(q))
			require.NoError(t, q.Close())
			require.NoError(t, p.Kill())
			<-p.Done()
		},
		"receiver killed before it reads": func(t *testing.T, w *os.File) {
			p := launch(t, dropIt.With(encumbered{File: w}))
			require.NoError(t, p.Kill())
			<-p.Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := pipeEnds(t)
			lose(t, w)
			require.NoError(t, w.Close())
			assert.Empty(t, allFrom(t, r))
		})
	}
}

var sleepWithFiles = mp.Action(func(ctx context.Context, _ *mp.Queue[*os.File]) error {
	<-ctx.Done()
	return nil
})

func TestAThousandFilesThroughAQueue(t *testing.T) {
	q := made[*mp.Queue[*os.File]](t)(mp.NewQueue[*os.File](100))
	r, w := pipeEnds(t)
	through := func(n int) {
		sent := inBackground(t, func() error {
			for range n {
				if err := q.Put(bounded(t), w); err != nil {
					return err
				}
			}
			return nil
		})
		for range n {
			f, err := q.Get(bounded(t))
			require.NoError(t, err)
			_, err = f.WriteString(".")
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
		require.NoError(t, sent())
	}
	through(1) // what is made once is there now
	before := openFiles()
	through(1000)
	eventually(t, "the descriptors are closed", func() bool { return openFiles() <= before })
	require.NoError(t, w.Close())
	assert.Len(t, allFrom(t, r), 1001)
}

var putAndDie = mp.Action(func(ctx context.Context, q *mp.Queue[*os.File]) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(w, os.Getpid()); err != nil {
		return err
	}
	if err := q.Put(ctx, r); err != nil {
		return err
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
})

// A file that was put before its sender was killed is there.
func TestTheSenderIsKilledRightAfterPut(t *testing.T) {
	q := made[*mp.Queue[*os.File]](t)(mp.NewQueue[*os.File](0))
	for range max(kills(t)/20, 3) {
		p := launch(t, putAndDie.With(q))
		require.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
		f, err := q.Get(bounded(t))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint(p.PID()), allFrom(t, f))
		require.NoError(t, f.Close())
	}
}

// passFiles takes files out of a queue and puts them in again.
var passFiles = mp.Action(func(ctx context.Context, q *mp.Queue[*os.File]) error {
	for {
		f, err := q.Get(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(q.Put(ctx, f), f.Close()); err != nil {
			return err
		}
	}
})

// Processes that pass files on are killed at random moments: others go on, and in the
// end no copy is left anywhere.
func TestFilesOfProcessesThatAreKilled(t *testing.T) {
	rng, rounds := random(t), kills(t)/4
	bytes, cells := usage(t)
	q, err := mp.NewQueue[*os.File](0)
	require.NoError(t, err)
	r, w := pipeEnds(t)
	for range 5 {
		require.NoError(t, q.Put(t.Context(), w))
	}
	alive := []*mp.Process{launch(t, passFiles.With(q), daemon), launch(t, passFiles.With(q), daemon)}
	for range rounds {
		time.Sleep(time.Duration(rng.IntN(5000)) * time.Microsecond)
		victim := rng.IntN(len(alive))
		require.NoError(t, alive[victim].Kill())
		require.Equal(t, syscall.SIGKILL, failed(t, join(t, alive[victim])).Signal)
		require.NoError(t, q.Put(bounded(t), w), "it may have had one")
		f, err := q.Get(bounded(t))
		require.NoError(t, err)
		_, err = f.WriteString(".")
		require.NoError(t, err)
		require.NoError(t, errors.Join(q.Put(bounded(t), f), f.Close()))
		alive[victim] = launch(t, passFiles.With(q), daemon)
	}
	for _, p := range alive {
		require.NoError(t, p.Kill())
		<-p.Done()
	}
	require.NoError(t, errors.Join(q.Close(), w.Close()))
	assert.Len(t, allFrom(t, r), rounds)
	givenBack(t, bytes, cells)
}
