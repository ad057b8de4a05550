//go:build linux

package main

import (
	"context"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// prey is programs that only end when they are killed.
type prey struct {
	mu    sync.Mutex
	alive []int
	gone  sync.WaitGroup
}

// newPrey starts n programs. Their end is awaited when the test is over.
func newPrey(t *testing.T, n int) *prey {
	t.Helper()
	p := new(prey)
	t.Cleanup(p.gone.Wait)
	for range n {
		cmd := exec.Command("sleep", "1000")
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		pid := cmd.Process.Pid
		p.alive = append(p.alive, pid)
		p.gone.Go(func() {
			_ = cmd.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.alive = slices.DeleteFunc(p.alive, func(other int) bool { return other == pid })
		})
	}
	return p
}

// pids are those that are alive.
func (p *prey) pids() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.alive)
}

func TestChaosHoldsTheLastItemBack(t *testing.T) {
	p := newPrey(t, 3)
	pids := p.pids()
	var open atomic.Bool // nobody is there to be killed before
	c := unleash(within(t), 3, 1, 10, func() []int {
		if open.Load() {
			return p.pids()
		}
		return nil
	})
	got := 0
	for range c.feed(within(t), make([]item, 10)) {
		if got++; got == 10 {
			break
		}
		c.tick()
		select {
		case <-c.over:
			t.Fatal("over before anybody could be killed")
		default:
		}
		open.Store(got == 9)
	}
	require.Equal(t, 10, got)
	<-c.over
	require.NoError(t, c.err)
	killed := make([]int, 0, 3)
	for _, k := range c.kills {
		killed = append(killed, k.pid)
		require.Positive(t, k.at)
	}
	require.ElementsMatch(t, pids, killed, "each one once")
}

func TestChaosRepeatsItself(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	none := func() []int { return nil }
	first, second := unleash(ctx, 20, 99, 1000, none), unleash(ctx, 20, 99, 1000, none)
	require.Equal(t, first.when, second.when)
	require.NotEqual(t, first.when, unleash(ctx, 20, 98, 1000, none).when)
}

func TestChaosEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(within(t), 10*time.Millisecond)
	defer cancel()
	c := unleash(ctx, 1, 1, 1, func() []int { return nil })
	for range c.feed(ctx, make([]item, 1)) {
		t.Fatal("the last item came before the killing was over")
	}
	<-c.over
	require.ErrorIs(t, c.err, context.DeadlineExceeded)
}

func TestNoChaos(t *testing.T) {
	c := unleash(within(t), 0, 1, 0, nil)
	<-c.over
	c.tick()
	for range c.feed(within(t), nil) {
		t.Fatal("an item out of nowhere")
	}
	require.NoError(t, c.err)
}
