//go:build !linux

package workloads

import (
	"errors"
	"time"
)

// monotonic is the time of day where the other is not known.
func monotonic() int64 { return time.Now().UnixNano() }

func arenaUse() (use, error) { return use{}, errors.ErrUnsupported }
