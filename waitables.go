package mp

import (
	"errors"
	"fmt"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// What Wait waits for, kind by kind. What is in shared memory is held, by Enter and
// Exit of its handle, as long as it is watched.

// queueWatch is a watch of a queue, or of a pipe.
type queueWatch struct {
	h         *shm.Handle
	q         *fifo.Queue
	listening bool
}

func watchQueue(h *shm.Handle, q *fifo.Queue) (watch, error) {
	if err := h.Enter(); err != nil {
		return nil, err
	}
	return &queueWatch{h: h, q: q}, nil
}

func (w *queueWatch) inArena() *shm.Arena { return w.h.Object().Arena() }

func (w *queueWatch) ready() (bool, error) {
	if w.h.Closed() {
		return false, ErrClosed
	}
	return w.q.Ready(), nil
}

func (w *queueWatch) listen() shm.Word {
	w.listening = true
	return w.q.Listen()
}

func (w *queueWatch) end() {
	if w.listening {
		w.q.PassOn()
	}
	w.h.Exit()
}

func (q *Queue[T]) watched() (watch, error) {
	if err := q.handle().Check(); err != nil {
		return nil, err
	}
	return watchQueue(&q.h, q.q)
}

func (q *JoinableQueue[T]) watched() (watch, error) { return q.inner().watched() }
func (q *SimpleQueue[T]) watched() (watch, error)   { return q.inner().watched() }

// eventWatch is a watch of an event.
type eventWatch struct {
	h *shm.Handle
	robust.EventWatch
}

func (w eventWatch) inArena() *shm.Arena { return w.h.Object().Arena() }
func (w eventWatch) listen() shm.Word    { return w.Listen() }
func (w eventWatch) end()                { w.h.Exit() }

func (w eventWatch) ready() (bool, error) {
	if w.h.Closed() {
		return false, ErrClosed
	}
	return w.Set(), nil
}

func (e *Event) watched() (watch, error) {
	h := e.handle()
	if err := h.Enter(); err != nil {
		return nil, err
	}
	return eventWatch{h, robust.WatchEvent(h)}, nil
}

// channelWatch is a watch of what a channel tells.
type channelWatch func() <-chan struct{}

func (w channelWatch) listen() <-chan struct{} { return w() }
func (w channelWatch) end()                    {}

func (w channelWatch) ready() (bool, error) {
	select {
	case <-w():
		return true, nil
	default:
		return false, nil
	}
}

var errSelf = errors.New("a process cannot wait for its own end")

func (p *Process) watched() (watch, error) {
	switch {
	case p == nil || p.shared == nil:
		return nil, fmt.Errorf("the process %w: it was not made by mp.NewProcess", ErrNotStarted)
	case p == Self():
		return nil, errSelf
	}
	switch p.current() {
	case initial:
		return nil, fmt.Errorf("%s %w", p.label(), ErrNotStarted)
	case closed:
		return nil, fmt.Errorf("%s %w", p.label(), ErrClosed)
	}
	return channelWatch(p.Done), nil
}

func (l *Listener) watched() (watch, error) {
	if l == nil || l.listening == nil {
		return nil, errNoListener
	}
	return channelWatch(l.bell.rung), nil
}

// socketWatch is a watch of a connection over a socket.
type socketWatch struct {
	fileWatch
	c *Conn
}

func (w socketWatch) ready() (bool, error) { return w.c.look(w.rc) }

func (c *Conn) watched() (watch, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if m := c.memory(); m != nil {
		if m.in == nil {
			return nil, errSends
		}
		return watchQueue(&m.taker, m.in)
	}
	rc, err := c.socket.SyscallConn()
	if err != nil {
		return nil, closedFile{err}
	}
	return socketWatch{fileWatch{rc}, c}, nil
}
