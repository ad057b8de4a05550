// Package cpu counts the CPUs that this process may use: those of its affinity
// mask, and no more than the quota of its control groups.
package cpu

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/multiproc/mp/internal/cgroup"
	"github.com/multiproc/mp/internal/sys"
)

// Count returns how many CPUs this process may use, at least 1. A quota of one
// and a half CPUs counts as two.
func Count() int {
	n, err := sys.AffinityCPUs()
	if err != nil || n < 1 {
		n = runtime.NumCPU()
	}
	if quota := quota("/"); quota > 0 {
		n = min(n, int(math.Ceil(quota)))
	}
	return max(n, 1)
}

// quota returns the smallest CPU quota of the process's control groups, in
// CPUs, below the file system root; 0 means that there is none.
func quota(root string) float64 {
	smallest := 0.0
	for _, level := range cgroup.Levels(root, "cpu") {
		read := quotaV1
		if level.V2 {
			read = quotaV2
		}
		if q := read(level.Dir); q > 0 && (smallest == 0 || q < smallest) {
			smallest = q
		}
	}
	return smallest
}

// quotaV2 reads cpu.max: the quota (or the word max) and the period.
func quotaV2(dir string) float64 {
	text, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
	if err != nil {
		return 0
	}
	field := strings.Fields(string(text))
	if len(field) != 2 {
		return 0
	}
	return ratio(field[0], field[1])
}

// quotaV1 reads the quota and the period from their two files; -1 is none.
func quotaV1(dir string) float64 {
	quota, err := os.ReadFile(filepath.Join(dir, "cpu.cfs_quota_us"))
	if err != nil {
		return 0
	}
	period, err := os.ReadFile(filepath.Join(dir, "cpu.cfs_period_us"))
	if err != nil {
		return 0
	}
	return ratio(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

func ratio(quota, period string) float64 {
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}
