package mp

import (
	"fmt"
	"sync/atomic"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// A Counter is an int64 that all processes change by single instructions: a death
// leaves nothing half done. Make it with NewCounter, after Init, and pass it as, or
// in, the argument of a task. Methods that read or change it panic if the handle is
// closed, or is none.
type Counter struct {
	h shm.Handle
	n *int64
}

// NewCounter makes a counter that begins with initial. It returns ErrNotInitialized
// before Init, and ErrNoMemory if there is no memory for it.
func NewCounter(initial int64) (*Counter, error) {
	c := new(Counter)
	return made(c, create(c, "NewCounter", shm.Spec{Init: func(t *shm.Tx, at uint64) {
		t.Store64(at+shm.CellBody, uint64(initial))
	}}))
}

func (c *Counter) shape() (shm.Kind, uint32) { return robust.KindCounter, 0 }
func (c *Counter) bind(o *shm.Object) error {
	c.n = place[int64](o)
	shm.Bind(c, &c.h, o)
	return nil
}

func (c *Counter) handle() *shm.Handle {
	if c == nil {
		return nil
	}
	return &c.h
}

// Add adds delta, and returns the sum.
func (c *Counter) Add(delta int64) int64 {
	defer enter("Counter.Add", c.handle()).Exit()
	return atomic.AddInt64(c.n, delta)
}

// Load returns the number.
func (c *Counter) Load() int64 {
	defer enter("Counter.Load", c.handle()).Exit()
	return atomic.LoadInt64(c.n)
}

// Store sets the number.
func (c *Counter) Store(n int64) {
	defer enter("Counter.Store", c.handle()).Exit()
	atomic.StoreInt64(c.n, n)
}

// CompareAndSwap sets the number to n if it is old, and says whether it has.
func (c *Counter) CompareAndSwap(old, n int64) bool {
	defer enter("Counter.CompareAndSwap", c.handle()).Exit()
	return atomic.CompareAndSwapInt64(c.n, old, n)
}

// Close gives up this handle. Closing again does nothing.
func (c *Counter) Close() error { return misuse("Counter.Close", c.handle().Close()) }

// String shows the number.
func (c *Counter) String() string {
	h := c.handle()
	if err := h.Enter(); err != nil {
		return "mp.Counter(" + err.Error() + ")"
	}
	defer h.Exit()
	return fmt.Sprintf("mp.Counter(%d)", atomic.LoadInt64(c.n))
}
