package ledger

import "sync/atomic"

// Claim is the worker's: it claims n items from number next on, in the epoch
// that the worker is in. False means that the parent has closed the gate: none
// of them may run.
func (l *Ledger) Claim(epoch uint16, next uint64, n int) bool {
	from := uint64(epoch)<<epochShift | next&claimedMask
	return atomic.CompareAndSwapUint64(l.gate, from, from+uint64(n))
}

// Revoke is the parent's: it closes the gate. Items from the returned number on
// have not been started and never will be, unless they are sent again behind a
// resume frame that bears the returned epoch.
func (l *Ledger) Revoke() (claimed uint64, epoch uint16) {
	now := atomic.AddUint64(l.gate, 1<<epochShift)
	return now & claimedMask, uint16(now >> epochShift)
}

// Claimed is the parent's: how many items the worker has claimed so far.
func (l *Ledger) Claimed() uint64 { return atomic.LoadUint64(l.gate) & claimedMask }

// Epoch returns the gate's epoch. A worker whose Claim failed reads on until
// it finds the resume frame of the present epoch.
func (l *Ledger) Epoch() uint16 { return uint16(atomic.LoadUint64(l.gate) >> epochShift) }
