package task

import (
	"errors"
	"fmt"
	"sync"
)

// table holds the registered functions in the order of their registration.
var table struct {
	mu     sync.Mutex
	frozen bool
	defs   []*Def
}

// ErrNotRegistered says that a task is not in this process's table.
var ErrNotRegistered = errors.New("mp: task is not registered in this process")

func register(d *Def) {
	table.mu.Lock()
	defer table.mu.Unlock()
	if table.frozen {
		panic(lateRegistration(d.Symbol()))
	}
	d.index = len(table.defs)
	table.defs = append(table.defs, d)
}

func lateRegistration(what string) string {
	return "mp: " + what + " is registered after mp.Init: the children have no such task. " +
		"Declare tasks as package-level variables: var work = mp.Func(work)"
}

// refuseLateError panics if registration has ended.
func refuseLateError(what string) {
	table.mu.Lock()
	defer table.mu.Unlock()
	if table.frozen {
		panic(lateError(what))
	}
}

func lateError(what string) string {
	return "mp: " + what + " is registered after mp.Init: the children have no such error. " +
		"Register errors while packages are initialised: func init() { mp.RegisterError(name, err) }"
}

// all returns the table. Entries are only ever added.
func all() []*Def {
	table.mu.Lock()
	defer table.mu.Unlock()
	return table.defs
}

// Close ends registration without checking anything: a child trusts its
// parent, which has checked the same table.
func Close() {
	table.mu.Lock()
	defer table.mu.Unlock()
	table.frozen = true
}

// Freeze ends registration and reports every fault in the table: functions that
// are nil, names that were given twice, and types that cannot travel.
func Freeze() error {
	Close()
	var faults []error
	names := make(map[string]*Def)
	for _, d := range all() {
		if d.named != "" {
			if first := names[d.named]; first != nil {
				faults = append(faults, fmt.Errorf("the name %q is given to both %s (%s) and %s (%s)", d.named, first.Symbol(), first.Place(), d.Symbol(), d.Place()))
			}
			names[d.named] = d
		}
		if d.fn == 0 {
			faults = append(faults, fmt.Errorf("task %s (%s): its function is nil", d.Name(), d.Place()))
		}
		if _, _, err := d.Codecs(); err != nil {
			faults = append(faults, fmt.Errorf("task %s (%s): %w", d.Name(), d.Place(), err))
		}
	}
	return errors.Join(faults...)
}

// ResultsCarry reports whether results of any task can have handles on shared
// objects in them.
var ResultsCarry = sync.OnceValue(func() bool {
	for _, d := range all() {
		if _, out, err := d.Codecs(); err == nil && out.Carries() {
			return true
		}
	}
	return false
})

// Lookup returns the task at an index.
func Lookup(index int) (*Def, error) {
	defs := all()
	if index < 0 || index >= len(defs) {
		return nil, fmt.Errorf("%w: number %d of %d", ErrNotRegistered, index, len(defs))
	}
	return defs[index], nil
}

// Sum is a checksum over the table. The parent sends it; a
// child whose table differs (it registers tasks under a condition that does not
// hold in it) refuses to start.
func Sum() uint64 {
	h := checksum(offset)
	for _, d := range all() {
		h.number(uint64(d.fn - base()))
		h.text(d.named)
		h.text(d.In.String())
		h.text(d.Out.String())
	}
	return uint64(h)
}

// checksum is FNV-1a, written out because every start of a child pays for it.
type checksum uint64

const (
	offset = 14695981039346656037
	prime  = 1099511628211
)

func (h *checksum) number(n uint64) {
	for range 8 {
		*h = (*h ^ checksum(n&0xff)) * prime
		n >>= 8
	}
}

func (h *checksum) text(s string) {
	for i := range len(s) {
		*h = (*h ^ checksum(s[i])) * prime
	}
	h.number(uint64(len(s)))
}
