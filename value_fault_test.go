//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
)

// multiples is 48 bytes that agree: x, 2x, 3x...
type multiples [6]int64

func multiplesOf(x int64) (m multiples) {
	for i := range m {
		m[i] = x * int64(i+1)
	}
	return m
}

func (m multiples) check() error {
	if m != multiplesOf(m[0]) {
		return fmt.Errorf("torn: %v", m)
	}
	return nil
}

// alike is 8000 bytes that agree.
type alike [1000]int64

func alikeOf(x int64) (m alike) {
	for i := range m {
		m[i] = x
	}
	return m
}

// updated is values that processes change until they are killed. Each counts in its own
// slot how many changes of each value it has begun and ended.
type updated struct {
	Small  *mp.Value[int64]
	Struct *mp.Value[multiples]
	Given  *mp.Value[multiples] // with a given lock
	Large  *mp.Value[alike]
	Begun  *mp.RawArray[[4]int64]
	Ended  *mp.RawArray[[4]int64]
	Torn   *mp.RawValue[bool]
	Slot   int
}

var updateForEver = mp.Action(func(_ context.Context, u updated) error {
	begun, release := u.Begun.Slice()
	defer release()
	ended, release := u.Ended.Slice()
	defer release()
	for which := 0; ; which = (which + 1) % 4 {
		begun[u.Slot][which]++
		if err := u.update(which); err != nil {
			u.Torn.Store(true)
			return err
		}
		ended[u.Slot][which]++
	}
})

// update adds one to one of the values.
func (u updated) update(which int) (err error) {
	switch which {
	case 0:
		u.Small.Update(func(x *int64) { *x++ })
	case 1:
		u.Struct.Update(func(m *multiples) { err = m.check(); *m = multiplesOf(m[0] + 1) })
	case 2:
		u.Given.Update(func(m *multiples) { err = m.check(); *m = multiplesOf(m[0] + 1) })
	case 3:
		u.Large.Update(func(m *alike) {
			if *m != alikeOf(m[0]) {
				err = errors.New("torn")
			}
			*m = alikeOf(m[0] + 1)
		})
	}
	return err
}

// Processes that change values are killed at any instant: no value is ever torn, no
// change that has ended is lost, and of the one that was under way all or nothing is
// there.
func TestUpdatesAreWholeWhoeverIsKilled(t *testing.T) {
	rng := random(t)
	rounds := kills(t)
	const workers = 3
	l := made[*mp.Lock](t)(mp.NewLock())
	u := updated{
		Small:  made[*mp.Value[int64]](t)(mp.NewValue[int64](0)),
		Struct: made[*mp.Value[multiples]](t)(mp.NewValue(multiples{})),
		Given:  made[*mp.Value[multiples]](t)(mp.NewValue(multiples{}, mp.WithLock(l))),
		Large:  made[*mp.Value[alike]](t)(mp.NewValue(alike{})),
		Begun:  made[*mp.RawArray[[4]int64]](t)(mp.NewRawArray[[4]int64](rounds + workers)),
		Ended:  made[*mp.RawArray[[4]int64]](t)(mp.NewRawArray[[4]int64](rounds + workers)),
		Torn:   made[*mp.RawValue[bool]](t)(mp.NewRawValue(false)),
	}
	start := func() *mp.Process {
		p := relaunch(t, updateForEver.With(u))
		u.Slot++
		return p
	}
	var processes [workers]*mp.Process
	for i := range processes {
		processes[i] = start()
	}
	end := func(i int) {
		require.NoError(t, processes[i].Kill())
		assert.Equal(t, mp.CauseKilled, failed(t, join(t, processes[i])).Cause)
		require.NoError(t, processes[i].Close())
	}
	for range rounds {
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		i := rng.IntN(workers)
		end(i)
		processes[i] = start()
		assert.NoError(t, u.Struct.Load().check())
	}
	for i := range processes {
		end(i)
	}

	assert.False(t, u.Torn.Load())
	assert.NoError(t, u.Struct.Load().check())
	assert.NoError(t, u.Given.Load().check())
	large := u.Large.Load()
	assert.Equal(t, alikeOf(large[0]), large)
	for which, sum := range []int64{u.Small.Load(), u.Struct.Load()[0], u.Given.Load()[0], large[0]} {
		var begun, ended int64
		for slot := range rounds + workers {
			b, e := u.Begun.At(slot)[which], u.Ended.At(slot)[which]
			assert.LessOrEqual(t, b-e, int64(1))
			begun += b
			ended += e
		}
		t.Logf("value %d: %d changes, %d in flight at kills", which, sum, begun-ended)
		assert.NotZero(t, sum)
		assert.GreaterOrEqual(t, sum, ended, "value %d", which)
		assert.LessOrEqual(t, sum, begun, "value %d", which)
	}
}

// deadly is what a process dies in the middle of.
type deadly struct {
	V *mp.Value[multiples]
	A *mp.Array[int]
}

var dieInUpdate = mp.Action(func(_ context.Context, d deadly) error {
	if d.V != nil {
		d.V.Update(func(m *multiples) {
			*m = multiplesOf(9)
			os.Exit(3)
		})
	}
	d.A.Update(func(items []int) {
		items[0] = 9
		os.Exit(3)
	})
	return nil
})

func TestADeathInTheFunctionOfUpdate(t *testing.T) {
	d := deadly{V: made[*mp.Value[multiples]](t)(mp.NewValue(multiplesOf(1)))}
	assert.Equal(t, 3, failed(t, join(t, launch(t, dieInUpdate.With(d)))).Code)
	assert.Equal(t, multiplesOf(1), d.V.Load(), "the old value")
	assert.True(t, d.V.OwnerDied())
	d.V.Lock()
	d.V.Repaired()
	d.V.Unlock()
	assert.False(t, d.V.OwnerDied())

	d = deadly{A: made[*mp.Array[int]](t)(mp.NewArray[int](2))}
	assert.Equal(t, 3, failed(t, join(t, launch(t, dieInUpdate.With(d)))).Code)
	assert.Equal(t, 9, d.A.At(0), "what was written stays")
	assert.True(t, d.A.OwnerDied())
	d.A.Lock()
	d.A.Repaired()
	d.A.Unlock()
	assert.False(t, d.A.OwnerDied())
}

// A hundred thousand values cost little memory and no descriptors, and when they are
// closed they cost nothing but room that the next ones use.
func TestAHundredThousandValues(t *testing.T) {
	const n = 100_000
	require.NoError(t, mp.Must(mp.NewValue[int64](0)).Close()) // the memory is mapped
	runtime.GC()                                               // what earlier tests have dropped
	before := heap(t)
	files := openFiles()
	var after [2]int
	for round := range after {
		bytesBefore, cellsBefore := shm.Mapped().Heap()
		values := make([]*mp.Value[int64], n)
		for i := range values {
			v, err := mp.NewValue(int64(i))
			require.NoError(t, err)
			values[i] = v
		}
		bytes, cells := shm.Mapped().Heap()
		assert.LessOrEqual(t, openFiles(), files, "there may be fewer: of earlier tests")
		used := 64*(cells-cellsBefore) + int(bytes) - int(bytesBefore)
		t.Logf("%d bytes each", used/n)
		assert.LessOrEqual(t, used, 128*n)
		for i, v := range values {
			if i%1000 == 7 {
				v.Update(func(x *int64) { *x *= 2 })
				require.EqualValues(t, 2*i, v.Load())
			} else {
				require.EqualValues(t, i, v.Load())
			}
		}
		for _, v := range values {
			require.NoError(t, v.Close())
		}
		bytes, _ = shm.Mapped().Heap()
		assert.LessOrEqual(t, int(bytes)-int(bytesBefore), 1<<20, "of the ledger, and kept for the next")
		after[round] = heap(t)
	}
	t.Logf("%d cells before, %d and %d after", before, after[0], after[1])
	assert.LessOrEqual(t, after[0], before+n/1000)
	assert.LessOrEqual(t, after[1], after[0]+1)
	assert.LessOrEqual(t, openFiles(), files)
}
