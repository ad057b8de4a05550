//go:build !unix

package main

import "os"

// crash ends the process. There is no SIGSEGV here.
func crash() { os.Exit(3) }
