package mp

import (
	"context"

	"github.com/multiproc/mp/internal/task"
)

// A Task is a function that can run in another process. Declare tasks as
// package-level variables, with Func, Pure, Action and their kin: they have to
// be the same in every process of the program. Declaring one after Init panics. One
// whose function is nil is an error that Init reports.
type Task[In, Out any] struct {
	def *task.Def
}

// Func declares a task. Its context ends when the call is cancelled, when the
// time limit of the call has passed, and when the parent is gone.
func Func[In, Out any](fn func(context.Context, In) (Out, error)) *Task[In, Out] {
	return &Task[In, Out]{task.New[In, Out](fn, fn)}
}

// Pure declares a task that needs no context and cannot fail.
func Pure[In, Out any](fn func(In) Out) *Task[In, Out] {
	return &Task[In, Out]{task.New[In, Out](fn, func(_ context.Context, in In) (Out, error) {
		return fn(in), nil
	})}
}

// None is the argument or the result of a task that has none.
type None struct{}

// Action declares a task without a result.
func Action[In any](fn func(context.Context, In) error) *Task[In, None] {
	return &Task[In, None]{task.New[In, None](fn, func(ctx context.Context, in In) (None, error) {
		return None{}, fn(ctx, in)
	})}
}

// Action0 declares a task with neither argument nor result. Its call is
// t.With(mp.None{}).
func Action0(fn func(context.Context) error) *Task[None, None] {
	return &Task[None, None]{task.New[None, None](fn, func(ctx context.Context, _ None) (None, error) {
		return None{}, fn(ctx)
	})}
}

// Runner declares a task that calls the method Run of its argument: what a
// subclass of Process that overrides run is in Python. The fields of R are what
// the process gets to know.
func Runner[R interface{ Run(context.Context) error }]() *Task[R, None] {
	return &Task[R, None]{task.New[R, None](R.Run, func(ctx context.Context, r R) (None, error) {
		return None{}, r.Run(ctx)
	})}
}

// Named gives the task a name that stays the same from build to build, and
// returns the task. By default its name is that of the function, with the types.
// Two tasks of one name are an error that Init reports. It panics after Init, and
// if t is nil or zero.
func (t *Task[In, Out]) Named(name string) *Task[In, Out] {
	if t.definition() == nil {
		panic("mp: Named(" + name + ") of a nil or zero Task: declare it with Func, Pure, Action, Action0 or Runner")
	}
	t.def.SetName(name)
	return t
}

// Name returns the task's name; that of a nil or zero Task is empty.
func (t *Task[In, Out]) Name() string {
	if t.definition() == nil {
		return ""
	}
	return t.def.Name()
}

// With binds the task to an argument. The argument is encoded when the call is
// started, not before. The call of a nil or zero Task is a zero Call.
func (t *Task[In, Out]) With(in In) Call[Out] {
	if t.definition() == nil {
		return Call[Out]{}
	}
	return Call[Out]{&task.Bound{Def: t.def, In: in}}
}

// definition is for the bridge to package pool.
func (t *Task[In, Out]) definition() *task.Def {
	if t == nil {
		return nil
	}
	return t.def
}

// A Call is a task with its argument, ready to run. Its zero value is refused
// by whatever would run it.
type Call[Out any] struct {
	bound *task.Bound
}

func (c Call[Out]) call() *task.Bound { return c.bound }

// AnyCall is every Call, whatever its result.
type AnyCall interface {
	call() *task.Bound
}
