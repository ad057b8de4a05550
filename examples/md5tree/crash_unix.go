//go:build unix

package main

import (
	"os"
	"syscall"
)

// crash reads memory that must not be read, as a bug in a C library would. The
// runtime cannot turn that into a panic: the process ends, whatever recovers.
func crash() {
	page, err := syscall.Mmap(-1, 0, os.Getpagesize(), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		os.Exit(3)
	}
	os.Exit(int(page[0])) // never gets to the exit
}
