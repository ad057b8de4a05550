//go:build amd64 || arm64

package shm

// pause tells the CPU that this is a loop that waits for another one.
func pause()
