package workloads

import (
	"context"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var connPingpong = &bench.Workload{
	Name:    "conn_pingpong",
	Doc:     "an int to another process through a pipe, and the next one back: time of a round trip; limit: two words of shared memory, at which both look all the time",
	Metrics: []bench.Metric{{Name: "conn_pingpong", Unit: "us", Better: bench.Lower}},
	Ours:    connPingpongOurs,
	Limit:   awake("conn_pingpong"),
	CPython: true,
}

// countLocally answers each number with the next one.
func countLocally(ctx context.Context, c *mp.Conn) error {
	for {
		x, err := mp.Recv[int](ctx, c)
		if err != nil {
			return err
		}
		if err := c.Send(ctx, x+1); err != nil {
			return err
		}
	}
}

func connPingpongOurs(ctx context.Context, p bench.Params) (values bench.Values, err error) {
	crew := newCrew(ctx)
	defer func() { err = crew.dismiss(err) }()
	conn, err := crew.hireAt(func(c *mp.Conn) mp.AnyCall { return count.With(c) })
	if err != nil {
		return nil, err
	}
	x := 0
	return pingpong(p, "conn_pingpong", func() error {
		if err := conn.Send(crew.ctx, x); err != nil {
			return err
		}
		y, err := mp.Recv[int](crew.ctx, conn)
		if err != nil {
			return err
		}
		if y != x+1 {
			return wrong("what comes back", y, x+1)
		}
		x = y
		return nil
	})
}
