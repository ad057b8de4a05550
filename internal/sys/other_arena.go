//go:build !linux

package sys

import (
	"os"
	"time"
)

// FutexOwnerDied is of no use here.
const FutexOwnerDied = 0x40000000

// RobustThread is of no use here.
type RobustThread struct{}

// What shared memory needs of the system, and does not get here.

func FutexWait(_ *uint32, _ uint32, timeout time.Duration) bool { time.Sleep(timeout); return true }
func FutexWake(*uint32, int) int                                { return 0 }
func (r *RobustThread) Watch(*uint32) error                     { return unsupported("RobustThread.Watch") }
func ThreadID() uint32                                          { return 0 }
func MapArena(*os.File, int) ([]byte, error)                    { return nil, unsupported("MapArena") }
func CanMap(int) bool                                           { return false }
func SparseFile(string, int64) (*os.File, error)                { return nil, unsupported("SparseFile") }
func Reserve(*os.File, int64, int64) error                      { return unsupported("Reserve") }
func Punch(*os.File, int64, int64) error                        { return unsupported("Punch") }
func FileSizeLimit() uint64                                     { return 0 }
func TotalMemory() uint64                                       { return 0 }

// YieldCPU does nothing here.
func YieldCPU() {}
