//go:build !linux

package sys

import (
	"context"
	"time"
)

// MaxFutexes is how many words a Futexes has room for.
const MaxFutexes = 128

// Futexes and Readiness are of no use here.
type (
	Futexes   struct{}
	Readiness struct{}
)

func (f *Futexes) Add(*uint32, uint32)              {}
func (f *Futexes) Wait(time.Duration) (bool, error) { return false, unsupported("Futexes.Wait") }
func NewReadiness() (*Readiness, error)             { return nil, unsupported("NewReadiness") }
func (r *Readiness) Add(uintptr) error              { return unsupported("Readiness.Add") }
func (r *Readiness) Close() error                   { return nil }
func (r *Readiness) Wait(context.Context, time.Duration) (bool, error) {
	return false, unsupported("Readiness.Wait")
}
