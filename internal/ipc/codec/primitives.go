package codec

import (
	"encoding/binary"
	"math"
)

// The msgpack primitives, written by hand: msgpack/v5's Encoder and Decoder go through an io.Writer and an io.Reader,
// several calls per number. A test holds every one of them against msgpack/v5.

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, codeTrue)
	}
	return append(dst, codeFalse)
}

// appendUint writes u in its shortest form.
func appendUint(dst []byte, u uint64) []byte {
	switch {
	case u <= codePosFixHigh:
		return append(dst, byte(u))
	case u <= math.MaxUint8:
		return append(dst, codeUint8, byte(u))
	case u <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeUint16), uint16(u))
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, codeUint32), uint32(u))
	default:
		return binary.BigEndian.AppendUint64(append(dst, codeUint64), u)
	}
}

// appendInt writes i in its shortest form.
func appendInt(dst []byte, i int64) []byte {
	switch {
	case i >= 0:
		return appendUint(dst, uint64(i))
	case i >= negFixMin:
		return append(dst, byte(i))
	case i >= math.MinInt8:
		return append(dst, codeInt8, byte(i))
	case i >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, codeInt16), uint16(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, codeInt32), uint32(i))
	default:
		return binary.BigEndian.AppendUint64(append(dst, codeInt64), uint64(i))
	}
}

func appendFloat32(dst []byte, bits uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, codeFloat32), bits)
}

func appendFloat64(dst []byte, bits uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, codeFloat64), bits)
}

// appendString writes s. Precondition: the caller has compared its length with the frame's limit.
func appendString(dst []byte, s string) []byte {
	switch n := len(s); {
	case n <= fixStrMax:
		dst = append(dst, codeFixStr|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, codeStr8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, codeStr16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, codeStr32), uint32(n))
	}
	return append(dst, s...)
}

// appendBin writes b as a byte string. Precondition: as appendString.
func appendBin(dst, b []byte) []byte { return append(appendBinHeader(dst, len(b)), b...) }

func appendBinHeader(dst []byte, n int) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(dst, codeBin8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeBin16), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, codeBin32), uint32(n))
	}
}

func appendArrayHeader(dst []byte, n int) []byte {
	switch {
	case n <= fixContainerMax:
		return append(dst, codeFixArray|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeArray16), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, codeArray32), uint32(n))
	}
}

func appendMapHeader(dst []byte, n int) []byte {
	switch {
	case n <= fixContainerMax:
		return append(dst, codeFixMap|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, codeMap16), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, codeMap32), uint32(n))
	}
}

// PutRawHeader writes the header of a raw block of payload bytes into the first [RawHeaderSize] bytes of dst.
// Preconditions: dst is that long, and payload is at most [MaxMessage].
func PutRawHeader(dst []byte, payload int) {
	dst[0], dst[5] = codeExt32, byte(ExtRaw)
	binary.BigEndian.PutUint32(dst[1:], uint32(payload))
}

// PutArrayHeader writes the header of a batch of n items into the first [ArrayHeaderSize] bytes of dst; the encodings
// of the items follow it. Preconditions: dst is that long, and n fits 32 bits.
func PutArrayHeader(dst []byte, n int) {
	dst[0] = codeArray32
	binary.BigEndian.PutUint32(dst[1:], uint32(n))
}
