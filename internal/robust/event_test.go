//go:build linux

package robust

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// Who has begun to wait does not miss a flag that is cleared at once.
func TestAPulseLetsWaitersGo(t *testing.T) {
	h := new(shm.Handle)
	handle(t, h, object(t, shm.Spec{Kind: KindEvent}))
	for range 100 {
		ended := make(chan error, 1)
		go func() { ended <- WaitEvent(bounded(t), h) }()
		eventually(t, "it waits", func() bool { return atomic.LoadUint32(eventWord(h))&eventWaiters != 0 })
		require.NoError(t, SetEvent(h))
		require.NoError(t, ClearEvent(h))
		assert.NoError(t, <-ended)
		assert.False(t, EventIsSet(h))
		assert.Zero(t, atomic.LoadUint32(eventWord(h))&eventWaiters, "nobody waits")
	}
}

// A waiter that is gone costs one system call, and nothing else.
func TestTheMarkOfAWaiterGoes(t *testing.T) {
	h := new(shm.Handle)
	handle(t, h, object(t, shm.Spec{Kind: KindEvent}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- WaitEvent(ctx, h) }()
	eventually(t, "it waits", func() bool { return atomic.LoadUint32(eventWord(h))&eventWaiters != 0 })
	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, SetEvent(h))
	require.NoError(t, WaitEvent(bounded(t), h))
	require.NoError(t, ClearEvent(h))
	assert.Equal(t, uint32(eventOnce), atomic.LoadUint32(eventWord(h)))
}

func TestTheMarkOnASemaphoreGoes(t *testing.T) {
	for name, s := range map[string]Semaphore{"plain": Plain, "bounded": Bounded} {
		t.Run(name, func(t *testing.T) {
			kind := KindSemaphore
			if name == "bounded" {
				kind = KindBounded
			}
			h := new(shm.Handle)
			o := object(t, shm.Spec{Kind: kind, Init: NewSemaphore(1)})
			handle(t, h, o)
			require.NoError(t, s.Acquire(bounded(t), h))
			ended := make(chan error, 1)
			go func() { ended <- s.Acquire(bounded(t), h) }()
			eventually(t, "it waits", func() bool { return atomic.LoadUint32(semaphoreWord(o)) == semaphoreWaiters })
			require.NoError(t, s.Release(h))
			require.NoError(t, <-ended)
			assert.Equal(t, uint32(semaphoreWaiters), atomic.LoadUint32(semaphoreWord(o)), "others may sleep still")
			require.NoError(t, s.Release(h))
			assert.Equal(t, uint32(1), atomic.LoadUint32(semaphoreWord(o)), "nobody did")
		})
	}
}
