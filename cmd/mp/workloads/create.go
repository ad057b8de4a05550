package workloads

import (
	"context"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var shmCreate = &bench.Workload{
	Name:    "shm_create",
	Doc:     "make a shared value, read it, and close it",
	Metrics: []bench.Metric{{Name: "shm_create", Unit: "us", Better: bench.Lower}},
	Ours:    createOurs,
	CPython: true,
}

// createBatch is how many values are made and closed in a row.
const createBatch = 20_000

func createOurs(_ context.Context, p bench.Params) (bench.Values, error) {
	values, err := tally(p, "shm_create", createBatch, func(n int) (done int, err error) {
		for i := range n {
			v, err := mp.NewValue(int64(i))
			if err != nil {
				return done, err
			}
			if v.Load() == int64(i) {
				done++
			}
			if err := v.Close(); err != nil {
				return done, err
			}
		}
		return done, nil
	})
	if err == nil {
		values["shm_create"] /= 1000
	}
	return values, err
}
