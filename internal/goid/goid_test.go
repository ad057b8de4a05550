package goid

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// variants are the ways to tell goroutines apart: the one in use here, and the one
// that works everywhere.
var variants = map[string]func() uintptr{"current": Current, "from the stack": fromStack}

func TestLiveGoroutinesDiffer(t *testing.T) {
	const goroutines = 10000
	for name, identity := range variants {
		t.Run(name, func(t *testing.T) {
			seen := make(chan uintptr, goroutines)
			leave := make(chan struct{})
			var all sync.WaitGroup
			for range goroutines {
				all.Go(func() {
					seen <- identity()
					<-leave // so that all of them live at the same time
				})
			}
			distinct := map[uintptr]bool{identity(): true}
			for range goroutines {
				distinct[<-seen] = true
			}
			close(leave)
			all.Wait()
			assert.Len(t, distinct, goroutines+1)
			assert.NotContains(t, distinct, uintptr(0))
		})
	}
}

// grow calls itself until the stack has moved several times.
func grow(depth int, identity func() uintptr) uintptr {
	var frame [256]byte
	if depth == 0 {
		return identity()
	}
	frame[depth%len(frame)] = 1
	id := grow(depth-1, identity)
	runtime.KeepAlive(&frame)
	return id
}

func TestOneGoroutineStaysItself(t *testing.T) {
	for name, identity := range variants {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					own := identity()
					assert.Equal(t, own, grow(1000, identity), "with a larger stack")
					runtime.GC() // shrinks stacks
					assert.Equal(t, own, identity(), "with a smaller stack")
					for range 200 {
						runtime.Gosched()
						if got := identity(); got != own {
							assert.Equal(t, own, got, "perhaps on another thread")
							return
						}
					}
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					assert.Equal(t, own, identity(), "on a thread of its own")
					func() {
						defer func() {
							assert.NotNil(t, recover())
							assert.Equal(t, own, identity(), "in a panic")
						}()
						panic("on purpose")
					}()
				})
			}
			all.Wait()
		})
	}
}

func TestBothVariantsAgree(t *testing.T) {
	const goroutines = 1000
	type pair struct{ current, stack uintptr }
	seen := make(chan pair, goroutines)
	leave := make(chan struct{})
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			seen <- pair{Current(), fromStack()}
			<-leave
		})
	}
	number := make(map[uintptr]uintptr)
	for range goroutines {
		p := <-seen
		before, known := number[p.current]
		assert.False(t, known, "goroutines %d and %d are one to Current", before, p.stack)
		number[p.current] = p.stack
	}
	close(leave)
	all.Wait()
}

func TestParse(t *testing.T) {
	for line, want := range map[string]uintptr{
		"goroutine 1 [running]:\nmain.main()":             1,
		"goroutine 4294967 [running, locked to thread]:":  4294967,
		"goroutine 18 gp=0xc000002380 m=0 mp=0 [running]": 18,
		"goroutine 12":             0, // cut off: there may be more digits
		"goroutine 0 [idle]:":      0,
		"goroutine -1 [running]:":  0,
		"goroutine  [running]:":    0,
		"thread 1 [running]:":      0,
		"":                         0,
		"goroutine 1x8 [running]:": 0,
	} {
		got, ok := parse([]byte(line))
		assert.Equal(t, want, got, line)
		assert.Equal(t, want != 0, ok, line)
	}
	if math.MaxUint > math.MaxUint32 {
		return
	}
	got, ok := parse([]byte("goroutine 4294967296 [running]:"))
	require.True(t, ok)
	assert.NotZero(t, got)
}

func BenchmarkCurrent(b *testing.B) {
	for b.Loop() {
		Current()
	}
}

func BenchmarkFromStack(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		fromStack()
	}
}
