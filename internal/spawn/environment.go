package spawn

import (
	"fmt"
	"strings"
)

// environment returns the child's environment: that of the user, where the last
// of several values for a name counts, as in os/exec, and what the child has to
// know. Without that, a second value for the marker would hide ours, and the
// child would take itself for the parent.
func environment(env []string, markerValue string) ([]string, error) {
	env = append(env[:len(env):len(env)], raceEnv(env)...)
	env = append(env, marker+"="+markerValue)
	last := make(map[string]int, len(env))
	for i, entry := range env {
		if strings.IndexByte(entry, 0) >= 0 {
			return nil, fmt.Errorf("the environment variable %q has a NUL byte", entry)
		}
		name, _, _ := strings.Cut(entry, "=")
		last[name] = i
	}
	unique := make([]string, 0, len(last))
	for i, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); last[name] == i {
			unique = append(unique, entry)
		}
	}
	return unique, nil
}
