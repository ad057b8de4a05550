package fifo

import "github.com/multiproc/mp/internal/shm"

// The kinds of cells.
const (
	KindQueue   = shm.FirstKind + 20 // a queue: memory of controlSize
	KindTaking  = shm.FirstKind + 21 // its second lock: that of who takes
	KindSegment = shm.FirstKind + 22 // a piece of its records
	KindBlob    = shm.FirstKind + 23 // the content of a large record
	KindSender  = shm.FirstKind + 24 // the end of a pipe that holds its queue to put
	KindTaker   = shm.FirstKind + 25 // the end that holds it to take
)

// The control block of a queue. Positions are of 64 bits: the number of the next
// item above, the offset of its record in its segment below, so that one store
// publishes an item. What takers write and what putters write is on cache lines of
// its own.
const (
	offTail        = 0   // u64: where the next record goes
	offTailSegment = 8   // u32
	offSeenHead    = 16  // u32: items of the head, when those who put last looked
	offHead        = 64  // u64: where the next record to take is
	offHeadSegment = 72  // u32
	offSeenTail    = 80  // u32: items of the tail, when those who take last looked
	offTakers      = 128 // u32: the bell of those who wait for an item
	offPutters     = 132 // u32: that of those who wait for room
	offState       = 136 // u32
	offCapacity    = 140 // u32: items; 0: no bound
	offBytes       = 144 // u32: of large items under way that make it full; 0: no bound
	offUnderWay    = 168 // u64: bytes of large items that are in the queue
	offDone        = 152 // u32: items that are done with
	offLost        = 156 // u32: of them those whose taker died
	offJoiners     = 160 // u32: changes when everything is done
	offSpare       = 192 // u32: a segment for the next need
	offSpareBlobs  = 196 // u32 each: blobs for the next needs
	spareBlobs     = 15
	controlSize    = 256
)

// Bits of the state.
const (
	stateShut     = 1 // nothing is put any more
	stateDropped  = 2 // and what is left is not to be had
	statePutters  = 4 // the last who could put has gone
	stateTakers   = 8 // the last who could take has gone
	stateJoinable = 16
)

// A segment: the next one, and then records, each at a multiple of 8.
const (
	segmentSize  = 64 << 10
	segmentNext  = 0 // u32
	segmentStart = 16
)

// A record: a header, the payload, and the cells that it refers to.
const (
	recordSize   = 0 // u32: bytes of payload
	recordCells  = 4 // u16: how many cells it refers to, each u32, behind the payload
	recordKind   = 6 // u16
	recordHeader = 8

	kindInline = 1 // the payload follows
	kindLarge  = 2 // the first cell is the blob that has the payload
	kindEnd    = 3 // the next record is in the next segment

	// inline is the largest payload that is in its record.
	inline = 8 << 10
	// MaxCells is how many objects a record can refer to, besides its blob.
	MaxCells = 40
	// keepable is the largest blob that is kept for the next large item, spareBytes the most
	// of them all.
	keepable   = 4 << 20
	spareBytes = 16 << 20
)
