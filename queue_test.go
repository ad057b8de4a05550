//go:build linux

package mp_test

import (
	"bytes"
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
)

type stretch struct {
	Q  *mp.Queue[int]
	Lo int
	Hi int
}

var putStretch = mp.Action(func(ctx context.Context, s stretch) error {
	for i := s.Lo; i < s.Hi; i++ {
		if err := s.Q.Put(ctx, i); err != nil {
			return err
		}
	}
	return nil
})

func TestQueueOfAProducer(t *testing.T) {
	q, err := mp.NewQueue[int](100)
	require.NoError(t, err)
	defer func() { assert.NoError(t, q.Close()) }()
	p := mp.NewProcess(putStretch.With(stretch{q, 0, 5000}))
	require.NoError(t, p.Start())
	for i := range 5000 {
		v, err := q.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, i, v)
	}
	require.NoError(t, p.Join(t.Context()))
	require.NoError(t, q.Shutdown(false))
	_, err = q.Get(t.Context())
	assert.ErrorIs(t, err, mp.ErrClosed)
}

// A queueParty is what the processes of a test share.
type queueParty struct {
	Q     *mp.Queue[int]
	Ready *mp.Semaphore
	Done  *mp.Semaphore
	N     int
}

func newQueueParty(t testing.TB, capacity int) queueParty {
	return queueParty{
		Q:     made[*mp.Queue[int]](t)(mp.NewQueue[int](capacity)),
		Ready: made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
		Done:  made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
	}
}

var (
	getSome = mp.Action(func(ctx context.Context, p queueParty) error {
		for range p.N {
			if _, err := p.Q.Get(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	// putOne says that it is about to put, and that it has.
	putOne = mp.Action(func(ctx context.Context, p queueParty) error {
		if err := p.Ready.Release(); err != nil {
			return err
		}
		if err := p.Q.Put(ctx, p.N); err != nil {
			return err
		}
		return p.Done.Release()
	})
	// getOne is the same with Get.
	getOne = mp.Action(func(ctx context.Context, p queueParty) error {
		if err := p.Ready.Release(); err != nil {
			return err
		}
		if _, err := p.Q.Get(ctx); err != nil {
			return err
		}
		return p.Done.Release()
	})
	closeQueue = mp.Action(func(_ context.Context, q *mp.Queue[int]) error { return q.Close() })
)

// runsOut checks that a call with a time limit of 200 ms ends with it.
func runsOut(t testing.TB, full error, call func(ctx context.Context) error) {
	t.Helper()
	const limit = 200 * time.Millisecond
	began := time.Now()
	err := call(within(t, limit))
	took := time.Since(began)
	assert.ErrorIs(t, err, full)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorIs(t, err, mp.ErrTimeout)
	assert.GreaterOrEqual(t, took, limit-20*time.Millisecond)
	assert.Less(t, took, patience)
}

func TestQUEUE01_PutUpToTheCapacity(t *testing.T) {
	p := newQueueParty(t, 6)
	assert.True(t, p.Q.Empty())
	assert.False(t, p.Q.Full())
	assert.Equal(t, 6, p.Q.Cap())
	for i := range 2 {
		require.NoError(t, p.Q.Put(t.Context(), i))
		require.NoError(t, p.Q.TryPut(i))
		require.NoError(t, p.Q.Put(within(t, patience), i))
	}
	assert.True(t, p.Q.Full())
	assert.False(t, p.Q.Empty())
	assert.ErrorIs(t, p.Q.TryPut(7), mp.ErrFull)
	assert.ErrorIs(t, p.Q.Put(endedContext(), 7), context.DeadlineExceeded, "who does not want to wait has TryPut")
	runsOut(t, mp.ErrFull, func(ctx context.Context) error { return p.Q.Put(ctx, 7) })
	assert.Equal(t, 6, p.Q.Len())
	p.N = 6
	child := launch(t, getSome.With(p))
	require.NoError(t, join(t, child))
	assert.True(t, p.Q.Empty())
	assert.False(t, p.Q.Full())
}

func TestQUEUE02_GetUntilItIsEmpty(t *testing.T) {
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	_, err := q.TryGet()
	assert.ErrorIs(t, err, mp.ErrEmpty)
	require.NoError(t, join(t, launch(t, putStretch.With(stretch{q, 2, 6}))))
	assert.False(t, q.Empty())
	for want, get := range []func() (int, error){
		func() (int, error) { return q.Get(t.Context()) },
		q.TryGet,
		func() (int, error) { return q.Get(within(t, patience)) },
		q.TryGet,
	} {
		v, err := get()
		require.NoError(t, err)
		assert.Equal(t, want+2, v)
	}
	assert.True(t, q.Empty())
	_, err = q.TryGet()
	assert.ErrorIs(t, err, mp.ErrEmpty)
	_, err = q.Get(endedContext())
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	runsOut(t, mp.ErrEmpty, func(ctx context.Context) error { _, err := q.Get(ctx); return err })
}

func TestQUEUE03_AChildPutsBehindItsParent(t *testing.T) {
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	for i := range 10 {
		require.NoError(t, q.Put(t.Context(), i))
	}
	require.NoError(t, join(t, launch(t, putStretch.With(stretch{q, 10, 20}))))
	for i := range 20 {
		v, err := q.TryGet()
		require.NoError(t, err)
		assert.Equal(t, i, v)
	}
	_, err := q.TryGet()
	assert.ErrorIs(t, err, mp.ErrEmpty)
}

func TestQUEUE04_WhatAChildPutsBeforeItEndsIsThere(t *testing.T) {
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	require.NoError(t, join(t, launch(t, putStretch.With(stretch{q, 0, 1000}))))
	assert.Equal(t, 1000, q.Len())
	for i := range 1000 {
		v, err := q.TryGet()
		require.NoError(t, err)
		require.Equal(t, i, v)
	}
	assert.True(t, q.Empty())
}

func TestQUEUE05_TheLengthFollows(t *testing.T) {
	q := made[*mp.Queue[string]](t)(mp.NewQueue[string](0))
	assert.Zero(t, q.Len())
	for n := range 2 {
		require.NoError(t, q.Put(t.Context(), "x"))
		assert.Equal(t, n+1, q.Len())
	}
	for n := range 2 {
		_, err := q.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1-n, q.Len())
	}
}

// An unclear is an item that can sometimes not be encoded.
type unclear struct {
	Name string
	Lock *mp.Lock
}

func TestQUEUE08_AnItemThatCannotBeEncodedIsAnErrorOfPut(t *testing.T) {
	q := made[*mp.Queue[unclear]](t)(mp.NewQueue[unclear](1))
	closed, err := mp.NewLock()
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	assert.ErrorIs(t, q.Put(t.Context(), unclear{"bad", closed}), mp.ErrClosed)
	assert.ErrorIs(t, q.TryPut(unclear{"bad", new(mp.Lock)}), shm.ErrNoHandle)
	assert.Zero(t, q.Len())
	require.NoError(t, q.TryPut(unclear{Name: "good"}))
	assert.Equal(t, 1, q.Len())
	v, err := q.Get(t.Context())
	require.NoError(t, err)
	assert.Equal(t, unclear{Name: "good"}, v)
	assert.True(t, q.Empty())
}

// Put encodes, so there is no hook for errors of the background.
func TestQUEUE09_TypesThatCannotTravelAreRefusedAtOnce(t *testing.T) {
	_, err := mp.NewQueue[struct{ Notify chan int }](0)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "Notify")
	_, err = mp.NewSimpleQueue[func()]()
	assert.Error(t, err)
	_, err = mp.NewJoinableQueue[struct{ hidden int }](0)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "hidden")
}

// An anyQueue is a *Queue or a *JoinableQueue.
type anyQueue interface {
	sharedThing
	Put(ctx context.Context, v int) error
	TryPut(v int) error
	Get(ctx context.Context) (int, error)
	TryGet() (int, error)
	All(ctx context.Context) iter.Seq2[int, error]
	Shutdown(immediate bool) error
}

func TestQUEUE10_AfterCloseThereIsErrClosed(t *testing.T) {
	q, err := mp.NewQueue[int](1)
	require.NoError(t, err)
	joinable, err := mp.NewJoinableQueue[int](1)
	require.NoError(t, err)
	require.NoError(t, joinable.Put(t.Context(), 1))
	require.NoError(t, q.Close())
	require.NoError(t, joinable.Close())
	for _, q := range []anyQueue{q, joinable} {
		_, errGet := q.Get(t.Context())
		_, errTry := q.TryGet()
		for _, err := range []error{q.Put(t.Context(), 1), q.TryPut(1), errGet, errTry, q.Shutdown(false)} {
			assert.ErrorIs(t, err, mp.ErrClosed)
		}
		for _, err := range q.All(t.Context()) {
			assert.ErrorIs(t, err, mp.ErrClosed, "this handle, not the queue")
		}
		assert.NoError(t, q.Close())
		assert.Contains(t, q.String(), "closed")
	}
	assert.ErrorIs(t, joinable.TaskDone(), mp.ErrClosed)
	assert.ErrorIs(t, joinable.Join(t.Context()), mp.ErrClosed)
}

// Empty has no error to return: there is nothing in a queue that is closed.
func TestQUEUE11_AClosedQueueIsEmpty(t *testing.T) {
	q, err := mp.NewQueue[int](3)
	require.NoError(t, err)
	require.NoError(t, q.Put(t.Context(), 1))
	_, err = q.Get(t.Context())
	require.NoError(t, err)
	require.NoError(t, q.Close())
	assert.True(t, q.Empty())
	assert.False(t, q.Full())
	assert.Zero(t, q.Len())
	assert.Zero(t, q.Cap())
	unused, err := mp.NewQueue[int](3)
	require.NoError(t, err)
	assert.NoError(t, unused.Close())
}

func TestQueuesThatNobodyHasMade(t *testing.T) {
	var none *mp.Queue[int]
	for _, q := range []*mp.Queue[int]{none, new(mp.Queue[int])} {
		_, errGet := q.Get(t.Context())
		_, errTry := q.TryGet()
		for _, err := range []error{q.Put(t.Context(), 1), q.TryPut(1), errGet, errTry, q.Shutdown(true)} {
			assert.ErrorIs(t, err, shm.ErrNoHandle)
		}
		assert.True(t, q.Empty())
		assert.NoError(t, q.Close())
	}
}

var putBig = mp.Action(func(ctx context.Context, q *mp.Queue[[]byte]) error {
	return q.Put(ctx, make([]byte, 10<<20))
})

// There is nothing to be flushed: who has put can end, and be joined.
func TestQUEUE16_AProcessEndsThoughNobodyReadsItsItem(t *testing.T) {
	q := made[*mp.Queue[[]byte]](t)(mp.NewQueue[[]byte](0))
	require.NoError(t, join(t, launch(t, putBig.With(q))))
	v, err := q.TryGet()
	require.NoError(t, err)
	assert.Len(t, v, 10<<20)
}

func TestQUEUE17_ALargeItemWaitsForNoReader(t *testing.T) {
	q := made[*mp.Queue[[]byte]](t)(mp.NewQueue[[]byte](0))
	want := make([]byte, 5<<20)
	for i := range want {
		want[i] = byte(i * 7)
	}
	require.NoError(t, q.Put(bounded(t), want))
	got, err := q.TryGet()
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, got))
}

type numbered struct {
	Q      *mp.Queue[[2]int]
	Sender int
}

var putNumbered = mp.Action(func(ctx context.Context, n numbered) error {
	for i := range 500 {
		if err := n.Q.Put(ctx, [2]int{n.Sender, i}); err != nil {
			return err
		}
	}
	return nil
})

func TestQUEUE18_TheOrderOfEachProducer(t *testing.T) {
	q := made[*mp.Queue[[2]int]](t)(mp.NewQueue[[2]int](10))
	var children []*mp.Process
	for sender := range 4 {
		children = append(children, launch(t, putNumbered.With(numbered{q, sender})))
	}
	var next [4]int
	for range 2000 {
		v, err := q.Get(bounded(t))
		require.NoError(t, err)
		require.Equal(t, next[v[0]], v[1], "of %d", v[0])
		next[v[0]]++
	}
	for _, p := range children {
		require.NoError(t, join(t, p))
	}
	assert.True(t, q.Empty())
}

// What package initialisation makes of a queue.
var _, errEarlyQueue = mp.NewQueue[int](0)

func TestQUEUE19_PackageInitialisationIsTooEarly(t *testing.T) {
	assert.ErrorIs(t, errEarlyQueue, mp.ErrNotInitialized)
}

func TestQUEUE20_CloseIsOfOneHandle(t *testing.T) {
	p := newQueueParty(t, 0)
	sibling := launch(t, getOne.With(p)) // which waits meanwhile
	acquired(t, p.Ready, 1)
	require.NoError(t, join(t, launch(t, closeQueue.With(p.Q))))
	assert.True(t, sibling.Alive())
	require.NoError(t, p.Q.Put(t.Context(), 1))
	acquired(t, p.Done, 1)
	require.NoError(t, join(t, sibling))
	require.NoError(t, join(t, launch(t, putStretch.With(stretch{p.Q, 0, 3}))))
	for i := range 3 {
		v, err := p.Q.TryGet()
		require.NoError(t, err)
		assert.Equal(t, i, v)
	}
}

func TestQUEUE21_APutGoesOnWhenThereIsRoom(t *testing.T) {
	p := newQueueParty(t, 1)
	require.NoError(t, p.Q.Put(t.Context(), 1))
	p.N = 2
	launch(t, putOne.With(p))
	acquired(t, p.Ready, 1)
	timed(t, p.Done.Acquire)
	assert.Equal(t, 1, p.Q.Len())
	v, err := p.Q.Get(bounded(t))
	require.NoError(t, err)
	assert.Equal(t, 1, v)
	acquired(t, p.Done, 1)
	v, err = p.Q.TryGet()
	require.NoError(t, err)
	assert.Equal(t, 2, v)
}

func TestAGetGoesOnWhenThereIsAnItem(t *testing.T) {
	p := newQueueParty(t, 0)
	for range 2 {
		launch(t, getOne.With(p))
	}
	acquired(t, p.Ready, 2)
	timed(t, p.Done.Acquire)
	require.NoError(t, p.Q.Put(t.Context(), 1))
	acquired(t, p.Done, 1)
	timed(t, p.Done.Acquire)
	require.NoError(t, p.Q.Put(t.Context(), 1))
	acquired(t, p.Done, 1)
}

// Zero means that there is no bound; a negative capacity is a mistake.
func TestQUEUE22_NoCapacityIsNoBound(t *testing.T) {
	_, err := mp.NewQueue[int](-1)
	assert.ErrorContains(t, err, "a capacity of -1 is out of range")
	_, err = mp.NewJoinableQueue[int](-5)
	assert.ErrorContains(t, err, "a capacity of -5 is out of range")
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	for i := range 1000 {
		require.NoError(t, q.TryPut(i))
		require.False(t, q.Full())
	}
	assert.Equal(t, 1000, q.Len())
	assert.Zero(t, q.Cap())
}

func TestCapacitiesThatAreTooLarge(t *testing.T) {
	for _, capacity := range []int{1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 5} {
		q, err := mp.NewQueue[int](capacity)
		if err != nil {
			assert.Greater(t, capacity, 1<<30, "%v", err)
			continue
		}
		assert.Equal(t, capacity, q.Cap())
		require.NoError(t, q.Close())
	}
}

func BenchmarkQueue(b *testing.B) {
	q := mp.Must(mp.NewQueue[int](0))
	defer q.Close()
	p := mp.NewProcess(putStretch.With(stretch{q, 0, b.N}))
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		if _, err := q.Get(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	_ = p.Join(b.Context())
}
