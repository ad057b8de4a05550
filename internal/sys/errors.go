package sys

import (
	"errors"
	"fmt"
	"runtime"
)

// ErrNotSupported is returned, wrapped with the name of what is missing, by
// every function of this package on a system that cannot do it.
var ErrNotSupported = errors.New("not supported on this system")

// ErrTooLarge is returned for memory beyond the limits of the process.
var ErrTooLarge = errors.New("more memory than the limits of the process allow")

// unsupported names the call that this system lacks.
func unsupported(call string) error {
	return fmt.Errorf("%s: %w (%s/%s; Linux 5.4 or newer is needed)", call, ErrNotSupported, runtime.GOOS, runtime.GOARCH)
}
