package pool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
)

// startWorker starts a worker, and returns when it is ready for work.
func (p *Pool) startWorker() error {
	w := &worker{pool: p, awaited: make(chan struct{}, 1)}
	open := openProcess
	if p.opts.Local {
		open = openLocal
	}
	p.mu.Lock()
	if p.state == closing {
		p.mu.Unlock()
		return ErrShutdown
	}
	p.alive.Add(1)
	p.mu.Unlock()
	if err := open(w); err != nil {
		p.alive.Done()
		return err
	}
	w.results.Poll = func() bool { return w.due.Load() > 0 && p.busy.Load() < p.cpus }
	if err := w.handshake(); err != nil {
		w.host.kill()
		died := w.host.bury()
		w.host.release()
		p.alive.Done()
		if died.LastWords != "" {
			err = fmt.Errorf("%w: %s", err, died.LastWords)
		}
		return fmt.Errorf("worker %s (pid %d) did not start: %w", w.host.name(), w.host.pid(), err)
	}
	p.mu.Lock()
	w.ready = true
	p.workers = append(p.workers, w)
	p.crashes = 0
	p.idle = append(p.idle, w)
	p.full = false
	if p.state == closing {
		p.dismiss(w, true)
	}
	p.mu.Unlock()
	go w.read()
	p.refill(w)
	return nil
}

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

// maxCrashes is how many workers in a row may fail to start before the pool
// gives up.
const maxCrashes = 5

// replace starts a worker in place of one that has died.
func (p *Pool) replace() {
	p.mu.Lock()
	needed := p.state != closing && p.broken == nil
	p.mu.Unlock()
	if !needed {
		return
	}
	p.alive.Add(1)
	go func() {
		defer p.alive.Done()
		for pause := time.Millisecond; ; pause *= 4 {
			err := p.startWorker()
			if err == nil {
				p.log(slog.LevelInfo, "pool worker was replaced")
			}
			if err == nil || errors.Is(err, ErrShutdown) {
				return
			}
			p.log(slog.LevelError, "pool worker cannot be started", "error", err.Error())
			p.mu.Lock()
			p.crashes++
			hopeless, stop := p.crashes >= maxCrashes && len(p.workers) == 0, p.state == closing || p.crashes >= maxCrashes
			p.mu.Unlock()
			if hopeless {
				p.giveUp(err)
			}
			if stop {
				return
			}
			time.Sleep(pause)
		}
	}()
}
