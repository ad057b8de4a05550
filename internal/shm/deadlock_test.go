//go:build linux

package shm

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var _ = scenario("hold the arena", func(c *insider) {
	_ = c.a.Transact(func(*Tx) error {
		c.say("held")
		forever()
		return nil
	})
})

// nothing is a transaction that changes nothing.
func nothing(*Tx) error { return nil }

// asleepOn waits until somebody sleeps on a lock.
func asleepOn(t testing.TB, l LockWord) {
	t.Helper()
	until(t, "somebody waits for the lock", func() bool { return atomic.LoadUint32(l.word)&waitersBit != 0 })
}

// Whoever waits for the arena gets it when its holder is killed.
func TestArenaOfAKilledHolderIsTakenOver(t *testing.T) {
	for range 5 {
		a := fresh(t)
		m := start(t, a, "hold the arena")
		m.expect("held")
		done := make(chan error)
		go func() { done <- a.Transact(nothing) }()
		asleepOn(t, a.metaLock())
		m.kill()
		within(t, patience, "a transaction after its holder's death", func() { require.NoError(t, <-done) })
		a.Reap()
		checkIntegrity(t, a)
	}
}

// A stopped process in the middle of a transaction holds up the others; a death
// elsewhere meanwhile must not make that last for ever.
func TestArenaOfAStoppedHolderAndADeathElsewhere(t *testing.T) {
	a := fresh(t)
	other := start(t, a, "hold nothing")
	other.expect("ready")
	m := start(t, a, "hold the arena")
	m.expect("held")
	m.signal(syscall.SIGSTOP)
	done := make(chan error)
	go func() { done <- a.Transact(nothing) }()
	asleepOn(t, a.metaLock())
	other.kill()
	time.Sleep(3 * recheck) // several looks for the dead
	m.kill()
	within(t, patience, "a transaction after its holder's death", func() { require.NoError(t, <-done) })
	within(t, patience, "Reap", a.Reap)
	checkIntegrity(t, a)
}

var _ = scenario("hold nothing", func(c *insider) {
	c.say("ready")
	forever()
})
