//go:build linux

package shm

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// waiters wait for a lock with many goroutines, and say what each has got.
var waiters = scenario("wait for a lock", func(c *insider) {
	l := c.open(os.Args[1]).LockWord()
	n, err := strconv.Atoi(os.Args[2])
	c.must(err)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			repair, err := l.Acquire(context.Background(), nil)
			c.must(err)
			c.say("got %v %v", repair, l.OwnerDied())
			l.ReleaseOwn()
		})
	}
	c.say("ready")
	all.Wait()
	c.say("done")
	forever()
})

// holder takes a lock and keeps it.
var holder = scenario("hold a lock", func(c *insider) {
	l := c.open(os.Args[1]).LockWord()
	_, err := l.Acquire(context.Background(), nil)
	c.must(err)
	c.say("held")
	c.hear()
	l.ReleaseOwn()
	c.say("released")
	forever()
})

// lockOf returns a new object for its lock.
func lockOf(t testing.TB, a *Arena) (*Object, LockWord) {
	o := newObject(t, a, 0)
	return o, o.LockWord()
}

func held(t testing.TB, a *Arena, o *Object) *member {
	m := start(t, a, holder, refText(o.Ref()))
	m.expect("held")
	return m
}

// When the holder of a lock is killed, all who wait for it get it, the first one is
// told, and the others see what has happened until it has been repaired.
func TestAllGetTheLockOfAKilledHolder(t *testing.T) {
	a := fresh(t)
	o, l := lockOf(t, a)
	m := held(t, a, o)
	assert.EqualValues(t, m.cmd.Process.Pid, a.PID(l.Owner()))
	const processes, each = 5, 10
	var others []*member
	for range processes {
		other := start(t, a, waiters, refText(o.Ref()), strconv.Itoa(each))
		other.expect("ready")
		others = append(others, other)
	}
	asleepOn(t, l)
	assert.False(t, l.OwnerDied())
	began := time.Now()
	m.kill()
	repairs := 0
	for _, other := range others {
		for range each {
			var repair, died bool
			_, err := fmt.Sscanf(other.line(), "got %t %t", &repair, &died)
			require.NoError(t, err)
			assert.True(t, died)
			if repair {
				repairs++
			}
		}
		other.expect("done")
	}
	t.Logf("%d waiters had it within %v", processes*each, time.Since(began))
	assert.Equal(t, 1, repairs, "only the first one takes over from the dead")
	assert.True(t, l.OwnerDied())
	l.Repaired()
	assert.False(t, l.OwnerDied())
	a.Reap()
	checkIntegrity(t, a)
}

// One who is killed just when it has been woken does not take the wake-up along.
func TestKilledWaiterPassesOn(t *testing.T) {
	a := fresh(t)
	o, l := lockOf(t, a)
	var slowest time.Duration
	for range max(kills(t)/10, 10) {
		_, err := l.Acquire(t.Context(), nil)
		require.NoError(t, err)
		doomed := start(t, a, waiters, refText(o.Ref()), "1")
		doomed.expect("ready")
		asleepOn(t, l)
		other := start(t, a, waiters, refText(o.Ref()), "1")
		other.expect("ready")
		doomed.signal(syscall.SIGSTOP) // asleep or on its way: it cannot react to the wake-up
		until(t, "the waiter is stopped", func() bool { return doomed.state() == "T" })
		began := time.Now()
		l.ReleaseOwn()
		doomed.kill()
		other.line()
		other.expect("done")
		slowest = max(slowest, time.Since(began))
		other.kill()
		l.Repaired()
	}
	t.Logf("the other one got it within %v", slowest)
	assert.Less(t, slowest, patience/2)
}

// A stopped holder is not dead.
func TestStoppedHolderKeepsTheLock(t *testing.T) {
	a := fresh(t)
	o, l := lockOf(t, a)
	m := held(t, a, o)
	m.signal(syscall.SIGSTOP)
	until(t, "the holder is stopped", func() bool { return m.state() == "T" })
	ctx, cancel := context.WithTimeout(t.Context(), 4*recheck)
	defer cancel()
	_, err := l.Acquire(ctx, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	ok, _ := l.Try()
	assert.False(t, ok)
	assert.False(t, l.OwnerDied())
	assert.NotZero(t, l.Owner())
	got := make(chan error)
	go func() {
		repair, err := l.Acquire(context.Background(), nil)
		assert.False(t, repair)
		got <- err
	}()
	m.tell("release")
	m.signal(syscall.SIGCONT)
	m.expect("released")
	within(t, patience, "the lock", func() { require.NoError(t, <-got) })
	assert.False(t, l.OwnerDied())
	l.ReleaseOwn()
}

// The death of a holder is seen by all that look, also without waiting.
func TestDeadHolderIsSeenAtOnce(t *testing.T) {
	a := fresh(t)
	o, l := lockOf(t, a)
	m := held(t, a, o)
	m.kill()
	assert.True(t, l.OwnerDied())
	assert.Zero(t, l.Owner())
	ok, repair := l.Try()
	assert.True(t, ok)
	assert.True(t, repair)
	l.ReleaseOwn()
	assert.True(t, l.OwnerDied(), "until somebody says that it is repaired")
	ok, repair = l.Try()
	assert.True(t, ok && !repair)
	l.Repaired()
	assert.True(t, l.Release())
	assert.False(t, l.Release(), "nobody has it")
	assert.False(t, l.OwnerDied())

	m = held(t, a, o)
	m.kill()
	assert.True(t, l.Release(), "of a dead holder's lock")
	assert.True(t, l.OwnerDied())
	l.Repaired()

	m = held(t, a, o)
	m.kill()
	a.Reap()
	m = start(t, a, "hold nothing") // it gets the slot of the dead
	m.expect("ready")
	assert.True(t, l.OwnerDied())
	ok, repair = l.Try()
	assert.True(t, ok && repair)
	l.ReleaseOwn()
}

// Generations wrap around, and the words of locks have room for all of them.
func TestGenerationsWrapAround(t *testing.T) {
	a := fresh(t)
	o, l := lockOf(t, a)
	for _, generation := range []uint32{generationMask - 1, generationMask, generationMask + 1, 1<<32 - 1, 0} {
		atomic.StoreUint32(a.word(slotAt(7)+slotGeneration), generation)
		b := impostor(t, a, 7)
		theirs, err := b.Open(o.Ref())
		require.NoError(t, err)
		ok, _ := theirs.LockWord().Try()
		require.True(t, ok)
		assert.Zero(t, b.self&waitersBit)
		assert.True(t, a.Alive(b.self))
		assert.Equal(t, b.self, l.Owner())
		b.die()
		a.Reap()
		c := impostor(t, a, 7)
		assert.NotEqual(t, b.self, c.self)
		assert.False(t, a.Alive(b.self))
		assert.True(t, l.OwnerDied())
		ok, repair := l.Try()
		assert.True(t, ok && repair)
		l.ReleaseOwn()
		l.Repaired()
		c.die()
		a.Reap()
	}
	checkIntegrity(t, a)
}

// Two processes that do nothing but lock exclude each other.
func TestLockExcludes(t *testing.T) {
	a := fresh(t)
	o := newObject(t, a, 0)
	const each, goroutines = 20000, 4
	var members []*member
	for range 2 {
		m := start(t, a, counter, refText(o.Ref()), strconv.Itoa(each), strconv.Itoa(goroutines))
		members = append(members, m)
	}
	for _, m := range members {
		m.expect("ready")
	}
	began := time.Now()
	for _, m := range members {
		m.tell("go")
	}
	for _, m := range members {
		m.expect("done")
	}
	t.Logf("%v each", time.Since(began)/(2*each*goroutines))
	assert.EqualValues(t, 2*each*goroutines, *o.Word(CellBody))
}

var counter = scenario("count under a lock", func(c *insider) {
	o := c.open(os.Args[1])
	each, err := strconv.Atoi(os.Args[2])
	c.must(err)
	goroutines, err := strconv.Atoi(os.Args[3])
	c.must(err)
	c.say("ready")
	c.hear()
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range each {
				_, err := o.LockWord().Acquire(context.Background(), nil)
				c.must(err)
				*o.Word(CellBody)++
				o.LockWord().ReleaseOwn()
			}
		})
	}
	all.Wait()
	c.say("done")
	forever()
})
