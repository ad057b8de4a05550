package mp

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
)

const (
	// drainFor bounds how long the parent reads on after a child has ended. All
	// that the child has written is in the pipe by then; only a foreign process
	// that has got hold of the pipe could keep its end from showing.
	drainFor = time.Second
	// peekFor is how long it looks for a hello that should have come long ago.
	peekFor = 20 * time.Millisecond
)

// reports is what a child has told about itself.
type reports struct {
	hello   bool
	refused string
	result  []byte
	failure *task.Failure
	timeout bool // no hello in time
}

// A listener reads what a child tells.
type listener struct {
	proc     *spawn.Process
	followed chan struct{} // closed when follow has read all; nil: it was not called
	ended    atomic.Bool   // the child has ended

	mu   sync.Mutex // held by whoever reads
	told reports
}

// follow reads on a goroutine of its own, from now on.
func (l *listener) follow() {
	l.followed = make(chan struct{})
	go func() {
		defer close(l.followed)
		l.mu.Lock()
		defer l.mu.Unlock()
		for last := false; errors.Is(l.read(), os.ErrDeadlineExceeded) && !last; {
			if last = l.ended.Load(); last { // this process may have been stopped: look once more
				_ = l.proc.Reports.SetDeadline(time.Now().Add(drainFor))
				continue
			}
			_ = l.proc.Reports.SetDeadline(time.Time{})
			l.judge()
		}
	}()
}

// demandHello kills a child that has not said hello.
func (l *listener) demandHello() {
	_ = l.proc.Reports.SetDeadline(time.Now().Add(peekFor))
	if l.followed != nil {
		return // follow wakes up, and judges
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.read()
	l.judge()
}

// judge kills a child that should have said hello. The caller holds mu.
func (l *listener) judge() {
	if !l.told.hello && !l.ended.Load() {
		l.told.timeout = true
		_ = l.proc.Signal(syscall.SIGKILL)
	}
}

// rest reads what is left when the child has ended.
func (l *listener) rest() reports {
	l.ended.Store(true)
	_ = l.proc.Reports.SetDeadline(time.Now().Add(drainFor))
	if l.followed != nil {
		<-l.followed
		return l.told
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.proc.Reports.SetDeadline(time.Now().Add(drainFor)) // demandHello may have set another
	_ = l.read()
	return l.told
}

// read takes frames until there are no more. The caller holds mu.
func (l *listener) read() error {
	for {
		f, err := l.proc.Reports.Next()
		if err != nil {
			return err
		}
		switch f.Kind {
		case ipc.KindHello:
			l.told.hello = true
		case ipc.KindRefuse:
			l.told.refused = string(f.Body)
		case ipc.KindResult:
			l.told.result = append([]byte{}, f.Body...)
		case ipc.KindReport:
			if failure, err := task.Decode(f.Body); err == nil {
				l.told.failure = failure
			}
		}
	}
}
