package robust

import (
	"context"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// A once is a lock, and a word that says that what it is for has been done.

// OnceDone says whether it has been done.
func OnceDone(h *shm.Handle) bool {
	if h.Enter() != nil {
		return false
	}
	defer h.Exit()
	done := atomic.LoadUint32(h.Object().Word(shm.CellBody)) != 0
	h.Object().Acquired()
	return done
}

// DoOnce calls f with the lock, unless it has been done, and notes that it has if it
// returns nil. failed says that the error is that of f.
func DoOnce(ctx context.Context, h *shm.Handle, f func() error) (failed bool, err error) {
	if err := h.Enter(); err != nil {
		return false, err
	}
	defer h.Exit()
	if err := ctx.Err(); err != nil || OnceDone(h) {
		return false, err
	}
	if _, err := Acquire(ctx, h); err != nil {
		return false, err
	}
	defer func() {
		h.Object().Released()
		h.Object().LockWord().ReleaseOwn()
	}()
	done := h.Object().Word(shm.CellBody)
	if atomic.LoadUint32(done) != 0 {
		return false, nil
	}
	if err := f(); err != nil {
		return true, err
	}
	atomic.StoreUint32(done, 1)
	return false, nil
}
