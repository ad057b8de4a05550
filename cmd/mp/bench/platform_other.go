//go:build !unix

package bench

import (
	"os/exec"
	"time"
)

// leadGroup does nothing where there are no process groups.
func leadGroup(*exec.Cmd) {}

// ownTime is not known here; nor is there anything to compare it with.
func ownTime() time.Duration { return 0 }
