//go:build linux

package mp_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
)

// complaint calls a method of a queue of ints that cannot be used, and returns what it
// says to that; nil: it has no error to return.
func complaint(t *testing.T, q any, m reflect.Method) error {
	t.Helper()
	args := []reflect.Value{reflect.ValueOf(q)}
	for i := 1; i < m.Type.NumIn(); i++ {
		switch in := m.Type.In(i); in {
		case reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(bounded(t)))
		case reflect.TypeFor[*int]():
			args = append(args, reflect.ValueOf(new(int)))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	var results []reflect.Value
	require.Empty(t, panicText(func() { results = m.Func.Call(args) }), m.Name)
	last := results[len(results)-1]
	switch x := last.Interface().(type) {
	case error:
		return x
	case string:
		return errors.New(x)
	case bool:
		assert.Equal(t, m.Name == "Empty", x, m.Name)
	case iter.Seq2[int, error]:
		for _, err := range x {
			return err
		}
		assert.Fail(t, "it says nothing", m.Name)
	default:
		assert.True(t, last.IsZero(), m.Name) // Len and Cap, and the error of Close
	}
	return nil
}

// Whatever is called on a queue that is none, or closed, names itself as it was called.
func TestEveryMethodOfAQueueThatIsNone(t *testing.T) {
	queue, err := mp.NewQueue[int](3)
	require.NoError(t, err)
	joinable, err := mp.NewJoinableQueue[int](3)
	require.NoError(t, err)
	simple, err := mp.NewSimpleQueue[int]()
	require.NoError(t, err)
	for _, q := range []interface{ Close() error }{queue, joinable, simple} {
		require.NoError(t, q.Close())
	}
	for is, queues := range map[error][]any{
		shm.ErrNoHandle: {
			(*mp.Queue[int])(nil), (*mp.JoinableQueue[int])(nil), (*mp.SimpleQueue[int])(nil),
			new(mp.Queue[int]), new(mp.JoinableQueue[int]), new(mp.SimpleQueue[int]),
		},
		mp.ErrClosed: {queue, joinable, simple},
	} {
		for _, q := range queues {
			typ := reflect.TypeOf(q)
			name, _, _ := strings.Cut(strings.TrimPrefix(typ.String(), "*mp."), "[")
			for i := range typ.NumMethod() {
				m := typ.Method(i)
				switch err := complaint(t, q, m); m.Name {
				case "Len", "Cap", "Empty", "Full", "Close":
					assert.NoError(t, err, "%s.%s", name, m.Name)
				case "String":
					assert.EqualError(t, err, "mp."+name+"[int]("+is.Error()+")")
				default:
					assert.EqualError(t, err, "mp: "+name+"."+m.Name+": "+is.Error())
					assert.ErrorIs(t, err, is, "%s.%s", name, m.Name)
				}
			}
		}
	}
}

// What waits in vain is named as it was called, too.
func TestQueueErrorsNameTheirMethod(t *testing.T) {
	q := made[*mp.JoinableQueue[int]](t)(mp.NewJoinableQueue[int](1))
	simple := made[*mp.SimpleQueue[int]](t)(mp.NewSimpleQueue[int]())
	_, err := q.Get(soon(t))
	assert.ErrorContains(t, err, "mp: JoinableQueue.Get: is empty")
	for _, err := range q.All(soon(t)) {
		assert.ErrorContains(t, err, "mp: JoinableQueue.All: is empty")
	}
	require.NoError(t, q.TryPut(1))
	assert.ErrorContains(t, q.Put(soon(t), 2), "mp: JoinableQueue.Put: is full")
	assert.EqualError(t, q.TryPut(2), "mp: JoinableQueue.TryPut: is full")
	assert.True(t, q.Full())
	assert.Equal(t, "mp.JoinableQueue[int](1 of 1)", q.String())
	_, err = simple.Get(soon(t))
	assert.ErrorContains(t, err, "mp: SimpleQueue.Get: is empty")
	assert.Equal(t, "mp.SimpleQueue[int](0)", simple.String())
	assert.Equal(t, context.DeadlineExceeded, q.Put(endedContext(), 3), "that of a context that has ended is as it is")
}

// There is no way to a *Queue from another kind of queue, which the receiver would refuse.
func TestQueuesHaveNoPartsToPassOn(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[mp.Queue[int]](), reflect.TypeFor[mp.JoinableQueue[int]](), reflect.TypeFor[mp.SimpleQueue[int]](),
	} {
		for i := range typ.NumField() {
			assert.False(t, typ.Field(i).IsExported(), "%v.%s", typ, typ.Field(i).Name)
		}
	}
}

// Close is not refused because somebody is at it.
func TestCloseAQueueWhileSomebodyPuts(t *testing.T) {
	before := heap(t)
	item := make([]byte, 256<<10) // which takes a while
	for range 300 {
		q, err := mp.NewQueue[[]byte](0)
		require.NoError(t, err)
		begun := make(chan struct{})
		ended := inBackground(t, func() error {
			close(begun)
			for {
				if err := q.TryPut(item); err != nil {
					return err
				}
				if _, err := q.TryGet(); err != nil && !errors.Is(err, mp.ErrEmpty) {
					return err
				}
			}
		})
		<-begun
		time.Sleep(50 * time.Microsecond) // it is in the middle of something by now
		require.NoError(t, q.Close())
		assert.ErrorIs(t, ended(), mp.ErrClosed)
	}
	settled(t, before)
}
