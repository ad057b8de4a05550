package workloads

import (
	"context"
	"errors"
	"time"

	"github.com/multiproc/mp"
)

// A crew is processes that do a part of the work until their context ends.
type crew struct {
	ctx     context.Context // it ends when one of them has ended
	cancel  context.CancelFunc
	members []*mp.Process
	conns   []*mp.Conn
}

func newCrew(ctx context.Context) *crew {
	c := new(crew)
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// hire starts a process. Whoever waits for it is to wait with the crew's context.
func (c *crew) hire(call mp.AnyCall) error {
	p := mp.NewProcess(call)
	if err := p.Start(); err != nil {
		return err
	}
	c.members = append(c.members, p)
	go func() {
		<-p.Done()
		c.cancel()
	}()
	return nil
}

// hireAt starts a process that has the other end of the pipe whose one end hireAt
// returns, and dismiss closes.
func (c *crew) hireAt(call func(*mp.Conn) mp.AnyCall) (*mp.Conn, error) {
	near, far, err := mp.Pipe()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	c.conns = append(c.conns, near)
	return near, c.hire(call(far))
}

// dismissal is how long the members have to end.
const dismissal = 3 * time.Second

// dismiss ends the crew. Its error is err, and why members have ended before.
func (c *crew) dismiss(err error) error {
	defer c.cancel()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), dismissal)
	defer cancel()
	for _, p := range c.members {
		_ = p.Stop(ctx) // Join tells of what has come of it
	}
	for _, p := range c.members {
		if end := p.Join(ctx); !errors.Is(end, context.Canceled) {
			err = errors.Join(end, err)
		}
	}
	for _, conn := range c.conns {
		err = errors.Join(err, conn.Close())
	}
	return err
}
