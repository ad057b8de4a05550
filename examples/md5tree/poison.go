package main

import "slices"

// A poison is an item that no goroutine survives. The serial pass would never
// end, and that with goroutines would take the program with it, so only the pool
// gets to swallow it.
type poison int

const (
	neverEnds poison = iota + 1
	segfault
)

// String names the poison in the report.
func (p poison) String() string {
	switch p {
	case neverEnds:
		return "(poison: a step that never ends)"
	case segfault:
		return "(poison: a step that raises SIGSEGV)"
	}
	return "(no poison)"
}

// swallow does what the poison does. It does not return.
func (p poison) swallow() {
	defer func() { _ = recover() }() // does not help
	switch p {
	case neverEnds:
		for n := uint64(1); n > 0; n++ { // for some centuries, without a look at any context
		}
	case segfault:
		crash()
	}
}

// withPoison adds the poisons to the items: the endless one early, so that its
// time limit runs while there is other work, the other in the middle.
func withPoison(items []item) []item {
	of := func(p poison) item { return item{Path: p.String(), Poison: p} }
	items = slices.Insert(items, len(items)/2, of(segfault))
	return slices.Insert(items, len(items)/8, of(neverEnds))
}
