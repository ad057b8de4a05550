package spawn

// Deliver sends a frame to a child that reads all it is sent, a Tracker. Unlike
// Tell it waits for room, until the child has ended (syscall.EPIPE). One goroutine
// at a time may call it, and not while the setup is being handed over.
func (p *Process) Deliver(frame []byte) error {
	_, err := p.control.Write(frame)
	return err
}

// HangUp closes the life-line: the child sees what it would see if this process
// were gone. It must not run at the same time as Deliver.
func (p *Process) HangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.released {
		_ = p.control.Close()
	}
}
