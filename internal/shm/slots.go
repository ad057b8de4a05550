package shm

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/multiproc/mp/internal/sys"
)

// A keeper is a thread that lives as long as its process. The kernel marks the
// process's slot when it ends. So whether a process lives is one load from shared
// memory, correct for stopped processes, which live, for zombies, which do not, and
// across process namespaces.
//
// All that it does besides is to make the calls that give memory back. A killed
// process can be inside such a call for a while, and then its keeper is, and it does
// not count as dead: so the call never hits memory that somebody else has been given
// since.
type keeper struct {
	thread  sys.RobustThread
	punches chan punch
}

// A punch is memory to be given back.
type punch struct {
	off, size uint64
	done      chan<- error
}

var errNoSlot = errors.New("more than 4095 processes use the shared memory")

// claim takes a slot for this process.
func (a *Arena) claim() error {
	claimed := make(chan error)
	a.keeper.punches = make(chan punch)
	go a.keep(claimed)
	return <-claimed
}

// keep is the life of the keeper.
func (a *Arena) keep(claimed chan<- error) {
	runtime.LockOSThread()
	thread := sys.ThreadID()
	for slot := uint32(1); slot < maxSlots; slot++ {
		word := a.word(slotAt(slot) + slotKeeper)
		if atomic.LoadUint32(word) != 0 {
			continue
		}
		// The kernel is told first: there is no instant at which the slot is taken
		// and a death would go unmarked.
		if err := a.keeper.thread.Watch(word); err != nil {
			claimed <- err
			return
		}
		if !atomic.CompareAndSwapUint32(word, 0, thread) {
			continue
		}
		a.slot = slot
		a.self = ownerOf(slot, a.load(slotAt(slot)+slotGeneration))
		atomic.StoreUint32(a.word(slotAt(slot)+slotPID), uint32(os.Getpid()))
		for {
			top := a.load(offSlotsTop)
			if top > slot || atomic.CompareAndSwapUint32(a.word(offSlotsTop), top, slot+1) {
				break
			}
		}
		claimed <- nil
		for p := range a.keeper.punches { // for ever: a thread whose goroutine returns ends
			p.done <- a.punchHere(p.off, p.size)
		}
	}
	claimed <- errNoSlot
}

func slotAt(slot uint32) uint64 { return slotsStart + slotSize*uint64(slot) }

func ownerOf(slot, generation uint32) uint32 { return generation&generationMask<<slotBits | slot }

// Alive says whether a process, as it stands in a lock, lives.
func (a *Arena) Alive(owner uint32) bool {
	slot := owner & (maxSlots - 1)
	at := slotAt(slot)
	return a.load(at+slotKeeper)&^sys.FutexOwnerDied != 0 && a.load(at+slotKeeper)&sys.FutexOwnerDied == 0 &&
		a.load(at+slotGeneration)&generationMask == owner>>slotBits
}

// Self returns this process as the owner of locks.
func (a *Arena) Self() uint32 { return a.self }

// PID returns the number of a process, as it saw itself.
func (a *Arena) PID(owner uint32) int { return int(a.load(slotAt(owner&(maxSlots-1)) + slotPID)) }
