package sys

import "errors"

// ErrWouldBlock says that a non-blocking read found nothing, or that a
// non-blocking write found no room.
var ErrWouldBlock = errors.New("would block")
