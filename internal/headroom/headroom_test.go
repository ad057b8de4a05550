package headroom

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// files are the files of a made-up system, by their paths.
type files map[string]string

// system writes the files below a new directory.
func system(t *testing.T, all ...files) *probe {
	t.Helper()
	p := &probe{root: t.TempDir()}
	for _, some := range all {
		for path, text := range some {
			p.write(t, path, text)
		}
	}
	return p
}

func (p *probe) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(p.root, path)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// check compares with the answer, where the bound's path is below the root.
func (p *probe) check(t *testing.T, want uint64, why string) {
	t.Helper()
	got, bound := p.available()
	bound = filepath.ToSlash(strings.TrimPrefix(bound, p.root+string(filepath.Separator)))
	assert.Equal(t, why, bound)
	assert.Equal(t, want, got)
}

var (
	meminfo = files{"proc/meminfo": "MemTotal:  8000 kB\nMemFree:    100 kB\nMemAvailable:    4000 kB\nSwapFree:  9000 kB\n"}
	v2      = files{"proc/self/cgroup": "0::/a/b\n"}
	v1      = files{"proc/self/cgroup": "5:cpu:/x\n4:memory:/a\n0::/\n",
		"proc/self/mountinfo": "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
			"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"}
)

// group returns the files of a group of version 2.
func group(dir, max, high, current, stat string) files {
	dir = "sys/fs/cgroup" + dir + "/memory."
	return files{dir + "max": max + "\n", dir + "high": high + "\n", dir + "current": current + "\n", dir + "stat": stat}
}

// group1 returns the files of a group of version 1.
func group1(dir, limit, usage, stat string) files {
	dir = "sys/fs/cgroup/memory" + dir + "/memory."
	return files{dir + "limit_in_bytes": limit + "\n", dir + "usage_in_bytes": usage + "\n", dir + "stat": stat}
}

func TestAvailable(t *testing.T) {
	const cache = "anon 7\nfile 900\nshmem 600\ninactive_anon 600\ninactive_file 100\nactive_file 200\n"
	const machine = 4000 << 10
	for name, test := range map[string]struct {
		system []files
		want   uint64
		why    string
	}{
		"nothing":               {nil, Unbounded, ""},
		"the machine":           {[]files{meminfo}, machine, "MemAvailable"},
		"an old kernel":         {[]files{{"proc/meminfo": "MemTotal: 8000 kB\n"}}, Unbounded, ""},
		"garbage":               {[]files{v2, {"proc/meminfo": "MemAvailable: many\nMemAvailable"}, group("/a", "much", "", "little", "inactive_file x")}, Unbounded, ""},
		"too large a number":    {[]files{{"proc/meminfo": "MemAvailable: 18446744073709551615 kB\n"}}, Unbounded, ""},
		"no limits":             {[]files{meminfo, v2, group("/a/b", "max", "max", "900", cache), group("/a", "max", "max", "900", cache)}, machine, "MemAvailable"},
		"a group without files": {[]files{meminfo, v2}, machine, "MemAvailable"},
		"a limit": {[]files{meminfo, v2, group("/a/b", "2000", "max", "1500", "")},
			500, "sys/fs/cgroup/a/b/memory.max"},
		"file cache is free, shared memory is not": {[]files{meminfo, v2, group("/a/b", "2000", "max", "1500", cache)},
			800, "sys/fs/cgroup/a/b/memory.max"},
		"an outer group binds": {[]files{meminfo, v2, group("/a/b", "9000", "max", "100", ""), group("/a", "9000", "max", "8900", "")},
			100, "sys/fs/cgroup/a/memory.max"},
		"an inner group binds": {[]files{meminfo, v2, group("/a/b", "900", "max", "100", ""), group("/a", "9000", "max", "8000", "")},
			800, "sys/fs/cgroup/a/b/memory.max"},
		"file cache decides which": {[]files{meminfo, v2, group("/a/b", "1000", "max", "900", cache), group("/a", "1000", "max", "850", "")},
			150, "sys/fs/cgroup/a/memory.max"},
		"the path of the host": {[]files{meminfo, v2, group("", "1000", "max", "900", "")}, 100, "sys/fs/cgroup/memory.max"},
		"the high mark":        {[]files{meminfo, v2, group("/a/b", "2000", "1800", "1500", "")}, 300, "sys/fs/cgroup/a/b/memory.high"},
		"above the high mark":  {[]files{meminfo, v2, group("/a/b", "2000", "1000", "1500", cache)}, 0, "sys/fs/cgroup/a/b/memory.high"},
		"more cache than use":  {[]files{meminfo, v2, group("/a/b", "2000", "max", "250", cache)}, 2000, "sys/fs/cgroup/a/b/memory.max"},
		"without meminfo":      {[]files{v2, group("/a/b", "2000", "max", "1500", "")}, 500, "sys/fs/cgroup/a/b/memory.max"},
		"usage is missing":     {[]files{meminfo, v2, {"sys/fs/cgroup/a/memory.max": "2000\n"}}, machine, "MemAvailable"},
		"a limit of nothing":   {[]files{meminfo, v2, group("/a", "0", "max", "0", "")}, 0, "sys/fs/cgroup/a/memory.max"},
		"version 1": {[]files{meminfo, v1, group1("/a", "2000", "1500", "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 200\n")},
			800, "sys/fs/cgroup/memory/a/memory.limit_in_bytes"},
		"version 1, the outer group": {[]files{meminfo, v1, group1("/a", "2000", "500", ""), group1("", "2000", "1500", "")},
			500, "sys/fs/cgroup/memory/memory.limit_in_bytes"},
		"version 1, no limit":   {[]files{v1, group1("/a", "9223372036854771712", "1500", "")}, Unbounded, ""},
		"version 1, of 32 bits": {[]files{v1, group1("/a", "-1", "1500", "")}, Unbounded, ""},
		"version 1, swapped out": {[]files{meminfo, v1, group1("/a", "2000", "500", ""), {
			"sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes": "2500\n", "sys/fs/cgroup/memory/a/memory.memsw.usage_in_bytes": "2400\n",
		}}, 100, "sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes"},
		"hybrid, with the controller in version 2": {[]files{meminfo, v1, {
			"sys/fs/cgroup/unified/memory.max": "2000\n", "sys/fs/cgroup/unified/memory.current": "1500\n",
		}}, 500, "sys/fs/cgroup/unified/memory.max"},
	} {
		t.Run(name, func(t *testing.T) {
			p := system(t, test.system...)
			p.check(t, test.want, test.why)
			p.check(t, test.want, test.why) // the second time, from what it knows
		})
	}
}

func TestLimitsAndGroupsChange(t *testing.T) {
	p := system(t, meminfo)
	p.check(t, 4000<<10, "MemAvailable")
	for path, text := range group("/a", "2000", "max", "1500", "") {
		p.write(t, path, text)
	}
	p.write(t, "proc/self/cgroup", "0::/a\n")
	p.check(t, 500, "sys/fs/cgroup/a/memory.max")
	p.write(t, "sys/fs/cgroup/a/memory.max", "1600\n")
	p.check(t, 100, "sys/fs/cgroup/a/memory.max")
	p.write(t, "proc/self/cgroup", "0::/b\n")
	p.check(t, 4000<<10, "MemAvailable")
}

func TestThisMachine(t *testing.T) {
	got, why := Available()
	if runtime.GOOS != "linux" {
		assert.Equal(t, uint64(Unbounded), got)
		return
	}
	t.Log(got, why)
	assert.NotEmpty(t, why)
	assert.Less(t, got, uint64(1)<<50)
	assert.Greater(t, got, uint64(1)<<20)
}

func BenchmarkAvailable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Available()
	}
}

// The dearest case: version 2, five levels, each with a limit that has to be read
// to its end. The files are real ones on a disk here, of the usual sizes.
func BenchmarkFiveLimits(b *testing.B) {
	p := &probe{root: b.TempDir()}
	stat := strings.Repeat("something_else 1234567890\n", 100) + "inactive_file 5\nactive_file 5\n"
	write := func(path, text string) {
		path = filepath.Join(p.root, path)
		require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(b, os.WriteFile(path, []byte(text), 0o644))
	}
	write("proc/self/cgroup", "0::/a/b/c/d\n")
	for _, dir := range []string{"", "/a", "/a/b", "/a/b/c", "/a/b/c/d"} {
		for path, text := range group(dir, "1000000", "max", "999000", stat) {
			write(path, text)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p.available()
	}
}
