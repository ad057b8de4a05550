package mp

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// A Once does something once in the whole family of processes. Make it with NewOnce,
// after Init, and pass it as, or in, the argument of a task.
type Once struct{ h shm.Handle }

// NewOnce makes a Once of which nothing has been done. It returns ErrNotInitialized
// before Init, and ErrNoMemory if there is no memory for it.
func NewOnce() (*Once, error) {
	o := new(Once)
	return made(o, create(o, "NewOnce", shm.Spec{}))
}

func (o *Once) shape() (shm.Kind, uint32) { return robust.KindOnce, 0 }
func (o *Once) bind(obj *shm.Object) error {
	shm.Bind(o, &o.h, obj)
	return nil
}

func (o *Once) handle() *shm.Handle {
	if o == nil {
		return nil
	}
	return &o.h
}

// Do calls f, unless that has been done, and returns nil when it has been. While f
// runs, others that call Do wait, in whatever process; f must not call it itself. If
// f returns an error, which is that of its caller then, or panics, or its process
// dies in it, it has not been done, and the next one calls its own f.
//
// If ctx ends while another one is at it, the error is that of ctx, and matches
// ErrTimeout if it was its deadline; it is ErrClosed if the handle is closed, also
// meanwhile.
func (o *Once) Do(ctx context.Context, f func() error) error {
	already := ctx.Err()
	failed, err := robust.DoOnce(ctx, o.handle(), f)
	if failed {
		return err
	}
	return waitOutcome("Once.Do", already, err)
}

// Done says whether it has been done. Of a closed handle it is false.
func (o *Once) Done() bool { return robust.OnceDone(o.handle()) }

// Close gives up this handle. It returns ErrInUse if it is the process's last, and
// Do is calling something in this process: wait until that has returned. Closing again
// does nothing.
func (o *Once) Close() error {
	err := o.handle().Close()
	if errors.Is(err, ErrInUse) {
		err = fmt.Errorf("%w: Do has called a function that has not returned", ErrInUse)
	}
	return misuse("Once.Close", err)
}

// String says whether it has been done.
func (o *Once) String() string {
	switch err := o.handle().Check(); {
	case err != nil:
		return "mp.Once(" + err.Error() + ")"
	case o.Done():
		return "mp.Once(done)"
	default:
		return "mp.Once(not done)"
	}
}
