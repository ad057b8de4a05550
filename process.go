package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/travel"
)

// A Process runs one call in a child process. Make it with NewProcess, set the fields,
// and start it. All methods can be used from any goroutine.
//
// They can be called on a nil or zero Process as well, which was never started: those
// that do something return an error that matches ErrNotStarted, but Close, which does
// nothing; PID is 0, Alive and exited of ExitCode are false, and Done is nil.
type Process struct {
	// Name is for people: it is in errors, and the child knows itself by it.
	// Empty means Process-N, or Process-N:M for a child of a child.
	Name string
	// Daemon says that the child is not to outlive this process: it is killed
	// when this process is gone, even by SIGKILL, and ended first by Main and
	// Exit. NewProcess sets it to what it is for the creating process. Otherwise
	// Main waits for the child, and a child whose parent was killed goes on, with
	// its context ended.
	Daemon bool
	// Env is the child's environment. Nil means the present one.
	Env []string
	// Dir is the child's working directory. Empty means the present one.
	Dir string
	// Stdin is the child's standard input. Nil means /dev/null.
	Stdin *os.File
	// Stdout and Stderr are the child's output. Nil means that of this process,
	// inherited as it is.
	Stdout, Stderr *os.File
	// ExtraFiles are open in the child from descriptor 3 on. A nil one is an error of
	// Start.
	ExtraFiles []*os.File
	// SysProcAttr is for what only the system knows. It is copied; PidFD, and Pdeathsig
	// of a daemon, are set by Start. Nil means nothing special.
	SysProcAttr *syscall.SysProcAttr

	*shared
}

// shared is the state of a process.
type shared struct {
	bound *task.Bound
	// luggage holds what the argument refers to until the process has decoded it: its
	// parent may have closed its own handles before. nil: it refers to nothing.
	luggage *travel.Transit
	result  bool            // the call's result is wanted
	transit *travel.Transit // of the result; nil if it cannot refer to anything

	mu       sync.Mutex
	state    state
	pid      int
	proc     *spawn.Process
	done     chan struct{} // closed at the end
	err      error         // how it ended
	code     int
	exited   bool          // code is known
	freed    chan struct{} // closed when the parent has given up what it held
	output   []byte        // the result, encoded
	foreign  bool          // not a child of this process
	stopping bool          // Stop has been called
}

type state int

const (
	initial state = iota
	started
	stopped
	closed
)

// NewProcess returns a process that will run the call. Nothing happens before
// Start.
func NewProcess(call AnyCall) *Process {
	p := &Process{Daemon: Self().Daemon, shared: &shared{done: make(chan struct{}), freed: make(chan struct{})}}
	if call != nil {
		p.bound = call.call()
	}
	return p
}

// Start starts the process, once. The argument is encoded, the program executed and the
// work handed over when it returns, so that a child that is no daemon does it even if
// this process ends at once; if such a child's argument is larger than 64 KiB, Start
// waits until the child takes it. Only handles in the argument are gone with their last
// holder: who passes those stays until the child has them. What goes wrong in the child
// afterwards is an error of Join. Its errors are ErrNotInitialized before Init,
// ErrStarted, ErrClosed, an argument that cannot be sent, with the path of the field,
// and what the system says. A process that could not be started can be started again.
func (p *Process) Start() error {
	proc, err := p.start("mp: Process.Start")
	if err != nil {
		return err
	}
	if !p.Daemon { // a daemon would not outlive this process anyway
		proc.WaitHandedOver()
	}
	return nil
}

func (p *Process) start(caller string) (*spawn.Process, error) {
	if p == nil || p.shared == nil {
		return nil, errNoProcess
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.state == closed:
		return nil, fmt.Errorf("mp: %s %w", p.label(), ErrClosed)
	case p.state != initial || p.foreign:
		return nil, fmt.Errorf("mp: %s %w", p.label(), ErrStarted)
	case p.bound == nil:
		return nil, errors.New("mp: a process needs a call: mp.NewProcess(task.With(argument))")
	}
	if err := ready(caller); err != nil {
		return nil, err
	}
	arg, objects, err := p.bound.AppendArg(nil)
	if err != nil {
		return nil, err
	}
	luggage, err := objects.Consign()
	if err != nil {
		return nil, misuse("Process.Start", err)
	}
	c := &spawn.Command{
		Env: p.Env, Dir: p.Dir,
		Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr,
		Extra: p.ExtraFiles, Attr: p.SysProcAttr,
		Setup: spawn.Setup{
			Role:    spawn.Target,
			Name:    p.Name,
			Daemon:  p.Daemon,
			Tasks:   task.Sum(),
			Func:    p.bound.Def.Index(),
			Arg:     arg,
			Luggage: luggage.Reference(),
			Result:  p.result,
			Transit: p.transit.Reference(),
		},
	}
	identify(&c.Setup)
	proc, err := spawn.Start(c)
	if err != nil {
		luggage.Close()
		return nil, err
	}
	p.luggage = luggage
	p.Name = c.Setup.Name
	p.proc, p.pid, p.state, p.bound = proc, proc.PID, started, nil
	active.mu.Lock()
	if active.set == nil {
		active.set = make(map[*Process]struct{})
	}
	active.set[p] = struct{}{}
	active.mu.Unlock()
	go p.watch(proc)
	return proc, nil
}

// Join waits until the process has ended, or ctx. It returns nil if the process
// exited with code 0, an *ExitError if it ended in any other way, and ctx.Err()
// if it still runs when ctx ends; with a ctx that has ended already that is at once
// the error, also if the process has ended: Done and ExitCode tell. It can be called any
// number of times, by many at once. Its other errors are ErrNotStarted and ErrClosed,
// and that a process cannot join itself.
func (p *Process) Join(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p == nil || p.shared == nil {
		return errNoProcess
	}
	p.mu.Lock()
	state, label := p.state, p.label()
	p.mu.Unlock()
	switch state {
	case initial:
		return fmt.Errorf("mp: join: %s %w", label, ErrNotStarted)
	case closed:
		return fmt.Errorf("mp: join: %s %w", label, ErrClosed)
	}
	if p == Self() {
		return errors.New("mp: a process cannot join itself")
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PID returns the process's number; 0 before Start.
func (p *Process) PID() int {
	if p == nil || p.shared == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// Alive says whether the process has been started and has not ended.
func (p *Process) Alive() bool { return p.current() == started }

// Done is closed when the process has ended; Python calls it sentinel. For a nil
// Process it is nil, and never closed.
func (p *Process) Done() <-chan struct{} {
	if p == nil || p.shared == nil {
		return nil
	}
	return p.done
}

// ExitCode returns how the process ended: 0, n for os.Exit(n), 1 if the target
// returned an error or panicked, 2 if another goroutine did or the runtime crashed, -N
// for signal N, and -1 also if nobody knows. exited is false while it has not.
func (p *Process) ExitCode() (code int, exited bool) {
	if p == nil || p.shared == nil {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code, p.exited
}

// Close gives back what this process holds of an ended or never started one. It
// returns ErrRunning, and does nothing, while the process runs. Afterwards, Join
// and Start return ErrClosed.
func (p *Process) Close() error {
	if p == nil || p.shared == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == started {
		return fmt.Errorf("mp: close: %s %w; Stop, Kill or Join it first", p.label(), ErrRunning)
	}
	if p.state == stopped && p.proc != nil {
		<-p.freed // the end was published a moment before
	}
	p.state, p.output = closed, nil
	return nil
}

// String returns the name, the pid and the state.
func (p *Process) String() string {
	if p == nil || p.shared == nil {
		return "Process(nil)"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	names := [...]string{initial: "initial", started: "started", stopped: "stopped", closed: "closed"}
	text := fmt.Sprintf("Process(%s, pid %d, %s", p.label(), p.pid, names[p.state])
	if p.state == stopped {
		text += fmt.Sprintf(", exit code %d", p.code)
	}
	return text + ")"
}

// errNoProcess is what a nil or zero Process returns. It matches ErrNotStarted.
var errNoProcess error = noProcess{}

type noProcess struct{}

func (noProcess) Error() string        { return "mp: not a process; make one with mp.NewProcess" }
func (noProcess) Is(target error) bool { return target == ErrNotStarted }

// label is the name, also of a process that has none yet. The caller holds mu: Start
// names the process.
func (p *Process) label() string {
	if p.Name == "" {
		return "process"
	}
	return "process " + p.Name
}

func (p *Process) current() state {
	if p == nil || p.shared == nil {
		return initial
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}
