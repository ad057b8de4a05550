package mp

import "sync"

// A bell rings as long as there is somebody at the door. The zero value is silent.
type bell struct {
	mu    sync.Mutex
	there int
	rings chan struct{} // closed while it rings; nil: nobody has asked
}

// rung returns a channel that is closed when it rings.
func (b *bell) rung() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rings == nil {
		b.rings = make(chan struct{})
		if b.there > 0 {
			close(b.rings)
		}
	}
	return b.rings
}

func (b *bell) arrive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.there++; b.there == 1 && b.rings != nil {
		close(b.rings)
	}
}

func (b *bell) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.there--; b.there == 0 {
		b.rings = nil
	}
}
