package worker

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bound is how long anything may hang.
const bound = 10 * time.Second

func wait(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(bound):
		t.Fatal(what, "has not come")
	}
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestContextEndsOnce(t *testing.T) {
	c := new(callContext)
	require.NoError(t, c.Err())
	_, ok := c.Deadline()
	assert.False(t, ok)
	assert.Nil(t, c.Value("key"))
	done := c.Done()
	assert.Equal(t, done, c.Done())
	assert.False(t, ended(done))
	c.cancel(context.Canceled)
	assert.True(t, ended(done))
	c.cancel(context.DeadlineExceeded)
	assert.Equal(t, context.Canceled, c.Err(), "only the first end counts")
	assert.Equal(t, context.Canceled, context.Cause(c))
}

func TestContextThatEndedBeforeAnybodyAsked(t *testing.T) {
	c := new(callContext)
	c.cancel(context.Canceled)
	assert.True(t, ended(c.Done()))
	called := make(chan struct{})
	stop := context.AfterFunc(c, func() { close(called) })
	wait(t, "the function", called)
	assert.False(t, stop())
}

func TestContextDeadline(t *testing.T) {
	deadline := time.Now().Add(5 * time.Millisecond)
	c := &callContext{deadline: deadline}
	got, ok := c.Deadline()
	assert.True(t, ok)
	assert.Equal(t, deadline, got)
	wait(t, "the deadline", c.Done())
	assert.Equal(t, context.DeadlineExceeded, c.Err())

	passed := &callContext{deadline: time.Now().Add(-time.Second)}
	assert.Equal(t, context.DeadlineExceeded, passed.Err(), "without anybody having asked for Done")
	assert.True(t, ended(passed.Done()))

	early := &callContext{deadline: time.Now().Add(time.Hour)}
	early.Done()
	early.cancel(context.Canceled)
	assert.Equal(t, context.Canceled, early.Err())
	assert.False(t, early.timer.Stop(), "the timer has been stopped")
}

func TestContextAfterFunc(t *testing.T) {
	c := new(callContext)
	var called, stopped sync.WaitGroup
	called.Add(2)
	for range 2 {
		context.AfterFunc(c, called.Done)
	}
	stop := context.AfterFunc(c, func() { t.Error("a stopped function was called") })
	assert.True(t, stop())
	assert.False(t, stop(), "stopped already")
	c.cancel(context.Canceled)
	called.Wait()
	stopped.Wait()

	timed := &callContext{deadline: time.Now().Add(time.Millisecond)}
	run := make(chan struct{})
	timed.AfterFunc(func() { close(run) })
	wait(t, "the deadline", run)
}

func TestContextHasChildrenWithoutGoroutines(t *testing.T) {
	c := new(callContext)
	before := runtime.NumGoroutine()
	var children []context.Context
	for range 100 {
		child, cancel := context.WithCancelCause(c)
		defer cancel(nil)
		children = append(children, child)
	}
	limited, cancel := context.WithTimeout(c, time.Hour)
	defer cancel()
	assert.Equal(t, before, runtime.NumGoroutine())
	c.cancel(context.Canceled)
	for _, child := range append(children, limited) {
		wait(t, "the child's end", child.Done())
		assert.Equal(t, context.Canceled, child.Err())
	}
	gone, cancelGone := context.WithCancel(new(callContext))
	cancelGone()
	assert.Error(t, gone.Err())
	assert.Empty(t, c.after)
}

func TestContextForgetsItsChildren(t *testing.T) {
	c := new(callContext)
	_, cancel := context.WithCancel(c)
	assert.Len(t, c.after, 1)
	cancel()
	assert.Empty(t, c.after)
}

func TestContextFromManyGoroutines(t *testing.T) {
	c := &callContext{deadline: time.Now().Add(time.Millisecond)}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			stop := c.AfterFunc(func() {})
			switch i % 4 {
			case 0:
				<-c.Done()
			case 1:
				for c.Err() == nil {
					runtime.Gosched()
				}
			case 2:
				time.Sleep(time.Millisecond)
				c.cancel(errors.New("some reason"))
			case 3:
				stop()
			}
		})
	}
	all.Wait()
	<-c.Done()
	assert.Error(t, c.Err())
}
