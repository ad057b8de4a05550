// Package workloads is what `mp bench` measures: each file is a workload, with
// package mp and with its rivals. Those of CPython are in ../bench/script.
package workloads

import (
	"fmt"
	"time"

	"github.com/multiproc/mp/cmd/mp/bench"
)

// All returns the workloads, in the order of the table.
func All() []*bench.Workload {
	return []*bench.Workload{
		startJoinSpawn,
		applyRTT,
		submitBurst,
		mapTiny,
		imapUnordered1,
		map100us,
		workerPSS,
		lockUncontended,
		valueLockedIncr,
		valueContended2p,
		eventPingpong,
		connPingpong,
		connBytes1MiB,
		queue1p1c,
		queue4p2c,
		queue1MiBItems,
		arraySum1g,
		shmCreate,
		lockRecover,
		values100k,
	}
}

// repeat runs work until the budget is used up, at least once, and returns the
// best of the times that work has returned. The best, because whatever else the
// machine did can only have added to it; it is the same for all roles, and the
// median is taken over processes.
func repeat(budget time.Duration, work func() (time.Duration, error)) (time.Duration, error) {
	best := time.Duration(0)
	for start := time.Now(); best == 0 || time.Since(start) < budget; {
		took, err := work()
		if err != nil {
			return 0, err
		}
		if best == 0 || took < best {
			best = max(took, 1)
		}
	}
	return best, nil
}

// each converts the time of n things into microseconds for one.
func each(total time.Duration, n int) float64 {
	return float64(total.Nanoseconds()) / 1e3 / float64(n)
}

// perSecond converts the time of n things into things per second.
func perSecond(total time.Duration, n int) float64 {
	return float64(n) / total.Seconds()
}

// wrong is the error for a wrong result.
func wrong(what string, have, want any) error {
	return fmt.Errorf("wrong result: %s is %v, not %v", what, have, want)
}

// checkSquares compares the squares of 0, 1, 2, ...
func checkSquares(squares []int, n int) error {
	if len(squares) != n {
		return wrong("the number of results", len(squares), n)
	}
	for i, v := range squares {
		if v != i*i {
			return wrong(fmt.Sprintf("the square of %d", i), v, i*i)
		}
	}
	return nil
}

// numbers returns 0 to n-1.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
