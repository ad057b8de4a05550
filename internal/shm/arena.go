package shm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"

	"github.com/multiproc/mp/internal/sys"
)

// The sizes of an arena. It is a range of addresses, not memory: pages come into
// being as they are needed.
const (
	preferredSize = 64 << 30
	largestSize   = 1 << 43
	leastSize     = 256 << 20
)

// An Arena is this process's view of the memory that a family of processes shares.
type Arena struct {
	file *os.File
	base address
	size uint64

	slot   uint32 // of this process
	self   uint32 // it as the owner of locks: generation and slot
	keeper keeper

	transacting sync.Mutex // over tx, and in front of the lock over the arena
	tx          Tx
	parking     parking

	mu      sync.Mutex // over what follows, and what of objects says so; taken before transacting
	objects map[uint32]*Object
	left    bool // the process is about to end
	burying int  // whose memory is being given back
	buried  sync.Cond

	dropped dropped
	reaping atomic.Bool // a goroutine is at it
}

// family is what this process has of its family's arena.
var family struct {
	mu    sync.Mutex
	file  *os.File
	arena *Arena
}

// File returns the arena's file, to be given to a child. The first process of a
// family makes it at its first child, or its first shared object.
func File() (*os.File, error) {
	family.mu.Lock()
	defer family.mu.Unlock()
	return file()
}

// Inherit tells a child which file its parent has given it.
func Inherit(f *os.File) {
	family.mu.Lock()
	defer family.mu.Unlock()
	family.file = f
}

// Default returns the arena of this process's family. The first call maps it.
func Default() (*Arena, error) {
	family.mu.Lock()
	defer family.mu.Unlock()
	if family.arena != nil {
		return family.arena, nil
	}
	f, err := file()
	if err != nil {
		return nil, err
	}
	a, err := attach(f)
	if err == nil {
		family.arena = a
	}
	return a, err
}

// Mapped returns the arena if this process has mapped it, else nil.
func Mapped() *Arena {
	family.mu.Lock()
	defer family.mu.Unlock()
	return family.arena
}

func file() (*os.File, error) {
	if family.file != nil {
		return family.file, nil
	}
	f, err := create()
	if err == nil {
		family.file = f
	}
	return f, err
}

// create makes the file: as large as may ever be wanted, and as the limits of the
// process allow.
func create() (*os.File, error) {
	size := uint64(preferredSize)
	if want := 4 * sys.TotalMemory(); want > size {
		size = 1 << bits.Len64(min(want, largestSize)-1)
	}
	for ; size >= leastSize; size /= 2 {
		// The program itself needs addresses, too.
		if size > sys.FileSizeLimit() || !sys.CanMap(int(2*size)) {
			continue
		}
		f, err := sys.SparseFile("mp-arena", int64(size))
		if errors.Is(err, sys.ErrTooLarge) {
			continue
		}
		if err != nil {
			return nil, err
		}
		head := make([]byte, 0, offVersion+4)
		head = binary.NativeEndian.AppendUint64(head, magic)
		head = binary.NativeEndian.AppendUint64(head, size)
		head = binary.NativeEndian.AppendUint32(head, version)
		if _, err := f.WriteAt(head, 0); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	return nil, noArena{fmt.Errorf("no shared memory: %w (it needs %d MiB of addresses; raise ulimit -v and ulimit -f)", sys.ErrTooLarge, leastSize>>20)}
}

// noArena is ErrNoMemory where there is no room for an arena.
type noArena struct{ error }

func (e noArena) Unwrap() error        { return e.error }
func (e noArena) Is(target error) bool { return target == ErrNoMemory }

// attach maps the arena, and takes a slot in it for this process.
func attach(f *os.File) (*Arena, error) {
	head := make([]byte, offVersion+4)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, err
	}
	size := binary.NativeEndian.Uint64(head[offSize:])
	if m, v := binary.NativeEndian.Uint64(head[offMagic:]), binary.NativeEndian.Uint32(head[offVersion:]); m != magic || v != version {
		return nil, fmt.Errorf("%w: its head is not that of an arena of version %d", ErrDamaged, version)
	}
	if info, err := f.Stat(); err != nil || uint64(info.Size()) != size || size < leastSize {
		return nil, fmt.Errorf("%w: its size is not %d", ErrDamaged, size)
	}
	mem, err := sys.MapArena(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("cannot map the shared memory, %d GiB of addresses: %w (is ulimit -v lower than in the parent?)", size>>30, err)
	}
	a := &Arena{file: f, base: baseOf(mem), size: size, objects: make(map[uint32]*Object)}
	a.buried.L = &a.mu
	if err := a.claim(); err != nil {
		_ = sys.Unmap(mem)
		return nil, err
	}
	a.Reap() // those whom nobody has noticed
	return a, nil
}
