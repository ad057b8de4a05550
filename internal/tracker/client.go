package tracker

import (
	"errors"
	"sync"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
)

// A Client has a tracker while there is something to track.
type Client struct {
	// Setup makes the setup of a tracker, but for its role.
	Setup func() spawn.Setup
	// Killed is called once, when a tracker has been killed for the first time.
	Killed func(pid int)

	mu      sync.Mutex
	files   map[File]struct{}
	current *child // nil: there is none
	idle    *time.Timer
	pending bool // restartIn has been called, and has not had its effect
	warned  bool
}

const (
	// linger is how long a tracker stays that has nothing to do: a program that
	// makes one file after the other shall not start a process for each.
	linger = time.Second
	// settled is how long a tracker must have lived to be replaced at once; the
	// replacement of others waits until then, or for the next use.
	settled = time.Second
)

// Add makes sure that the file will be removed when this process is gone. It may
// start a tracker, and waits for that. It is to be called before the file has the
// path, if its id is known by then, or the path is nobody else's: see File. After an
// error the file is not tracked.
func (c *Client) Add(path string, id sys.FileID) error {
	f := File{ID: id, Path: path}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = make(map[File]struct{})
	}
	c.files[f] = struct{}{}
	if c.current != nil {
		if c.current.tell(ipc.KindTrack, f) == nil {
			return nil
		}
		c.lose() // it is dead, and its goroutine has not come to say so
	}
	if err := c.start(); err != nil {
		delete(c.files, f)
		return err
	}
	return nil
}

// Remove undoes Add, if there was one.
func (c *Client) Remove(path string, id sys.FileID) {
	f := File{ID: id, Path: path}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.files[f]; !ok {
		return
	}
	delete(c.files, f)
	if c.current != nil && c.current.tell(ipc.KindForget, f) != nil {
		c.lose()
	}
	c.restart()
	if len(c.files) == 0 {
		c.dismissLater()
	}
}

// dismissLater ends the tracker if it has nothing to do for a while. The caller
// holds mu.
func (c *Client) dismissLater() {
	if c.idle != nil {
		c.idle.Stop()
	}
	c.idle = time.AfterFunc(linger, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.files) == 0 && c.current != nil {
			c.current.proc.HangUp()
			c.current = nil
		}
	})
}

// start raises a tracker and tells it all that there is. One that is killed
// meanwhile is followed by another, up to a number of attempts; if none comes up,
// that is tried again later. The caller holds mu.
func (c *Client) start() (err error) {
	for range attempts {
		if err = c.startOnce(); err == nil {
			return nil
		}
		if !errors.Is(err, spawn.ErrSilent) {
			break
		}
	}
	c.restartIn(settled)
	return err
}

// startOnce returns spawn.ErrSilent if the tracker has ended at once.
func (c *Client) startOnce() error {
	child, err := raise(c.Setup())
	if err != nil {
		return err
	}
	c.current = child
	go func() {
		child.proc.Wait()
		c.mourn(child)
		child.proc.Release()
	}()
	for f := range c.files {
		if child.tell(ipc.KindTrack, f) != nil {
			c.lose()
			return spawn.ErrSilent
		}
	}
	return nil
}

// mourn is called when a tracker has ended.
func (c *Client) mourn(dead *child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == dead { // it was not dismissed, and its death is not known
		c.lose()
		c.restartIn(settled - time.Since(dead.since))
	}
}

// restartIn starts a tracker after a while, if there should be one by then. The
// caller holds mu.
func (c *Client) restartIn(wait time.Duration) {
	if c.pending {
		return
	}
	c.pending = true
	time.AfterFunc(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pending = false
		c.restart()
	})
}

// restart starts a tracker if there should be one. The caller holds mu.
func (c *Client) restart() {
	if len(c.files) > 0 && c.current == nil {
		_ = c.start() // which tries again
	}
}

// lose gives up a tracker that has been killed. The caller holds mu.
func (c *Client) lose() {
	pid := c.current.proc.PID
	c.current = nil
	if !c.warned {
		c.warned = true
		c.Killed(pid)
	}
}
