// Package codec carries Go values between processes of one program, as msgpack.
//
// It is compiled for a type once and then exact: what arrives is what was sent, or there is an error. It trusts the
// sender with nothing: a decoder reserves memory only for what bytes are present to fill, nests no deeper than
// [MaxDepth], and returns an error, never a panic, for bytes that are not the encoding of its type.
//
// # Basics
//
//	c, err := codec.For(reflect.TypeFor[Job]()) // once; says which field cannot travel, and why
//	buf, err = codec.Append(c, buf, &job)
//	err = codec.Decode(c, buf, &got)
//
// msgpack/v5's own reflection is not used, because it is not exact: it lets 70000 into an int8, leaves out what a tag
// says, merges into maps that are there. Each [Codec] is a tree of functions, one for each part of the type, made when
// it is first asked for.
//
// # What travels as what
//
//   - bool, numbers, string: the msgpack value; integers in their shortest form, of any width when read, but never
//     narrowed. A float32 is not a float64. Strings are any bytes.
//   - []byte and [N]byte: bin. Other slices and arrays of pointer-free types (bools, numbers, arrays and structs of
//     them): one extension [ExtRaw] with their memory. All other slices and arrays: array. Slices may be nil.
//   - struct: the array of its fields, in order, without names; struct tags mean nothing here. All fields must be
//     exported, except that blank ones are left out.
//   - pointer: nil or what it points to; around what may itself be nil, such as a map, goes an array of one. Sharing
//     is not kept: two pointers to one value arrive as pointers to two. A value that contains itself is an error.
//   - map: nil or map. Entries are in no particular order. Equal keys are an error, except NaN, which equals nothing.
//   - any: see below. Other interfaces, channels, functions, complex numbers and uintptr do not travel.
//   - time.Time: extension [ExtTime]; exact but for the monotonic reading.
//   - types registered with [RegisterSpecial]: an extension of their own.
//   - types with EncodeMsgpack and DecodeMsgpack (of msgpack/v5), or MarshalBinary and UnmarshalBinary: bin, with what
//     these methods make of them. Types that cannot travel otherwise, such as structs with unexported fields: by
//     GobEncode and GobDecode as bin, or MarshalText and UnmarshalText as str. Methods promoted from an embedded field
//     do not count: they know nothing of the other fields.
//
// # The contents of an any
//
// An any may hold nil, bool, every kind of number, string, []byte, []any, map[string]any, map[any]any, time.Time,
// time.Duration, and slices of bool, numbers and string, and keeps their exact type. Where msgpack tells the type, the
// value stands alone: int is a msgpack integer, float32, float64, string, []byte, []any and map[string]any are what
// they are called there. Everything else, and a nil slice or map, is an array of two: a mark, which is the one-byte
// extension [ExtKind] with the kind from wire.go, and the value as its static type has it. A mark is not a value, so
// no []any looks like that.
//
//	int(5)         05
//	int8(5)        92 d4 02 01 05
//	[]int(nil)     92 d4 02 31 c0
//	[]any{5}       91 05
//
// # Caveats
//
//   - Raw blocks are in the byte order and layout of this build; both ends must be the same binary.
//   - Memory that [Codec.DecodeAlias] and [AliasItems] return is part of the message: nobody may write to the one while the
//     other is in use.
//   - While a value is being encoded nobody may change it.
//   - A list linked by pointers is as deep as it is long: 10000 nodes. Use a slice.
//
// wire.go has every constant of the format.
package codec
