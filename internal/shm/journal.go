package shm

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// The journal makes every change of the arena's bookkeeping happen as a whole or
// not at all, wherever its process is killed: a transaction collects its stores
// beside the arena, writes them into the journal, sets the journal's count, which
// is the instant at which it has happened, carries them out, and sets the count to
// zero. Who takes the lock over from a dead process carries out what the journal
// has, once more: stores of constants can be repeated.

// ErrDamaged is returned when the bookkeeping of the shared memory makes no sense,
// which only a stray write can have done.
var ErrDamaged = errors.New("the shared memory has been overwritten by one of the processes that share it")

func damageError(d damage) error { return fmt.Errorf("%w (%s)", ErrDamaged, d.why) }

// A Tx is a transaction: a view of the arena with its own stores in it.
type Tx struct {
	a     *Arena
	n     int
	where [journalEntries]uint64
	what  [journalEntries]uint64
	wakes wakes
	depth int // of DropRef
}

// wakes are the words whose waiters are to be woken after a transaction, and what is
// to be added to them before.
type wakes struct {
	words [8]*uint32
	steps [8]uint32
	n     int
}

// step changes the words that those who are about to sleep look at. Should this process
// die before, they look again after a while by themselves.
func (w *wakes) step() {
	for i := range w.n {
		if w.steps[i] != 0 {
			atomic.AddUint32(w.words[i], w.steps[i])
		}
	}
}

// narrow marks an entry that stores 32 bits; offsets are multiples of 4.
const narrow = 1

// crash is called before each store of a transaction. It is for tests, which end
// their process there.
var crash func()

func instant() {
	if crash != nil {
		crash()
	}
}

// Transact runs fn with the arena locked, and makes what it has stored happen if
// it returns nil. Wakes that fn has asked for follow when the lock is free again.
// fn must be short, and must not call Transact.
func (a *Arena) Transact(fn func(t *Tx) error) error {
	wakes, err := a.transact(fn)
	for _, w := range wakes.words[:wakes.n] {
		WakeAll(w)
	}
	return err
}

func (a *Arena) transact(fn func(t *Tx) error) (wakes wakes, err error) {
	a.transacting.Lock()
	defer a.transacting.Unlock()
	t := &a.tx
	t.a, t.n, t.wakes.n, t.depth = a, 0, 0, 0
	err = a.locked(func() error {
		err := fn(t)
		if err == nil {
			t.commit()
			t.wakes.step() // here, for without the lock the memory may be another object's
		}
		return err
	})
	if err == nil {
		wakes = t.wakes
	}
	return wakes, err
}

// locked runs fn while this process has the lock over the arena. What a dead
// holder had begun is finished first.
func (a *Arena) locked(fn func() error) (err error) {
	lock := a.metaLock()
	stray := lock.OwnedHere() // transacting is held: the word has been overwritten
	if stray {
		lock.ReleaseOwn()
	}
	repair := lock.acquire() || stray
	defer lock.ReleaseOwn()
	defer Catch(&err)
	if repair {
		a.replay()
	}
	return fn()
}

func (t *Tx) commit() {
	if t.n == 0 {
		return
	}
	a := t.a
	for i := range t.n {
		instant()
		at := uint64(offEntries + 16*i)
		atomic.StoreUint64(a.wide(at), t.where[i])
		atomic.StoreUint64(a.wide(at+8), t.what[i])
	}
	instant()
	atomic.StoreUint32(a.word(offJournal), uint32(t.n))
	a.replay()
}

// replay carries out what the journal holds.
func (a *Arena) replay() {
	n := a.load(offJournal)
	if n > journalEntries {
		damaged("a journal of %d entries", n)
	}
	for i := range uint64(n) {
		instant()
		where, what := a.load64(offEntries+16*i), a.load64(offEntries+16*i+8)
		if where&narrow != 0 {
			atomic.StoreUint32(a.word(where&^narrow), uint32(what))
		} else {
			atomic.StoreUint64(a.wide(where), what)
		}
	}
	instant()
	atomic.StoreUint32(a.word(offJournal), 0)
}

func (t *Tx) put(where, what uint64) {
	instant()
	for i := range t.n {
		if t.where[i] == where {
			t.what[i] = what
			return
		}
	}
	if t.n == journalEntries {
		damaged("a transaction of more than %d stores", journalEntries)
	}
	t.where[t.n], t.what[t.n] = where, what
	t.n++
}

// Store stores a word.
//
// Preconditions: the same place is not stored in both widths in one transaction,
// and nobody changes it outside of transactions.
func (t *Tx) Store(off uint64, v uint32) {
	t.a.word(off)
	t.put(off|narrow, uint64(v))
}

// Store64 is Store for 64 bits.
func (t *Tx) Store64(off uint64, v uint64) {
	t.a.wide(off)
	t.put(off, v)
}

// Load returns a word, as the transaction has left it.
func (t *Tx) Load(off uint64) uint32 {
	for i := range t.n {
		if t.where[i] == off|narrow {
			return uint32(t.what[i])
		}
	}
	return t.a.load(off)
}

// Load64 is Load for 64 bits.
func (t *Tx) Load64(off uint64) uint64 {
	for i := range t.n {
		if t.where[i] == off {
			return t.what[i]
		}
	}
	return t.a.load64(off)
}

// Add adds to a word, and returns the sum.
func (t *Tx) Add(off uint64, n int) uint32 {
	v := t.Load(off) + uint32(n)
	t.Store(off, v)
	return v
}

// Wake has all who wait on the word at off woken once the transaction has
// happened. If there is no room for it, they find out by themselves.
func (t *Tx) Wake(off uint64) { t.Ring(off, 0) }

// Ring is Wake, but adds step to the word before, for those who are about to sleep on
// it. The word is none that transactions change.
func (t *Tx) Ring(off uint64, step uint32) {
	w := t.a.word(off)
	for _, other := range t.wakes.words[:t.wakes.n] {
		if other == w {
			return
		}
	}
	if t.wakes.n < len(t.wakes.words) {
		t.wakes.words[t.wakes.n], t.wakes.steps[t.wakes.n] = w, step
		t.wakes.n++
	}
}
