package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lines of mountinfo as they are found.
const (
	unified = "30 23 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	hybrid  = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n" +
		"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
	container = "35 31 0:32 /docker/12 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
)

func TestLevels(t *testing.T) {
	for name, test := range map[string]struct {
		membership, mounts string
		want               []string
	}{
		"absent":                  {"", unified, nil},
		"garbage":                 {"x\n::\n1:memory\n0::relative\n", unified, nil},
		"version 2":               {"0::/a/b\n", unified, []string{"2 /sys/fs/cgroup/a/b", "2 /sys/fs/cgroup/a", "2 /sys/fs/cgroup"}},
		"version 2 at the root":   {"0::/\n", unified, []string{"2 /sys/fs/cgroup"}},
		"the last line unended":   {"0::/a", unified, []string{"2 /sys/fs/cgroup/a", "2 /sys/fs/cgroup"}},
		"no mountinfo":            {"0::/a\n", "", []string{"2 /sys/fs/cgroup/a", "2 /sys/fs/cgroup"}},
		"no mountinfo, version 1": {"4:memory:/a\n", "", []string{"1 /sys/fs/cgroup/memory/a", "1 /sys/fs/cgroup/memory"}},
		"garbage in mountinfo":    {"0::/\n", "30 - cgroup2\n - \n\n1 2 3 4 5 6 - cgroup\n", []string{"2 /sys/fs/cgroup"}},
		"hybrid": {"4:memory:/m\n2:cpu,cpuacct:/c\n1:name=systemd:/s\n0::/u\n", hybrid, []string{
			"1 /sys/fs/cgroup/memory/m", "1 /sys/fs/cgroup/memory", "2 /sys/fs/cgroup/unified/u", "2 /sys/fs/cgroup/unified",
		}},
		"mounted elsewhere":    {"0::/a\n", "30 23 0:27 / /c\\040g rw - cgroup2 x rw\n", []string{"2 /c g/a", "2 /c g"}},
		"a container":          {"4:memory:/docker/12/in\n", container, []string{"1 /sys/fs/cgroup/memory/in", "1 /sys/fs/cgroup/memory"}},
		"the container's root": {"4:memory:/docker/12\n", container, []string{"1 /sys/fs/cgroup/memory"}},
		"another container":    {"4:memory:/docker/123\n", container, []string{"1 /sys/fs/cgroup/memory"}},
		"outside of the namespace": {"0::/../other\n", unified,
			[]string{"2 /sys/fs/cgroup"}},
		"a mount from outside of the namespace": {"0::/\n", "30 23 0:27 /../.. /sys/fs/cgroup rw - cgroup2 x rw\n",
			[]string{"2 /sys/fs/cgroup"}},
		"both outside": {"0::/../a\n", "30 23 0:27 /.. /sys/fs/cgroup rw - cgroup2 x rw\n",
			[]string{"2 /sys/fs/cgroup/a", "2 /sys/fs/cgroup"}},
		"of two mounts the wider": {"4:memory:/docker/12\n",
			container + "36 31 0:32 / /host rw - cgroup cgroup rw,memory\n" + container,
			[]string{"1 /host/docker/12", "1 /host/docker", "1 /host"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(root, "proc/self"), 0o755))
			if test.membership != "" {
				require.NoError(t, os.WriteFile(Membership(root), []byte(test.membership), 0o644))
			}
			if test.mounts != "" {
				require.NoError(t, os.WriteFile(filepath.Join(root, "proc/self/mountinfo"), []byte(test.mounts), 0o644))
			}
			var got []string
			for _, l := range Levels(root, "memory") {
				version := "1 "
				if l.V2 {
					version = "2 "
				}
				below, err := filepath.Rel(root, l.Dir)
				require.NoError(t, err)
				got = append(got, version+"/"+filepath.ToSlash(below))
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`plain`: "plain", `a\040b`: "a b", `\134`: `\`, `\04`: `\04`, `\999x`: `\999x`, `x\`: `x\`, `\777`: `\777`,
	} {
		assert.Equal(t, want, unescape(in), in)
	}
}
