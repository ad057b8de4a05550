// Package headroom tells how much more memory this process may take before the
// kernel kills something.
//
// A program that maps shared memory and fills it gets no error when memory runs
// out: the mapping has succeeded long ago, and the kernel has nobody to tell. It
// looks for a victim instead, in the whole machine or in the control group whose
// limit was hit, and with memory that several processes share the victim is rarely
// the one that asked. So who grows shared memory asks here first, and can refuse
// with an error that names the bound.
//
// Two kinds of bounds are looked at, and the least counts:
//
//   - The machine: MemAvailable of /proc/meminfo, which is what the kernel expects
//     to find without swapping. Swap is not counted: a program whose shared memory
//     is on disk has not been helped.
//   - The control groups: the limit of this process's group and of every group
//     around it, less what is in use there. File cache counts as free, for the
//     kernel drops it before it kills. Shared memory (memfd, tmpfs) is a kind of
//     file cache to the kernel, but one with no file behind it: it can only go to
//     swap. It is not on the kernel's lists of active and inactive files, which are
//     what is added here, while the line "cache" of version 1 and "file" of version
//     2 would include it.
//
// The answer is a look at a moment. Others take memory too, and the kernel's
// counters lag behind by some pages for each CPU. Leave a margin.
package headroom

import (
	"bytes"
	"math"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/multiproc/mp/internal/cgroup"
	"github.com/multiproc/mp/internal/sys"
)

// Unbounded is what Available returns where no bound is known.
const Unbounded = math.MaxUint64

// machine is what bounds this process.
var machine = probe{root: "/"}

// Available returns how many more bytes of memory can be used, and what the bound
// is: "MemAvailable", or the path of the control group's file with the limit. A
// file that is missing or makes no sense is no bound; if there is none at all, as
// on other systems than Linux, it returns Unbounded and "".
//
// It reads a handful of small files, 10 to 40 µs in all, and may be called from any
// goroutine.
func Available() (bytes uint64, why string) { return machine.available() }

// probe reads the bounds below the directory root.
type probe struct {
	root string

	mu         sync.Mutex // protects the rest
	membership []byte     // the groups that limits belongs to; nil: not looked for yet
	limits     []limit
	buf        [16 << 10]byte // for one file at a time; the largest, memory.stat, has 3 KiB
}

func (p *probe) available() (least uint64, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	least = Unbounded
	meminfo := p.read(filepath.Join(p.root, "proc/meminfo"))
	if kb, ok := field(meminfo, "MemAvailable:"); ok && kb <= Unbounded>>10 {
		least, why = kb<<10, "MemAvailable"
	}
	p.refresh()
	for i := range p.limits {
		if room, ok := p.room(&p.limits[i], least); ok && room < least {
			least, why = room, p.limits[i].file
		}
	}
	return least, why
}

// refresh finds the control groups anew if the process is in others than before.
// To read the table of mounts each time would cost as much as all the rest; it is
// taken for granted that the hierarchies stay where they are.
func (p *probe) refresh() {
	now := p.read(cgroup.Membership(p.root))
	if p.membership != nil && bytes.Equal(now, p.membership) {
		return
	}
	p.membership = append([]byte{}, now...)
	p.limits = p.limits[:0]
	for _, level := range cgroup.LevelsOf(p.root, string(now), "memory") {
		p.limits = append(p.limits, limitsOf(level)...)
	}
}

// read returns what is in the file, until the next call; nil if it is not there.
func (p *probe) read(file string) []byte {
	text, err := sys.ReadSmall(file, p.buf[:])
	if err != nil {
		return nil
	}
	return text
}

// field returns the number behind the word name, which begins a line of text.
func field(text []byte, name string) (value uint64, ok bool) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if rest, found := bytes.CutPrefix(line, []byte(name)); found && len(rest) > 0 && rest[0] == ' ' {
			rest = bytes.TrimLeft(rest, " ")
			if blank := bytes.IndexByte(rest, ' '); blank >= 0 {
				rest = rest[:blank] // the unit
			}
			return number(rest)
		}
	}
	return 0, false
}

// number reads the one number of a file. What is no number, such as the word max,
// is no bound.
func number(text []byte) (value uint64, ok bool) {
	value, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	return value, err == nil
}
