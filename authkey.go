package mp

import (
	"bytes"
	"crypto/rand"
	"sync"
)

// familyKey is the key of this family: what the parent has sent, or a new one.
var familyKey struct {
	mu  sync.Mutex
	key []byte
}

// AuthKeySize is the length of AuthKey, in bytes.
const AuthKeySize = 32

// AuthKey returns the key of this family of processes, which Python calls
// current_process().authkey: 32 random bytes, new each time the main program runs,
// which it gives to its children, and they to theirs, through the pipe by which they
// are started. A listener with &Auth{Key: AuthKey()} lets in no one else. The slice is
// the caller's.
//
// It panics before Init, when a child does not know it yet.
func AuthKey() []byte {
	if !initialized.Load() {
		misused("AuthKey", ErrNotInitialized)
	}
	return bytes.Clone(authKey())
}

func authKey() []byte {
	familyKey.mu.Lock()
	defer familyKey.mu.Unlock()
	if familyKey.key == nil {
		familyKey.key = make([]byte, AuthKeySize)
		_, _ = rand.Read(familyKey.key) // never fails
	}
	return familyKey.key
}
