package codec

// The constants of the wire format. docs/protocol.md cites this file; nothing of the layout is written anywhere else.

// Extension types. Numbers from [FirstSpecialExt] up belong to types registered with [RegisterSpecial]; negative ones
// are reserved by msgpack.
const (
	// ExtRaw is the memory of a slice or array of a pointer-free type, in the byte order of the machine.
	ExtRaw int8 = 1
	// ExtKind marks the type of a value inside an any: the array [ExtKind(kind), value], see the kind constants.
	ExtKind int8 = 2
	// ExtTime is a time.Time: see the time constants.
	ExtTime int8 = 3
	// FirstSpecialExt is the lowest extension type free for RegisterSpecial.
	FirstSpecialExt int8 = 16
)

// Headers of fixed size, for callers that lay out a batch themselves.
const (
	// RawHeaderSize is the size of the header before a raw block: 0xc9, u32 big-endian length, ExtRaw.
	RawHeaderSize = 6
	// RawMark is the first byte of that header; no other encoding of items begins with it.
	RawMark = codeExt32
	// ArrayHeaderSize is the size of the header before a batch of items: 0xdd, u32 big-endian count.
	ArrayHeaderSize = 5
)

// Bounds.
const (
	// MaxDepth is how deep arrays and maps may nest.
	MaxDepth = 10000
	// MaxMessage is the size of the largest encoding, so that a frame header and the message still count in 32 bits.
	MaxMessage = 1<<32 - 1 - 64
)

// Kinds of values inside an any whose type msgpack's own types do not tell. The value follows the mark as it would
// travel under its static type; the composite kinds 0x20 to 0x22 are marked only when nil.
const (
	kindInt8     byte = 0x01
	kindInt16    byte = 0x02
	kindInt32    byte = 0x03
	kindInt64    byte = 0x04
	kindUint     byte = 0x05
	kindUint8    byte = 0x06
	kindUint16   byte = 0x07
	kindUint32   byte = 0x08
	kindUint64   byte = 0x09
	kindDuration byte = 0x0a

	kindBytes     byte = 0x20 // []byte
	kindAnys      byte = 0x21 // []any
	kindStringMap byte = 0x22 // map[string]any
	kindAnyMap    byte = 0x23 // map[any]any

	kindBools    byte = 0x30 // []bool, and so on
	kindInts     byte = 0x31
	kindInt8s    byte = 0x32
	kindInt16s   byte = 0x33
	kindInt32s   byte = 0x34
	kindInt64s   byte = 0x35
	kindUints    byte = 0x36
	kindUint16s  byte = 0x37
	kindUint32s  byte = 0x38
	kindUint64s  byte = 0x39
	kindFloat32s byte = 0x3a
	kindFloat64s byte = 0x3b
	kindStrings  byte = 0x3c
)

// Payload of ExtTime: zone byte, i64 seconds since 1970, u32 nanoseconds; for zoneNamed and zoneFixed also i32 seconds
// east of Greenwich, u16 length of the abbreviation, the abbreviation; for zoneNamed also the location's name to the
// end. All numbers are big-endian.
const (
	zoneUTC   byte = 0
	zoneLocal byte = 1
	zoneNamed byte = 2
	zoneFixed byte = 3

	timeInstantSize = 1 + 8 + 4
	timeOffsetSize  = 4 + 2
)
