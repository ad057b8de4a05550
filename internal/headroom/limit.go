package headroom

import (
	"path/filepath"

	"github.com/multiproc/mp/internal/cgroup"
)

// limit is a limit of one control group and what is held against it.
type limit struct {
	file             string // has the limit
	usage            string // has what is in use, file cache included
	stat             string // says how much of that is file cache
	inactive, active string // the words for it: of this group and those in it
}

// limitsOf returns the limits that a group can have.
//
// Version 2: nothing gets past memory.max; past memory.high the group is slowed
// down until it hardly moves, which is no better for who waits for it. Version 1:
// memory, and memory with swap, which binds when part of the group is swapped out.
func limitsOf(level cgroup.Level) []limit {
	in := func(name string) string { return filepath.Join(level.Dir, name) }
	l := limit{stat: in("memory.stat")}
	if level.V2 {
		l.usage, l.inactive, l.active = in("memory.current"), "inactive_file", "active_file"
		highest, high := l, l
		highest.file, high.file = in("memory.max"), in("memory.high")
		return []limit{highest, high}
	}
	l.inactive, l.active = "total_inactive_file", "total_active_file"
	memory, withSwap := l, l
	memory.file, memory.usage = in("memory.limit_in_bytes"), in("memory.usage_in_bytes")
	withSwap.file, withSwap.usage = in("memory.memsw.limit_in_bytes"), in("memory.memsw.usage_in_bytes")
	return []limit{memory, withSwap}
}

// none is where a limit of version 1 means that there is none: the kernel keeps
// it in pages, so that it is not quite the largest number.
const none = 1 << 62

// room returns how much of the limit is left. It does not read on when it knows
// enough: most groups have no limit at all, and if there is more than least left
// with the file cache counted as used, it does not matter how much more. So ok
// is false also for a limit that does not bind.
func (p *probe) room(l *limit, least uint64) (left uint64, ok bool) {
	bound, ok := number(p.read(l.file))
	if !ok || bound >= none {
		return 0, false
	}
	used, ok := number(p.read(l.usage))
	if !ok {
		return 0, false
	}
	if used <= bound && bound-used >= least {
		return 0, false
	}
	stat := p.read(l.stat)
	inactive, _ := field(stat, l.inactive)
	active, _ := field(stat, l.active)
	// The counters are read one after the other: they need not add up.
	used -= min(used, inactive)
	used -= min(used, active)
	return bound - min(bound, used), true
}
