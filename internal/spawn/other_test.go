//go:build !linux

package spawn

// beChild is never called: no process starts another on this system.
func beChild(*Inheritance) {}
