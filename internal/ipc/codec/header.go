package codec

import (
	"encoding/binary"
	"fmt"
)

// family is what a msgpack value is, whatever the width of its header.
type family byte

const (
	invalid family = iota
	famNil
	famBool
	famInt
	famFloat32
	famFloat64
	famStr
	famBin
	famArray
	famMap
	famExt
)

var familyNames = [...]string{"an invalid code", "nil", "bool", "int", "float32", "float64", "str", "bin", "array", "map", "ext"}

// header is the decoded head of one msgpack value.
type header struct {
	family family
	size   int    // bytes of the head: code, length, extension type
	n      uint64 // bytes of the body that follow, or items of an array, or entries of a map
}

// form describes one of the codes 0xc0 to 0xdf.
type form struct {
	family family
	length uint8 // width of the length that follows the code
	body   uint8 // bytes of the body when there is no length
}

var forms = [0x20]form{
	{famNil, 0, 0}, {invalid, 0, 0}, {famBool, 0, 0}, {famBool, 0, 0},
	{famBin, 1, 0}, {famBin, 2, 0}, {famBin, 4, 0},
	{famExt, 1, 0}, {famExt, 2, 0}, {famExt, 4, 0},
	{famFloat32, 0, 4}, {famFloat64, 0, 8},
	{famInt, 0, 1}, {famInt, 0, 2}, {famInt, 0, 4}, {famInt, 0, 8}, // unsigned
	{famInt, 0, 1}, {famInt, 0, 2}, {famInt, 0, 4}, {famInt, 0, 8}, // signed
	{famExt, 0, 1}, {famExt, 0, 2}, {famExt, 0, 4}, {famExt, 0, 8}, {famExt, 0, 16},
	{famStr, 1, 0}, {famStr, 2, 0}, {famStr, 4, 0},
	{famArray, 2, 0}, {famArray, 4, 0},
	{famMap, 2, 0}, {famMap, 4, 0},
}

// parseHeader reads the head of the value at the start of src. It reports false if the code is invalid or the head cut
// off; whether the body is there, the caller checks.
func parseHeader(src []byte) (h header, ok bool) {
	if len(src) == 0 {
		return h, false
	}
	switch c := src[0]; {
	case c <= codePosFixHigh || c >= codeNegFixLow:
		return header{famInt, 1, 0}, true
	case c < codeFixArray:
		return header{famMap, 1, uint64(c & fixContainerMax)}, true
	case c < codeFixStr:
		return header{famArray, 1, uint64(c & fixContainerMax)}, true
	case c <= codeFixStrHigh:
		return header{famStr, 1, uint64(c & fixStrMax)}, true
	default:
		return parseForm(src, forms[c-codeNil])
	}
}

func parseForm(src []byte, f form) (header, bool) {
	h := header{f.family, 1 + int(f.length), uint64(f.body)}
	if f.family == famExt {
		h.size++ // the extension type, last in the head
	}
	if f.family == invalid || len(src) < h.size {
		return h, false
	}
	switch f.length {
	case 1:
		h.n = uint64(src[1])
	case 2:
		h.n = uint64(binary.BigEndian.Uint16(src[1:]))
	case 4:
		h.n = uint64(binary.BigEndian.Uint32(src[1:]))
	}
	return h, true
}

// readBody reads a value of family fam whose body is a run of bytes that must all be present.
func readBody(src []byte, fam family) (body, rest []byte, ok bool) {
	h, ok := parseHeader(src)
	if !ok || h.family != fam || h.n > uint64(len(src)-h.size) {
		return nil, nil, false
	}
	end := h.size + int(h.n)
	return src[h.size:end:end], src[end:], true
}

// readExt reads an extension value.
func readExt(src []byte) (ext int8, body, rest []byte, ok bool) {
	body, rest, ok = readBody(src, famExt)
	if !ok {
		return 0, nil, nil, false
	}
	return int8(src[len(src)-len(rest)-len(body)-1]), body, rest, true
}

// readCount reads the head of an array or a map of which every item (entry) takes at least unit bytes. It reports
// false also if so many cannot be in what is left: a count can make nobody reserve memory that no bytes stand behind.
func readCount(src []byte, fam family, unit int) (n int, rest []byte, ok bool) {
	h, ok := parseHeader(src)
	if !ok || h.family != fam || h.n > uint64(len(src)-h.size)/uint64(unit) {
		return 0, nil, false
	}
	return int(h.n), src[h.size:], true
}

// describe says in words what src begins with, for an error.
func describe(src []byte) string {
	if len(src) == 0 {
		return "the end of the message"
	}
	h, ok := parseHeader(src)
	switch {
	case !ok && h.family != invalid:
		return "a cut off " + familyNames[h.family]
	case !ok:
		return fmt.Sprintf("the invalid code %#02x", src[0])
	}
	left := len(src) - h.size
	switch h.family {
	case famStr, famBin, famExt:
		if h.n > uint64(left) {
			return fmt.Sprintf("%s of %d bytes with %d left", familyNames[h.family], h.n, left)
		}
		return fmt.Sprintf("%s of %d bytes", familyNames[h.family], h.n)
	case famArray, famMap:
		return fmt.Sprintf("%s of %d items with %d bytes left", familyNames[h.family], h.n, left)
	case famInt, famFloat32, famFloat64:
		if h.n > uint64(left) {
			return "a cut off " + familyNames[h.family]
		}
	}
	return familyNames[h.family]
}
