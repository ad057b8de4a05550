package fifo

import (
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// A bell wakes those who wait at one side of a queue. Its word has a bit which says
// that somebody may sleep, and above it how often it has been rung, which is what they
// sleep on: a ring between somebody's last look and the sleep has the kernel refuse
// the sleep. Others may sleep besides the one who is woken: so both that one and the
// one who has rung arm the bell again.
type bell struct {
	word     *uint32
	position *uint64 // it is rung when this has moved
}

const (
	bellArmed = 1
	bellRing  = 2 // one more
)

// arm is for one who is about to sleep: it looks once more, and sleeps while the word
// is what arm returns.
func (b bell) arm() uint32 {
	for {
		w := atomic.LoadUint32(b.word)
		if w&bellArmed != 0 || atomic.CompareAndSwapUint32(b.word, w, w|bellArmed) {
			return w | bellArmed
		}
	}
}

// armed says whether somebody may sleep.
func (b bell) armed() bool { return atomic.LoadUint32(b.word)&bellArmed != 0 }

// ring wakes one who sleeps, and another if the position has moved meanwhile: whoever
// moved it may have found the bell not armed.
func (b bell) ring() {
	for {
		w := atomic.LoadUint32(b.word)
		if w&bellArmed == 0 {
			return
		}
		before := atomic.LoadUint64(b.position)
		if !atomic.CompareAndSwapUint32(b.word, w, w-bellArmed+bellRing) {
			continue
		}
		if !shm.WakeOne(b.word) {
			return
		}
		b.arm()
		if atomic.LoadUint64(b.position) == before {
			return
		}
	}
}

// ringAll has everybody look again.
func (b bell) ringAll() {
	atomic.AddUint32(b.word, bellRing)
	shm.WakeAll(b.word)
}
