//go:build linux

package mp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
)

// cargo is handles in all kinds of places.
type cargo struct {
	V    *mp.Value[int]
	Same *mp.Value[int] // as V
	W    *mp.Value[multiples]
	None *mp.Lock
	List []*mp.Value[int]
	Map  map[string]*mp.Array[int]
	Deep *deepCargo
	Hops int // how many processes it goes on to
}

type deepCargo struct {
	Pair [2]*mp.RawValue[int]
	Raw  *mp.RawArray[int]
	Lock *mp.RLock
}

func newCargo(t testing.TB) cargo {
	l, err := mp.NewRLock()
	require.NoError(t, err)
	v := mp.Must(mp.NewValue(1, mp.WithLock(l)))
	return cargo{
		V: v, Same: v, W: mp.Must(mp.NewValue(multiplesOf(1))),
		List: []*mp.Value[int]{mp.Must(mp.NewValue(1)), nil, mp.Must(mp.NewValue(1))},
		Map:  map[string]*mp.Array[int]{"a": mp.Must(mp.NewArray[int](2)), "none": nil},
		Deep: &deepCargo{
			Pair: [2]*mp.RawValue[int]{mp.Must(mp.NewRawValue(1)), mp.Must(mp.NewRawValue(1))},
			Raw:  mp.Must(mp.NewRawArray[int](2)), Lock: l,
		},
	}
}

// close closes all handles.
func (c cargo) close() error {
	return errors.Join(c.V.Close(), c.Same.Close(), c.W.Close(), c.List[0].Close(), c.List[2].Close(), c.Map["a"].Close(),
		c.Deep.Pair[0].Close(), c.Deep.Pair[1].Close(), c.Deep.Raw.Close(), c.Deep.Lock.Close())
}

// use changes everything, and returns the sum.
func (c cargo) use() (sum int, err error) {
	if c.None != nil || c.List[1] != nil || c.Map["none"] != nil || len(c.Map) != 2 {
		return 0, errors.New("a nil handle has arrived as another")
	}
	c.V.Lock()
	c.Deep.Lock.Lock() // the same
	c.Same.Update(func(x *int) { *x++ })
	c.Deep.Lock.Unlock()
	c.V.Unlock()
	c.W.Update(func(m *multiples) { *m = multiplesOf(m[0] + 1) })
	sum = c.V.Load() + int(c.W.Load()[0])
	for _, v := range []*mp.Value[int]{c.List[0], c.List[2]} {
		v.Update(func(x *int) { *x++; sum += *x })
	}
	c.Map["a"].Update(func(items []int) { items[1]++; sum += items[1] })
	for _, r := range c.Deep.Pair {
		r.Store(r.Load() + 1)
		sum += r.Load()
	}
	c.Deep.Raw.Set(1, c.Deep.Raw.At(1)+1)
	return sum + c.Deep.Raw.At(1), nil
}

var useCargo *mp.Task[cargo, int]

func init() {
	useCargo = mp.Func(func(ctx context.Context, c cargo) (sum int, err error) {
		if c.Hops == 0 {
			sum, err = c.use()
			return sum, errors.Join(err, c.close())
		}
		c.Hops--
		next := inTheBackground(func() (int, error) { return mp.Run(ctx, useCargo.With(c)) })
		sum, err = next()
		return sum, errors.Join(err, c.close())
	})
}

func inTheBackground(f func() (int, error)) func() (int, error) {
	var n int
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err = f()
	}()
	return func() (int, error) { <-done; return n, err }
}

func TestHandlesTravelWhereverTheyAre(t *testing.T) {
	before := heap(t)
	c := newCargo(t)
	for round := range 4 {
		c.Hops = round
		sum, err := mp.Run(bounded(t), useCargo.With(c))
		require.NoError(t, err)
		assert.Equal(t, 6*(round+2)+2*(round+1), sum)
	}
	assert.Equal(t, 5, c.V.Load())
	assert.Equal(t, multiplesOf(5), c.W.Load())
	assert.NoError(t, c.close())
	settled(t, before)
}

// reported is a cargo whose user says what has become of it.
type reported struct {
	Cargo cargo
	Sum   *mp.RawValue[int]
}

var (
	useAndReport = mp.Action(func(_ context.Context, r reported) error {
		sum, err := r.Cargo.use()
		r.Sum.Store(sum)
		return errors.Join(err, r.Cargo.close())
	})
	// startAndLeave hands the cargo to a process of its own, and ends.
	startAndLeave = mp.Action(func(_ context.Context, r reported) error {
		p := mp.NewProcess(useAndReport.With(r))
		return errors.Join(p.Start(), r.Cargo.close())
	})
)

// The sender closes its handles as soon as Start has returned.
func TestTheSenderClosesItsHandlesAtOnce(t *testing.T) {
	sum := made[*mp.RawValue[int]](t)(mp.NewRawValue(0))
	before := heap(t)
	for _, task := range []*mp.Task[reported, mp.None]{useAndReport, startAndLeave} {
		for range 10 {
			sum.Store(0)
			c := newCargo(t)
			p := launch(t, task.With(reported{c, sum}))
			require.NoError(t, c.close())
			require.NoError(t, join(t, p))
			assert.Equal(t, 6*2+2, sum.Load())
			require.NoError(t, p.Close())
		}
	}
	settled(t, before)
}

// Whenever its process is killed, what was sent to it is given back.
func TestProcessesThatAreKilledBeforeTheyHaveTheirHandles(t *testing.T) {
	before := heap(t)
	rng := random(t)
	for range 50 {
		c := newCargo(t)
		p := mp.NewProcess(useCargo.With(c))
		require.NoError(t, p.Start())
		require.NoError(t, c.close())
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
		_ = p.Kill()
		<-p.Done()
		require.NoError(t, p.Close())
	}
	settled(t, before)

	c := newCargo(t)
	p := mp.NewProcess(useCargo.With(c))
	p.Dir = "/nonexistent"
	assert.Error(t, p.Start())
	require.NoError(t, c.close())
	settled(t, before)
}

// What comes of another type than its receiver asks for is refused, and what is behind
// it arrives.
func TestHandlesOfTheWrongType(t *testing.T) {
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	v := made[*mp.Value[int64]](t)(mp.NewValue[int64](7))
	l := made[*mp.Lock](t)(mp.NewLock())
	arr := made[*mp.Array[int64]](t)(mp.NewArray[int64](7))
	before := heap(t)
	for i, recv := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Value[float64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Value[uint64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.RawValue[int64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Array[int64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Lock](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Event](ctx, b); return err },
	} {
		require.NoError(t, a.Send(bounded(t), v))
		assert.ErrorIs(t, recv(bounded(t)), shm.ErrKind, "%d", i)
	}
	require.NoError(t, a.Send(bounded(t), l))
	_, err = mp.Recv[*mp.RLock](bounded(t), b)
	assert.ErrorIs(t, err, shm.ErrKind)
	require.NoError(t, a.Send(bounded(t), arr))
	_, err = mp.Recv[*mp.Array[uint64]](bounded(t), b)
	assert.ErrorIs(t, err, shm.ErrKind)
	require.NoError(t, a.Send(bounded(t), v))
	_, err = mp.Recv[int](bounded(t), b)
	assert.Error(t, err)
	assert.Contains(t, []int{before, before + 1}, heap(t), "the pipe may keep room")
	require.NoError(t, a.Send(bounded(t), v))
	got, err := mp.Recv[*mp.Value[int64]](bounded(t), b)
	require.NoError(t, err)
	assert.EqualValues(t, 7, got.Load())
	require.NoError(t, got.Close())
}

var (
	giveBack = mp.Pure(func(v *mp.Value[int]) *mp.Value[int] { return v })
	makeOne  = mp.Pure(func(x int) *mp.Value[int] { return mp.Must(mp.NewValue(x)) })
)

// A handle in a result is there until the result has been decoded: the process that
// made the object has ended before.
func TestHandlesInResults(t *testing.T) {
	before := heap(t)
	v, err := mp.NewValue(7)
	require.NoError(t, err)
	got, err := mp.Run(bounded(t), giveBack.With(v))
	require.NoError(t, err)
	assert.Equal(t, 7, got.Load())
	require.NoError(t, v.Close())
	got.Update(func(x *int) { *x++ })
	assert.Equal(t, 8, got.Load())
	assert.NoError(t, got.Close())
	for i := range 10 {
		got, err := mp.Run(bounded(t), makeOne.With(i))
		require.NoError(t, err)
		assert.Equal(t, i, got.Load())
		assert.NoError(t, got.Close())
	}
	settled(t, before)
}

// guarded has a handle embedded, whose methods it has, and more.
type guarded struct {
	*mp.Lock
	N int
}

var lockGuarded = mp.Func(func(ctx context.Context, g *guarded) (int, error) {
	return g.N, errors.Join(g.Acquire(ctx), g.Release())
})

func TestAStructThatEmbedsAHandleIsNoHandle(t *testing.T) {
	n, err := mp.Run(bounded(t), lockGuarded.With(&guarded{mp.Must(mp.NewLock()), 7}))
	require.NoError(t, err)
	assert.Equal(t, 7, n)
}
