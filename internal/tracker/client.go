package tracker

import (
	"errors"
	"sync"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/shmfile"
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
	blocks  map[sys.FileID]shmfile.Ref
	current *child // nil: there is none
	idle    *time.Timer
	pending bool // restartIn has been called, and has not had its effect
	warned  bool
}

const (
	// linger is how long a tracker stays that has nothing to do: a program that
	// makes one block after the other shall not start a process for each.
	linger = time.Second
	// settled is how long a tracker must have lived to be replaced at once; the
	// replacement of others waits until then, or for the next use.
	settled = time.Second
)

// Add makes sure that the block will be removed when this process is gone. It
// may start a tracker, and waits for that. It is to be called before the block
// has its name. After an error the block is not tracked.
func (c *Client) Add(ref shmfile.Ref) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blocks == nil {
		c.blocks = make(map[sys.FileID]shmfile.Ref)
	}
	c.blocks[ref.ID] = ref
	if c.current != nil {
		if c.current.tell(ipc.KindTrack, ref) == nil {
			return nil
		}
		c.lose() // it is dead, and its goroutine has not come to say so
	}
	if err := c.start(); err != nil {
		delete(c.blocks, ref.ID)
		return err
	}
	return nil
}

// Remove undoes Add, if there was one.
func (c *Client) Remove(ref shmfile.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.blocks[ref.ID]; !ok {
		return
	}
	delete(c.blocks, ref.ID)
	if c.current != nil && c.current.tell(ipc.KindForget, ref) != nil {
		c.lose()
	}
	c.restart()
	if len(c.blocks) == 0 {
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
		if len(c.blocks) == 0 && c.current != nil {
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
		if !errors.Is(err, errSilent) {
			break
		}
	}
	c.restartIn(settled)
	return err
}

// startOnce returns errSilent if the tracker has ended at once.
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
	for _, ref := range c.blocks {
		if child.tell(ipc.KindTrack, ref) != nil {
			c.lose()
			return errSilent
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
	if len(c.blocks) > 0 && c.current == nil {
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
