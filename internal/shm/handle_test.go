//go:build linux

package shm

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An owner has a handle, as the types of package mp have.
type owner struct{ h Handle }

// owned returns a new object's handle.
func owned(t testing.TB, a *Arena, size uint64) *owner {
	t.Helper()
	return handleOn(newObject(t, a, size))
}

func handleOn(o *Object) *owner {
	w := new(owner)
	Bind(w, &w.h, o)
	return w
}

func (a *Arena) objectsForTest() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.objects)
}

func TestHandleOfNothing(t *testing.T) {
	var zero Handle
	for _, h := range []*Handle{nil, &zero} {
		assert.ErrorIs(t, h.Check(), ErrNoHandle)
		assert.ErrorIs(t, h.Enter(), ErrNoHandle)
		_, err := h.Pin()
		assert.ErrorIs(t, err, ErrNoHandle)
		assert.NoError(t, h.Close())
		assert.Nil(t, h.Object())
		assert.False(t, h.TryLock())
		assert.False(t, h.TryUnlock())
	}
}

func TestCloseWaitsForThoseInside(t *testing.T) {
	a := fresh(t)
	w := owned(t, a, 100)
	require.NoError(t, w.h.Check())
	require.NoError(t, w.h.Enter())
	require.NoError(t, w.h.Enter())
	require.NoError(t, w.h.Close())
	assert.True(t, w.h.Closed())
	assert.ErrorIs(t, w.h.Check(), ErrClosed)
	assert.ErrorIs(t, w.h.Enter(), ErrClosed)
	_, err := w.h.Pin()
	assert.ErrorIs(t, err, ErrClosed)
	w.h.Exit()
	assert.Equal(t, 1, a.objectsForTest(), "there is still one inside")
	require.NoError(t, w.h.Close())
	w.h.Exit()
	assert.Zero(t, a.objectsForTest())
	require.NoError(t, w.h.Close())
	checkIntegrity(t, a)
}

func TestCloseWithPins(t *testing.T) {
	a := fresh(t)
	w := owned(t, a, 100)
	release, err := w.h.Pin()
	require.NoError(t, err)
	other, err := w.h.Pin()
	require.NoError(t, err)
	assert.ErrorIs(t, w.h.Close(), ErrInUse)
	require.NoError(t, w.h.Check(), "it is still open")
	release()
	release()
	assert.ErrorIs(t, w.h.Close(), ErrInUse)
	other()
	require.NoError(t, w.h.Close())
	assert.Zero(t, a.objectsForTest())
	checkIntegrity(t, a)
}

// A process that has the lock keeps its last handle.
func TestCloseWithTheLock(t *testing.T) {
	a := fresh(t)
	w := owned(t, a, 0)
	require.True(t, w.h.TryLock())
	assert.ErrorIs(t, w.h.Close(), ErrInUse)
	require.NoError(t, w.h.Enter())
	assert.ErrorIs(t, w.h.Close(), ErrInUse, "also if somebody is inside")
	w.h.Exit()
	require.NoError(t, w.h.Check())
	w.h.Object().Share()
	second := handleOn(w.h.Object())
	require.NoError(t, w.h.Close(), "there is another one")
	assert.False(t, w.h.TryLock())
	assert.ErrorIs(t, second.h.Close(), ErrInUse)
	require.True(t, second.h.TryUnlock())
	require.NoError(t, second.h.Close())
	assert.Zero(t, a.objectsForTest())
	checkIntegrity(t, a)
}

// A handle that is dropped without Close is given up by the collector, and one
// that is pinned is not.
func TestCollectorGivesUpHandles(t *testing.T) {
	a := fresh(t)
	begin := usageOf(a)
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	pinned := func() *Object {
		w := owned(t, a, 5000)
		_, err := w.h.Pin()
		require.NoError(t, err)
		return w.h.Object()
	}()
	const n = 5000
	for range 2 {
		for range n {
			_ = owned(t, a, 100)
		}
		until(t, "the collector finds the handles", func() bool {
			runtime.GC()
			return a.objectsForTest() == 1
		})
	}
	checkIntegrity(t, a)
	assert.Same(t, pinned, a.objects[pinned.cell])
	require.NoError(t, pinned.Drop())
	checkEmpty(t, a, begin)
}

// Handles are used, pinned, closed and dropped from many goroutines at once, and an
// object is there as long as anybody can use it.
func TestHandlesFromManyGoroutines(t *testing.T) {
	a, b := fresh(t), (*Arena)(nil)
	b = another(t, a.file)
	begin := usageOf(a)
	rounds := 1500
	if raceEnabled {
		rounds = 400
	}
	for range rounds {
		o := newObject(t, a, 100)
		theirs, err := b.Open(o.Ref())
		require.NoError(t, err)
		w := handleOn(o)
		var refused, closed atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for range 4 {
					if w.h.Enter() == nil {
						assert.Positive(t, w.h.Object().handlesForTest())
						w.h.Exit()
					}
					if release, err := w.h.Pin(); err == nil {
						assert.Positive(t, w.h.Object().handlesForTest())
						release()
					}
					if w.h.TryLock() {
						if !w.h.TryUnlock() {
							w.h.Object().LockWord().ReleaseOwn()
						}
					}
				}
			})
		}
		for range 2 {
			all.Go(func() {
				for range rand.IntN(4) {
					if w.h.Close() == nil {
						closed.Add(1)
						assert.True(t, w.h.Closed())
					} else {
						refused.Add(1)
					}
				}
			})
		}
		all.Wait()
		if closed.Load() > 0 {
			require.ErrorIs(t, w.h.Check(), ErrClosed)
			require.Zero(t, o.handlesForTest())
		} else {
			require.NoError(t, w.h.Check())
			require.Equal(t, 1, o.handlesForTest())
			require.NoError(t, w.h.Close())
		}
		require.False(t, theirs.OwnedHere())
		require.Zero(t, theirs.LockWord().Owner(), "nobody has left the lock locked")
		require.NoError(t, theirs.Drop())
	}
	checkIntegrity(t, a)
	checkEmpty(t, a, begin)
}

func (o *Object) handlesForTest() int {
	o.arena.mu.Lock()
	defer o.arena.mu.Unlock()
	return o.handles
}

// Objects come and go in many goroutines.
func TestObjectsFromManyGoroutines(t *testing.T) {
	a := fresh(t)
	begin := usageOf(a)
	var all sync.WaitGroup
	ended := time.Now().Add(300 * time.Millisecond)
	for range 8 {
		all.Go(func() {
			var live []*owner
			for time.Now().Before(ended) {
				o, err := a.New(Spec{Kind: FirstKind, Size: uint64(rand.IntN(40000))})
				if !assert.NoError(t, err) {
					return
				}
				live = append(live, handleOn(o))
				if again, err := a.Open(o.Ref()); assert.NoError(t, err) {
					assert.Same(t, o, again)
					live = append(live, handleOn(again))
				}
				for len(live) > 10 {
					i := rand.IntN(len(live))
					assert.NoError(t, live[i].h.Close())
					live[i] = live[len(live)-1]
					live = live[:len(live)-1]
				}
			}
			for _, w := range live {
				assert.NoError(t, w.h.Close())
			}
		})
	}
	all.Wait()
	assert.Zero(t, a.objectsForTest())
	checkIntegrity(t, a)
	checkEmpty(t, a, begin)
}
