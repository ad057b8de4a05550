// Package cgroup finds the directories of the control groups that this process
// is in, so that others can read their limits there.
//
// A process is in one group of each hierarchy, and the limits of all groups
// around that one hold as well: the least of them is what counts. Two files tell
// where they are. /proc/self/cgroup has the path of the group in each hierarchy;
// /proc/self/mountinfo has where a hierarchy is mounted, and what part of it, for
// in a container the mount often begins at the container's own group while the
// path begins at the host's root.
//
// There are two versions, and both on one system (hybrid): version 2 is a single
// hierarchy with all controllers, version 1 has a hierarchy for each controller or
// for a few together. A controller lives in one of them; the files that the other
// version would have are just not there. So Levels returns the directories of
// both, and a missing file means: no limit here.
package cgroup

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Level is the directory of one group.
type Level struct {
	Dir string
	V2  bool // the files in it are those of version 2
}

// Membership is the file that says in which groups this process is. It changes
// when the process is moved to another group.
func Membership(root string) string { return filepath.Join(root, "proc/self/cgroup") }

// Levels returns the groups of this process that may limit what controller (cpu,
// memory) controls, from the innermost outwards. The root directory is / but in tests.
func Levels(root, controller string) []Level {
	membership, err := os.ReadFile(Membership(root))
	if err != nil {
		return nil
	}
	return LevelsOf(root, string(membership), controller)
}

// LevelsOf is Levels for who has read Membership already.
func LevelsOf(root, membership, controller string) (levels []Level) {
	text, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo")) // without it, the usual places
	mounts := parseMounts(string(text))
	for line := range strings.Lines(membership) {
		// hierarchy-ID:controllers:path, where version 2 has no controllers.
		field := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(field) != 3 || !strings.HasPrefix(field[2], "/") {
			continue
		}
		v2 := field[0] == "0" && field[1] == ""
		if !v2 && !contains(field[1], controller) {
			continue
		}
		place, group := locate(mounts, v2, controller, field[2])
		for ; ; group = path.Dir(group) {
			dir := filepath.Join(root, filepath.FromSlash(path.Join(place, group)))
			levels = append(levels, Level{Dir: dir, V2: v2})
			if group == "/" {
				break
			}
		}
	}
	return levels
}

// locate returns where the hierarchy is mounted and the path of the group below
// that place. Of several mounts it takes the one that shows the most of the
// groups around, for instance not a part of the tree mounted for a container.
func locate(mounts []mount, v2 bool, controller, group string) (place, below string) {
	place, below = "/sys/fs/cgroup", group
	if !v2 {
		place = path.Join(place, controller)
	}
	shown := -2 // how many groups around this one are seen; -1: nor this one
	for _, m := range mounts {
		if m.v2 != v2 || !v2 && !slices.Contains(m.options, controller) {
			continue
		}
		n := -1
		rest, inside := m.below(group)
		if inside {
			n = strings.Count(strings.TrimSuffix(rest, "/"), "/")
		}
		if n > shown {
			place, below, shown = m.place, rest, n
		}
	}
	return place, path.Clean("/" + below)
}

// contains says whether word is in the list that commas separate.
func contains(list, word string) bool {
	return slices.Contains(strings.Split(list, ","), word)
}
