package travel

import "github.com/multiproc/mp/internal/ipc/codec"

// An Arrival says why what a message refers to cannot be opened where it has arrived.
// For the codec it is a failure to decode; but the message was in order, and the error
// does not say that it was not.
type Arrival struct{ Err error }

// Error is that of the cause.
func (e Arrival) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e Arrival) Unwrap() error { return e.Err }

// Is keeps the codec from calling the message malformed.
func (e Arrival) Is(target error) bool { return target == codec.ErrMalformed }
