package codec

// The codes of msgpack. They are constants here because those of msgpack/v5 are variables; a test compares the two.
const (
	codePosFixHigh = 0x7f
	codeFixMap     = 0x80
	codeFixArray   = 0x90
	codeFixStr     = 0xa0
	codeFixStrHigh = 0xbf
	codeNil        = 0xc0
	codeFalse      = 0xc2
	codeTrue       = 0xc3
	codeBin8       = 0xc4
	codeBin16      = 0xc5
	codeBin32      = 0xc6
	codeExt8       = 0xc7
	codeExt32      = 0xc9
	codeFloat32    = 0xca
	codeFloat64    = 0xcb
	codeUint8      = 0xcc
	codeUint16     = 0xcd
	codeUint32     = 0xce
	codeUint64     = 0xcf
	codeInt8       = 0xd0
	codeInt16      = 0xd1
	codeInt32      = 0xd2
	codeInt64      = 0xd3
	codeFixExt1    = 0xd4
	codeStr8       = 0xd9
	codeStr16      = 0xda
	codeStr32      = 0xdb
	codeArray16    = 0xdc
	codeArray32    = 0xdd
	codeMap16      = 0xde
	codeMap32      = 0xdf
	codeNegFixLow  = 0xe0

	fixStrMax       = 31 // longest string, array and map with the length inside the code
	fixContainerMax = 15
	negFixMin       = -32
)
