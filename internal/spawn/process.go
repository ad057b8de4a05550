package spawn

import (
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/death"
	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/sys"
)

// HandshakeTimeout is how long a child may take to say hello.
const HandshakeTimeout = 10 * time.Second

// UsualRoom is what a pipe holds, in bytes, and more than a failure and a hello.
const UsualRoom = 64 << 10

// maxLastWords bounds what is kept of a crash text.
const maxLastWords = 16 << 10

// A Process is a child as its parent holds it.
type Process struct {
	Name    string
	PID     int
	Reports *ipc.Reader
	Room    int            // of a Target: how many bytes fit into the pipe of Reports
	Tasks   *ipc.Writer    // of a Worker
	Ledger  *ledger.Ledger // of a Worker

	control  *ipc.Writer
	child    *sys.Child
	memory   *os.File
	reserved int // bytes of memory in front of the crash text
	handing  sync.WaitGroup

	mu       sync.Mutex
	told     []byte // frames that wait for the end of the hand-over
	busy     bool   // the setup is being handed over
	sent     uint64 // a bit for each signal that this process has sent it, 1<<0 for 1
	released bool
}

// handOver writes what the control pipe had no room for, as the child reads.
func (p *Process) handOver(rest []byte) {
	if len(rest) == 0 {
		return
	}
	p.busy = true
	p.handing.Go(func() {
		for len(rest) > 0 {
			_, _ = p.control.Write(rest) // a child that dies meanwhile is seen elsewhere
			p.mu.Lock()
			rest, p.told = p.told, nil
			p.busy = len(rest) > 0
			p.mu.Unlock()
		}
	})
}

// WaitHandedOver waits until the child has its whole setup, or has ended.
func (p *Process) WaitHandedOver() { p.handing.Wait() }

// Tell sends a frame to the child, without waiting: a child that does not read
// its control pipe, so that it is full, is not told.
func (p *Process) Tell(frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.released:
	case p.busy:
		p.told = append(p.told, frame...)
	default:
		_, _ = p.control.TryWrite(frame)
	}
}

// Wait waits until the child has ended. Call it once.
func (p *Process) Wait() sys.Exit {
	exit, err := p.child.Wait()
	if a := shm.Mapped(); a != nil {
		a.Reap() // those who wait for what it held need not look for themselves
	}
	if err != nil && !exit.Known {
		exit = sys.Exit{Code: -1}
	}
	return exit
}

// Signal sends the child a signal. One that has ended is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.released {
		return nil
	}
	if err := p.child.Signal(sig); err != nil {
		return err
	}
	p.sent |= bit(sig)
	return nil
}

// Signalled says whether this process has sent the child that signal.
func (p *Process) Signalled(sig syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent&bit(sig) != 0
}

// bit is the place of a signal in a set; none for what is no signal.
func bit(sig syscall.Signal) uint64 {
	if sig < 1 || sig > 64 {
		return 0
	}
	return 1 << (sig - 1)
}

// LastWords returns what the child's runtime wrote when it crashed.
func (p *Process) LastWords() string {
	if p.memory == nil {
		return ""
	}
	text := make([]byte, maxLastWords)
	n, err := p.memory.ReadAt(text, int64(p.reserved))
	if err != nil && err != io.EOF {
		return ""
	}
	return death.Complete(string(text[:n]))
}

// Release closes what the parent holds of the child. The child must have ended,
// or never have come to be.
func (p *Process) Release() {
	defer p.handing.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.released {
		return
	}
	p.released = true
	if p.control != nil {
		p.control.Close()
	}
	if p.Reports != nil {
		p.Reports.Close()
	}
	if p.Tasks != nil {
		p.Tasks.Close()
	}
	if p.memory != nil {
		p.memory.Close()
	}
	if p.child != nil {
		p.child.Release()
	}
}

// Unmap gives the ledger's memory back. Nothing may use it afterwards.
func (p *Process) Unmap() {
	if p.Ledger != nil {
		_ = sys.Unmap(p.Ledger.Memory())
		p.Ledger = nil
	}
}
