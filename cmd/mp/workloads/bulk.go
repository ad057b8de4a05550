package workloads

import (
	"context"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var connBytes1MiB = &bench.Workload{
	Name:    "conn_bytes_1MiB",
	Doc:     "messages of 1 MiB through a pipe to another process; limit: copied into shared memory, and out of it",
	Metrics: []bench.Metric{{Name: "conn_bytes_1MiB", Unit: "GiB/s", Better: bench.Higher}},
	Note: "each receives with what is fastest: ours into the same memory again (RecvBytesInto), for new memory for each message " +
		"(RecvBytes) keeps the collector busy; CPython into new bytes (recv_bytes), for recv_bytes_into copies once more",
	Ours:    connBytesOurs,
	Limit:   ringLimit("conn_bytes_1MiB"),
	CPython: true,
}

// bulkBatch is how many messages are timed together.
const bulkBatch = 256

// receiveLocally receives as many messages as it is told to, and reports how many
// were right, again and again.
func receiveLocally(ctx context.Context, c *mp.Conn) error {
	buf := make([]byte, mebibyte)
	for {
		n, err := mp.Recv[int](ctx, c)
		if err != nil {
			return err
		}
		for i := range n {
			size, err := c.RecvBytesInto(ctx, buf)
			if err != nil {
				return err
			}
			if err := checkMessage(buf[:size], i); err != nil {
				return err
			}
		}
		if err := c.Send(ctx, n); err != nil {
			return err
		}
	}
}

func connBytesOurs(ctx context.Context, p bench.Params) (values bench.Values, err error) {
	crew := newCrew(ctx)
	defer func() { err = crew.dismiss(err) }()
	conn, err := crew.hireAt(func(c *mp.Conn) mp.AnyCall { return receive.With(c) })
	if err != nil {
		return nil, err
	}
	return bulk(p, "conn_bytes_1MiB", func(n int) (int, error) {
		if err := conn.Send(crew.ctx, n); err != nil {
			return 0, err
		}
		for i := range n {
			if err := conn.SendBytes(crew.ctx, message(i)); err != nil {
				return 0, err
			}
		}
		return mp.Recv[int](crew.ctx, conn)
	})
}

// bulk measures what work does with n large messages, in GiB/s. work returns how many
// have come in.
func bulk(p bench.Params, name string, work func(n int) (done int, err error)) (bench.Values, error) {
	messages() // they are made now, not while it is timed
	values, err := tally(p, name, bulkBatch, work)
	if err == nil {
		values[name] = 1e9 / values[name] * mebibyte / (1 << 30)
	}
	return values, err
}
