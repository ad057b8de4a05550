package pool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/travel"
)

// startWorker starts a worker, and returns when it is ready for work.
func (p *Pool) startWorker() error {
	select {
	case p.starting <- struct{}{}:
		defer func() { <-p.starting }()
	case <-p.closed:
		return ErrShutdown
	}
	if p.startFailed.Load() {
		return errNotTried
	}
	w, err := p.newWorker()
	if err != nil {
		return err
	}
	open := openProcess
	if p.opts.Local {
		open = openLocal
	}
	p.mu.Lock()
	if p.state == closing {
		p.mu.Unlock()
		w.transit.Close()
		return ErrShutdown
	}
	p.alive.Add(1)
	p.mu.Unlock()
	if err := open(w); err != nil {
		w.transit.Close()
		p.alive.Done()
		return err
	}
	w.results.Poll = func() bool { return w.due.Load() > 0 && p.busy.Load() < p.cpus }
	if err := w.handshake(); err != nil {
		w.host.kill()
		died := w.host.bury()
		w.host.release()
		w.transit.Close()
		p.alive.Done()
		if died.LastWords != "" {
			err = fmt.Errorf("%w: %s", err, died.LastWords)
		}
		return fmt.Errorf("worker %s (pid %d) did not start: %w", w.host.name(), w.host.pid(), err)
	}
	p.mu.Lock()
	w.ready, w.readyAt = true, time.Now()
	p.workers = append(p.workers, w)
	p.idle = append(p.idle, w)
	p.full = false
	if p.state == closing {
		p.dismiss(w, true)
	}
	p.mu.Unlock()
	go w.read()
	p.feed()
	return nil
}

// newWorker makes the pool's side of a worker.
func (p *Pool) newWorker() (w *worker, err error) {
	w = &worker{pool: p, awaited: make(chan struct{}, 1)}
	if task.ResultsCarry() {
		w.transit, err = travel.NewTransit()
	}
	return w, err
}

// errNotTried is why New has not started a worker: another could not be.
var errNotTried = errors.New("not started, for another could not be")

// handshake waits for the worker's hello.
func (w *worker) handshake() error {
	_ = w.results.SetDeadline(time.Now().Add(spawn.HandshakeTimeout))
	f, err := w.results.Next()
	_ = w.results.SetDeadline(time.Time{})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no sign of life within %v: mp.Init has to be the first statement of main (and of TestMain), also in a child", spawn.HandshakeTimeout)
	case err != nil:
		return fmt.Errorf("it ended before it reached mp.Init, which has to be the first statement of main (and of TestMain), also in a child: %w", err)
	case f.Kind == ipc.KindRefuse:
		return errors.New(string(f.Body))
	case f.Kind != ipc.KindHello:
		return fmt.Errorf("frame of kind %d instead of hello: %w", f.Kind, ipc.ErrProtocol)
	}
	return nil
}

const (
	// maxAttempts is how often a replacement is tried, at least, before a pool
	// that has no worker left gives up.
	maxAttempts = 5
	// shortage is how long it is tried, at least, if it is the system that has no
	// room for another process: that may pass.
	shortage = 10 * time.Second
	// maxPause bounds the time between two attempts.
	maxPause = time.Second
)

// replace starts a worker in place of one that has died. As long as the pool has
// others, it tries for ever. stillborn says that the dead one had been started and
// ended by itself before it ran anything, which counts as a failed start.
func (p *Pool) replace(stillborn bool, died error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == closing || p.broken != nil {
		return
	}
	if !stillborn {
		p.stillborn = 0
	} else {
		p.stillborn++
	}
	attempt := p.stillborn
	p.alive.Go(func() { p.replaceFrom(attempt, died) })
}

// replaceFrom tries until there is a worker, or no hope. attempt counts those that
// have failed, with err.
func (p *Pool) replaceFrom(attempt int, err error) {
	began, pause := time.Now(), time.Millisecond
	for range attempt {
		pause = min(4*pause, maxPause)
	}
	for ; ; attempt, pause = attempt+1, min(4*pause, maxPause) {
		if attempt > 0 && !p.mayTryAgain(attempt, began, err) {
			return
		}
		if attempt > 0 {
			select {
			case <-p.closed:
				return
			case <-time.After(pause):
			}
		}
		if err = p.startWorker(); err == nil {
			p.log(slog.LevelInfo, "pool worker was replaced")
			return
		}
		if errors.Is(err, ErrShutdown) {
			return
		}
		p.log(slog.LevelError, "pool worker cannot be started", "error", err.Error())
	}
}

// mayTryAgain says whether there is hope, and gives the pool up if there is none.
func (p *Pool) mayTryAgain(attempt int, began time.Time, err error) bool {
	var errno syscall.Errno // the system's, not the child's
	patient := errors.As(err, &errno) && time.Since(began) < shortage
	var died *WorkerDiedError
	if errors.As(err, &died) && died.Signal != 0 {
		patient = true // somebody kills workers: that may pass, too
	}
	p.mu.Lock()
	alone, over := len(p.workers) == 0, p.state == closing || p.broken != nil
	p.mu.Unlock()
	if over {
		return false
	}
	if alone && attempt >= maxAttempts && !patient {
		p.giveUp(err)
		return false
	}
	return true
}
