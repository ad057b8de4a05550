// Package worker is the child's side of a pool worker: it takes calls from a
// pipe, runs their items one after the other, and sends the results back.
//
// A call is a frame with one or more items for one registered function. Serve
// reads the calls; a Stage is where the items of one call run. The function
// itself is behind the Runner interface, for only generic code knows the types
// (package task has it).
//
// Around each item a Stage keeps the promises of the ledger: an item is claimed
// before it starts, marked as started, and marked as done when its result is
// complete in the outbox. Results leave the outbox when the worker runs out of
// input, when enough of them have gathered, or when the oldest has waited for
// flushAfter. What waits behind a long item is fetched by the parent, which
// sees the ledger.
//
// Lock order: none; Serve and the items run on one goroutine, and the control
// goroutine touches only the current call's context, through an atomic pointer.
package worker
