package workloads

import (
	"context"
	"fmt"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var values100k = &bench.Workload{
	Name:    "values_100k",
	Doc:     "shared memory that each of 100,000 shared values takes; cpython: each of 2,000",
	Metrics: []bench.Metric{{Name: "values_100k", Unit: "bytes", Better: bench.Lower}},
	Note: "CPython has 2,000 values, and could not have 100,000: the lock of each is a mapping of its own, and the system " +
		"allows a process 65,530. Ours fails if the number of descriptors changes",
	Ours:    valuesOurs,
	CPython: true,
}

const valuesSize = 100_000

func valuesOurs(context.Context, bench.Params) (bench.Values, error) {
	first, err := mp.NewValue(int64(0)) // the arena comes with it
	if err != nil {
		return nil, err
	}
	defer first.Close()
	before, err := arenaUse()
	if err != nil {
		return nil, err
	}
	values := make([]*mp.Value[int64], valuesSize)
	for i := range values {
		if values[i], err = mp.NewValue(int64(i)); err != nil {
			return nil, err
		}
	}
	after, err := arenaUse()
	if err != nil {
		return nil, err
	}
	if before.descriptors != after.descriptors {
		return nil, fmt.Errorf("there were %d descriptors, and then %d", before.descriptors, after.descriptors)
	}
	for i, v := range values {
		if x := v.Load(); x != int64(i) {
			return nil, wrong(fmt.Sprintf("value %d", i), x, i)
		}
		if err := v.Close(); err != nil {
			return nil, err
		}
	}
	return bench.Values{"values_100k": float64(after.bytes-before.bytes) / valuesSize}, nil
}

// use is what this process uses.
type use struct {
	bytes       int64 // of its arena that are backed by memory
	descriptors int
}
