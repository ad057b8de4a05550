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
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	smallest := 0.0
	take := func(q float64) {
		if q > 0 && (smallest == 0 || q < smallest) {
			smallest = q
		}
	}
	for line := range strings.Lines(string(groups)) {
		// hierarchy-ID:controllers:path, where version 2 has no controllers.
		field := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(field) != 3 {
			continue
		}
		switch {
		case field[0] == "0" && field[1] == "":
			upwards(filepath.Join(root, "sys/fs/cgroup"), field[2], func(dir string) { take(quotaV2(dir)) })
		case contains(field[1], "cpu"):
			upwards(filepath.Join(root, "sys/fs/cgroup/cpu"), field[2], func(dir string) { take(quotaV1(dir)) })
		}
	}
	return smallest
}

// upwards visits the directory of a group and of all groups around it. In a
// container the path may be that of the host: then only the mount's own
// directory is there.
func upwards(mount, group string, visit func(dir string)) {
	for path := filepath.Clean("/" + group); ; path = filepath.Dir(path) {
		visit(filepath.Join(mount, path))
		if path == "/" {
			return
		}
	}
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

func contains(list, word string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == word {
			return true
		}
	}
	return false
}
