package cgroup

import (
	"strconv"
	"strings"
)

// mount is a hierarchy, or a part of it, in the file system.
type mount struct {
	v2      bool
	part    string   // the group that the mount's own directory is
	place   string   // where it is mounted
	options []string // for version 1, the controllers are among them
}

// parseMounts returns the mounts of control groups among the lines of mountinfo:
//
//	36 31 0:35 /part /place rw,relatime shared:1 - cgroup source rw,memory
//
// Between the mount's own options and the hyphen is any number of fields.
func parseMounts(mountinfo string) (mounts []mount) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if !ok || len(where) < 6 || len(what) < 1 {
			continue
		}
		m := mount{part: unescape(where[3]), place: unescape(where[4])}
		switch {
		case what[0] == "cgroup2":
			m.v2 = true
		case what[0] == "cgroup" && len(what) >= 3:
			m.options = strings.Split(what[2], ",")
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// below returns the path of the group below the mount's own directory, and
// whether it is in there at all. If it is not, the mount's own directory is the
// best that is known: in a container, that is the container's group.
//
// Both paths can begin with "..", which stands for what lies above the root of
// the process's cgroup namespace. They are compared as they are, for only the
// kernel knows what ".." is called.
func (m mount) below(group string) (rest string, inside bool) {
	rest = group
	if m.part != "/" {
		var ok bool
		if rest, ok = strings.CutPrefix(group, m.part); !ok {
			return "/", false
		}
	}
	switch {
	case rest == "":
		return "/", true
	case !strings.HasPrefix(rest, "/"): // a group whose name only begins like the mount's
		return "/", false
	case rest == "/.." || strings.HasPrefix(rest, "/../"):
		return "/", false
	}
	return rest, true
}

// unescape undoes what the kernel does to blanks, newlines and backslashes in
// paths: \040 is a blank.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
