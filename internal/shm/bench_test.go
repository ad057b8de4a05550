//go:build linux

package shm

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkNewDrop(b *testing.B) {
	for _, size := range []uint64{0, 64, 4096, 64 << 10, 1 << 20} {
		b.Run(strconv.Itoa(int(size)), func(b *testing.B) {
			a := fresh(b)
			defer newObject(b, a, size).Drop() // so that its slab stays
			b.ReportAllocs()
			for b.Loop() {
				o, err := a.New(Spec{Kind: FirstKind, Size: size})
				if err != nil || o.Drop() != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenDrop(b *testing.B) {
	a := fresh(b)
	c := another(b, a.file)
	r := newObject(b, a, 64).Ref()
	b.ReportAllocs()
	for b.Loop() {
		o, err := c.Open(r)
		if err != nil || o.Drop() != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTransact(b *testing.B) {
	a := fresh(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = a.Transact(func(t *Tx) error {
			t.Store(offGeneration, 1)
			return nil
		})
	}
}

func BenchmarkTryRelease(b *testing.B) {
	a := fresh(b)
	o := newObject(b, a, 0)
	w := handleOn(o)
	b.Run("word", func(b *testing.B) {
		for b.Loop() {
			o.LockWord().Try()
			o.LockWord().ReleaseOwn()
		}
	})
	b.Run("handle", func(b *testing.B) {
		for b.Loop() {
			w.h.TryLock()
			w.h.TryUnlock()
		}
	})
	b.Run("enter", func(b *testing.B) {
		for b.Loop() {
			_ = w.h.Enter()
			w.h.Exit()
		}
	})
}

// Goroutines of one process, and of two, contend for a lock.
func BenchmarkContention(b *testing.B) {
	b.Run("goroutines", func(b *testing.B) {
		o := newObject(b, fresh(b), 0)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = o.LockWord().Acquire(context.Background(), nil)
				o.LockWord().ReleaseOwn()
			}
		})
	})
	b.Run("processes", func(b *testing.B) {
		a := fresh(b)
		o := newObject(b, a, 0)
		m := start(b, a, counter, refText(o.Ref()), strconv.Itoa(b.N/2+1), "1")
		m.expect("ready")
		m.tell("go")
		b.ResetTimer()
		for range b.N / 2 {
			_, _ = o.LockWord().Acquire(context.Background(), nil)
			*o.Word(CellBody)++
			o.LockWord().ReleaseOwn()
		}
		m.expect("done")
		b.StopTimer()
		require.EqualValues(b, b.N/2+b.N/2+1, *o.Word(CellBody))
	})
}

// The lock is handed to a goroutine that sleeps, in this process and in another.
func BenchmarkHandOver(b *testing.B) {
	b.Run("goroutines", func(b *testing.B) {
		ping, pong := newObject(b, fresh(b), 0), newObject(b, fresh(b), 0)
		var both sync.WaitGroup
		for i, o := range []*Object{ping, pong} {
			other := []*Object{pong, ping}[i]
			_, _ = other.LockWord().Acquire(context.Background(), nil)
			both.Go(func() {
				for range b.N {
					if i == 0 {
						other.LockWord().Release()
					}
					_, _ = o.LockWord().Acquire(context.Background(), nil)
					if i == 1 {
						other.LockWord().Release()
					}
				}
			})
		}
		both.Wait()
	})
	b.Run("processes", func(b *testing.B) {
		a := fresh(b)
		ping, pong := newObject(b, a, 0), newObject(b, a, 0)
		_, _ = ping.LockWord().Acquire(context.Background(), nil)
		_, _ = pong.LockWord().Acquire(context.Background(), nil)
		m := start(b, a, ponger, refText(ping.Ref()), refText(pong.Ref()))
		m.expect("ready")
		for b.Loop() {
			ping.LockWord().Release()
			_, _ = pong.LockWord().Acquire(context.Background(), nil)
		}
	})
}

var ponger = scenario("give back another lock for each", func(c *insider) {
	ping, pong := c.open(os.Args[1]).LockWord(), c.open(os.Args[2]).LockWord()
	c.say("ready")
	for {
		_, err := ping.Acquire(context.Background(), nil)
		c.must(err)
		pong.Release()
	}
})

// A member dies, and is settled.
func BenchmarkSettle(b *testing.B) {
	for _, n := range []int{0, 10, 1000} {
		b.Run(strconv.Itoa(n)+" objects", func(b *testing.B) {
			a := fresh(b)
			for b.Loop() {
				b.StopTimer()
				victim := &Arena{file: a.file, base: a.base, size: a.size, objects: make(map[uint32]*Object), slot: 2, self: ownerOf(2, a.load(slotAt(2)+slotGeneration))}
				*a.word(slotAt(2) + slotKeeper) = 1
				*a.word(offSlotsTop) = 3
				for range n {
					newObject(b, victim, 64)
				}
				victim.die()
				b.StartTimer()
				a.Reap()
			}
		})
	}
}
