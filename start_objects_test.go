//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

func TestSTART10_PackageVariablesLeaveNothing(t *testing.T) {
	names := func() (all []string) {
		entries, err := os.ReadDir("/dev/shm")
		require.NoError(t, err)
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	before := names()
	o := runProgram(t, "globals")
	assert.Zero(t, o.code)
	assert.Empty(t, o.stderr)
	const nothing = "too early: true, made: false false, usable: false"
	assert.Equal(t, "parent: "+nothing+"\nchild: "+nothing+", handed over: true\n", o.stdout)
	assert.Equal(t, before, names())
}

// A toolbox has one of everything that can be an argument.
type toolbox struct {
	Pipe, Recv, Send *mp.Conn
	Socket           *mp.Conn
	File             *os.File
	Queue            *mp.Queue[string]
	Joinable         *mp.JoinableQueue[string]
	Simple           *mp.SimpleQueue[string]
	Lock             *mp.Lock
	RLock            *mp.RLock
	Semaphore        *mp.Semaphore
	Bounded          *mp.BoundedSemaphore
	Cond             *mp.Cond
	Event            *mp.Event
	Barrier          *mp.Barrier
	Value            *mp.Value[int]
	Array            *mp.Array[float64]
}

// use uses each tool once, at once.
func (b toolbox) use(ctx context.Context) error {
	for _, c := range []*mp.Conn{b.Pipe, b.Socket} {
		v, err := mp.Recv[string](ctx, c)
		if err != nil {
			return err
		}
		if err := c.Send(ctx, v); err != nil {
			return err
		}
	}
	v, err := mp.Recv[string](ctx, b.Recv)
	if err != nil {
		return err
	}
	for _, l := range []mp.Locker{b.Lock, b.RLock} {
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		if err := l.Release(); err != nil {
			return err
		}
	}
	if _, err := b.Barrier.Wait(ctx); err != nil {
		return err
	}
	b.Value.Update(func(n *int) { *n += 42 })
	b.Array.Set(1, 4.2)
	b.Semaphore.Release()
	b.Cond.Lock()
	err = errors.Join(
		b.Send.Send(ctx, v), b.Queue.Put(ctx, v), b.Joinable.Put(ctx, v), b.Simple.Put(v),
		b.Bounded.Acquire(ctx), b.Bounded.Release(), b.Cond.NotifyAll(),
	)
	b.Cond.Unlock()
	b.Event.Set()
	_, written := fmt.Fprint(b.File, v)
	return errors.Join(err, written, b.File.Close())
}

var useTools = mp.Action(func(ctx context.Context, b toolbox) error { return b.use(ctx) })

func TestSTART16_ConnectionsAndSharedObjectsAsArguments(t *testing.T) {
	leaktest.Check(t)
	pipe, theirPipe := pipePair(t)
	theirRecv, send := simplex(t)
	recv, theirSend := simplex(t)
	socket, theirSocket := connPair(t, "tcp")
	r, w := pipeEnds(t)
	b := toolbox{
		Pipe: theirPipe, Recv: theirRecv, Send: theirSend, Socket: theirSocket, File: w,
		Queue:     made[*mp.Queue[string]](t)(mp.NewQueue[string](1)),
		Joinable:  made[*mp.JoinableQueue[string]](t)(mp.NewJoinableQueue[string](1)),
		Simple:    made[*mp.SimpleQueue[string]](t)(mp.NewSimpleQueue[string]()),
		Lock:      made[*mp.Lock](t)(mp.NewLock()),
		RLock:     made[*mp.RLock](t)(mp.NewRLock()),
		Semaphore: made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
		Bounded:   made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(1)),
		Cond:      made[*mp.Cond](t)(mp.NewCond(nil)),
		Event:     made[*mp.Event](t)(mp.NewEvent()),
		Barrier:   made[*mp.Barrier](t)(mp.NewBarrier(2)),
		Value:     made[*mp.Value[int]](t)(mp.NewValue(0)),
		Array:     made[*mp.Array[float64]](t)(mp.NewArray[float64](2)),
	}
	p := launch(t, useTools.With(b))
	for _, c := range []io.Closer{theirPipe, theirRecv, theirSend, theirSocket, w} {
		require.NoError(t, c.Close(), "the child has its own")
	}
	for _, c := range []*mp.Conn{pipe, socket, send} {
		require.NoError(t, c.Send(bounded(t), "42"))
	}
	_, err := b.Barrier.Wait(bounded(t))
	require.NoError(t, err)
	acquired(t, b.Semaphore, 1)
	require.NoError(t, b.Event.Wait(bounded(t)))
	for _, c := range []*mp.Conn{pipe, socket, recv} {
		got, err := mp.Recv[string](bounded(t), c)
		require.NoError(t, err)
		assert.Equal(t, "42", got)
		_, err = mp.Recv[string](bounded(t), c)
		assert.Equal(t, io.EOF, err)
	}
	for _, get := range []func(context.Context) (string, error){b.Queue.Get, b.Joinable.Get, b.Simple.Get} {
		got, err := get(bounded(t))
		require.NoError(t, err)
		assert.Equal(t, "42", got)
	}
	assert.Equal(t, 42, b.Value.Load())
	assert.Equal(t, 4.2, b.Array.At(1))
	assert.Equal(t, "42", allFrom(t, r))
	require.NoError(t, join(t, p))
}
