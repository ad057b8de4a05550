// Package handle numbers the kinds of handle that travel in arguments, results
// and messages: each is an extension of the codec. The payloads are in
// docs/protocol.md.
package handle

// The extension types.
const (
	SharedMemory  int8 = 17 // a block of named shared memory
	ShareableList int8 = 18 // the same, with a list in it
)
