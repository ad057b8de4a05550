//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// An errand has queues in both directions, and ordinary fields.
type errand struct {
	In  *mp.Queue[string]
	Out *mp.SimpleQueue[string]
	Key int
}

var runErrand = mp.Action(func(ctx context.Context, e errand) error {
	s, err := e.In.Get(ctx)
	if err != nil {
		return err
	}
	return e.Out.Put(fmt.Sprint(s, " ", e.Key, " ", os.Getpid(), " ", mp.Self().Name))
})

func TestQUEUE23_QueuesAreArgumentsLikeOthers(t *testing.T) {
	e := errand{
		In:  made[*mp.Queue[string]](t)(mp.NewQueue[string](0)),
		Out: made[*mp.SimpleQueue[string]](t)(mp.NewSimpleQueue[string]()),
		Key: 42,
	}
	p := launch(t, runErrand.With(e), func(p *mp.Process) { p.Name = "errand" })
	require.NoError(t, e.In.Put(t.Context(), "hello"))
	got, err := e.Out.Get(bounded(t))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint("hello 42 ", p.PID(), " errand"), got)
	require.NoError(t, join(t, p))
}

// putAndPassOn starts a process that puts as well, as long as there are generations to
// come.
var putAndPassOn *mp.Task[stretch, mp.None]

func init() {
	putAndPassOn = mp.Action(func(ctx context.Context, s stretch) error {
		if err := s.Q.Put(ctx, s.Lo); err != nil || s.Lo == s.Hi {
			return err
		}
		p := mp.NewProcess(putAndPassOn.With(stretch{s.Q, s.Lo + 1, s.Hi}))
		if err := p.Start(); err != nil {
			return err
		}
		if err := s.Q.Close(); err != nil { // the child has its own
			return err
		}
		return p.Join(ctx)
	})
}

func TestSTART09_AChildHandsOnItsQueue(t *testing.T) {
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	require.NoError(t, join(t, launch(t, putAndPassOn.With(stretch{q, 1, 2}))))
	var got []int
	for range 2 {
		v, err := q.TryGet()
		require.NoError(t, err)
		got = append(got, v)
	}
	assert.ElementsMatch(t, []int{1, 2}, got)
	assert.True(t, q.Empty())
}

// A context that ends leaves nothing behind, and says what it was waited for.
func TestQueueContexts(t *testing.T) {
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](1))
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		start := func() (context.Context, context.CancelFunc) {
			if cause == context.Canceled {
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(20*time.Millisecond, cancel)
				return ctx, cancel
			}
			return context.WithTimeout(context.Background(), 20*time.Millisecond)
		}
		ctx, cancel := start()
		_, err := q.Get(ctx)
		assert.ErrorIs(t, err, cause)
		assert.ErrorIs(t, err, mp.ErrEmpty)
		cancel()
		require.NoError(t, q.Put(t.Context(), 1))
		ctx, cancel = start()
		err = q.Put(ctx, 2)
		assert.ErrorIs(t, err, cause)
		assert.ErrorIs(t, err, mp.ErrFull)
		cancel()
		assert.Equal(t, 1, q.Len())
		v, err := q.TryGet()
		require.NoError(t, err)
		assert.Equal(t, 1, v)
	}
}

func TestQueueAll(t *testing.T) {
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	p := launch(t, putStretch.With(stretch{q, 0, 100}))
	go func() {
		<-p.Done()
		_ = q.Shutdown(false)
	}()
	want := 0
	for v, err := range q.All(bounded(t)) {
		require.NoError(t, err)
		require.Equal(t, want, v)
		want++
	}
	assert.Equal(t, 100, want)

	other := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	require.NoError(t, other.Put(t.Context(), 1))
	var errs []error
	for _, err := range other.All(within(t, 20*time.Millisecond)) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	assert.NoError(t, errs[0])
	assert.ErrorIs(t, errs[1], context.DeadlineExceeded)
}

func TestQueueString(t *testing.T) {
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](3))
	require.NoError(t, q.Put(t.Context(), 1))
	assert.Equal(t, "mp.Queue[int](1 of 3)", q.String())
}

// A queue is not mistaken for one of another type, or another sort.
func TestQueuesOfOtherTypes(t *testing.T) {
	type other struct{ Q *mp.Queue[int] }
	outer := made[*mp.Queue[other]](t)(mp.NewQueue[other](0))
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	require.NoError(t, outer.Put(t.Context(), other{q}))
	got, err := outer.Get(bounded(t))
	require.NoError(t, err)
	require.NoError(t, got.Q.Put(t.Context(), 7))
	require.NoError(t, got.Q.Close())
	v, err := q.TryGet()
	require.NoError(t, err)
	assert.Equal(t, 7, v)
}

func TestQueueGetInto(t *testing.T) {
	q := made[*mp.Queue[[]byte]](t)(mp.NewQueue[[]byte](0))
	buf := make([]byte, 0, 1<<20)
	first := &buf[:1][0]
	for _, size := range []int{1, 100, 1 << 20, 0, 50_000} {
		require.NoError(t, q.Put(bounded(t), make([]byte, size)))
		require.NoError(t, q.GetInto(bounded(t), &buf))
		assert.Len(t, buf, size)
		assert.Same(t, first, &buf[:1][0])
	}
	require.NoError(t, q.Put(bounded(t), make([]byte, 1<<20+1)))
	require.NoError(t, q.GetInto(bounded(t), &buf))
	assert.Len(t, buf, 1<<20+1)
	require.NoError(t, q.Put(bounded(t), nil))
	require.NoError(t, q.GetInto(bounded(t), &buf))
	assert.Nil(t, buf)

	require.NoError(t, q.Put(bounded(t), []byte{1}))
	assert.ErrorContains(t, q.GetInto(bounded(t), nil), "Queue.GetInto")
	assert.Equal(t, 1, q.Len())
	runsOut(t, mp.ErrEmpty, func(ctx context.Context) error {
		require.NoError(t, q.GetInto(ctx, &buf))
		return q.GetInto(ctx, &buf)
	})
	assert.ErrorIs(t, q.GetInto(pastContext(), &buf), context.DeadlineExceeded)
	require.NoError(t, q.Close())
	assert.ErrorIs(t, q.GetInto(bounded(t), &buf), mp.ErrClosed)
}
