package shm

import "unsafe"

// hashWord spreads the addresses of words.
func hashWord(word *uint32) uint64 {
	return uint64(uintptr(unsafe.Pointer(word))>>4) * 0x9e3779b97f4a7c15 >> 40
}
