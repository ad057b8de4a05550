package cpu

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuota(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"no cgroups":           {nil, 0},
		"version 2, none":      {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, 0},
		"version 2":            {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 1.5},
		"an outer group binds": {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n"}, 0.5},
		"path of the host":     {map[string]string{"proc/self/cgroup": "0::/docker/1234\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"}, 3},
		"version 1":            {map[string]string{"proc/self/cgroup": "4:cpu,cpuacct:/g\n", "sys/fs/cgroup/cpu/g/cpu.cfs_quota_us": "200000\n", "sys/fs/cgroup/cpu/g/cpu.cfs_period_us": "100000\n"}, 2},
		"version 1, none":      {map[string]string{"proc/self/cgroup": "4:cpu:/g\n", "sys/fs/cgroup/cpu/g/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/g/cpu.cfs_period_us": "100000\n"}, 0},
		"nonsense":             {map[string]string{"proc/self/cgroup": "x\n0::/a\n", "sys/fs/cgroup/a/cpu.max": "one two three\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range test.files {
				path = filepath.Join(root, path)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			}
			assert.Equal(t, test.want, quota(root))
		})
	}
}

func TestCountIsPositive(t *testing.T) {
	assert.GreaterOrEqual(t, Count(), 1)
}
