package ledger

// The layout of the shared memory: a head of one page with the words below,
// each group on a cache line of its own, and behind it the outbox. All words
// are 64 bits, in the machine's byte order (both sides are the same program).
const (
	offGate    = 0   // written by both sides: epoch and claimed items
	offStarted = 64  // items started
	offDone    = 72  // items whose results are complete
	offClosed  = 128 // bytes of whole frames in the outbox
	offOpen    = 136 // where the frame under construction begins, plus 1; 0: there is none
	offFirst   = 144 // number of the first item of that frame
	offPayload = 152 // where its payload begins
	offEnd     = 160 // where its payload ends; for fixed-size results Done tells
	offItem    = 168 // size of a fixed-size result; 0: results of any size
	offWrites  = 176 // how often the outbox has been emptied

	// HeadSize is the size of the head.
	HeadSize = 4096
	// OutboxSize is the size of the outbox.
	OutboxSize = 252 << 10
	// Size is the size of the mapping.
	Size = HeadSize + OutboxSize
)

// The gate's word: the number of times that it was closed, modulo 1<<16, above
// the number of items claimed.
const (
	epochShift  = 48
	claimedMask = 1<<epochShift - 1
)
