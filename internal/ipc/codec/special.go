package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sync"
)

// Special is a way to travel of its own for one type: an extension with a payload.
//
// Append and Decode are trusted like this package: Append must not shorten dst, and Decode must take any payload, which
// it may not keep, without panicking. If the type is a pointer, map, slice or interface, nil is dealt with before them.
type Special struct {
	Ext    int8
	Append func(dst []byte, v reflect.Value) ([]byte, error)
	Decode func(payload []byte, v reflect.Value) error
}

var specials = struct {
	sync.RWMutex
	byType map[reflect.Type]Special
}{
	byType: map[reflect.Type]Special{
		reflect.TypeFor[timeType](): {Ext: ExtTime, Append: appendTimeValue, Decode: decodeTimeValue},
	},
}

// RegisterSpecial makes values of type t travel through s. It must come before the first use of a type that contains
// t, so in the initialisation of the package that defines it. Several types may share an Ext. It panics on misuse.
func RegisterSpecial(t reflect.Type, s Special) {
	if t == nil || s.Append == nil || s.Decode == nil {
		panic("codec: RegisterSpecial needs a type, Append and Decode")
	}
	if s.Ext < FirstSpecialExt {
		panic(fmt.Sprintf("codec: RegisterSpecial(%s): extension type %d is below %d", t, s.Ext, FirstSpecialExt))
	}
	specials.Lock()
	defer specials.Unlock()
	if _, twice := specials.byType[t]; twice {
		panic(fmt.Sprintf("codec: RegisterSpecial(%s): registered twice", t))
	}
	if _, late := codecs.Load(t); late {
		panic(fmt.Sprintf("codec: RegisterSpecial(%s): the type is already in use", t))
	}
	specials.byType[t] = s
}

func specialFor(t reflect.Type) (Special, bool) {
	specials.RLock()
	defer specials.RUnlock()
	s, ok := specials.byType[t]
	return s, ok
}

func (p *plan) useSpecial(s Special) {
	p.encode = func(dst []byte, v reflect.Value, f frame) ([]byte, error) {
		if p.nilable && v.IsNil() {
			return append(dst, codeNil), nil
		}
		at := len(dst)
		dst, err := s.Append(append(dst, codeExt8, 0, byte(s.Ext)), v)
		if err != nil {
			return dst, &fault{reason: v.Type().String(), err: err}
		}
		if err := f.fits(dst, 0); err != nil {
			return dst, err
		}
		return closeExt(dst, at), nil
	}
	p.decode = func(src []byte, v reflect.Value, _ bool) ([]byte, error) {
		if p.nilable && isNil(src) {
			return src[1:], nil
		}
		ext, payload, rest, ok := readExt(src)
		if !ok || ext != s.Ext {
			return nil, mismatch(src, fmt.Sprintf("ext type %d for %s", s.Ext, p.typ))
		}
		if err := s.Decode(payload, v); err != nil {
			return nil, &fault{reason: v.Type().String(), err: err, left: len(src)}
		}
		return rest, nil
	}
	if !p.nilable {
		p.minSize = 3
	}
}

// closeExt puts the length into the ext8 header at dst[at:], whose payload is the rest of dst, and widens the header
// if it must.
func closeExt(dst []byte, at int) []byte {
	const ext8, ext32 = 3, 6
	payload := len(dst) - at - ext8
	if payload <= math.MaxUint8 {
		dst[at+1] = byte(payload)
		return dst
	}
	ext := dst[at+2]
	dst = append(dst, make([]byte, ext32-ext8)...)
	copy(dst[at+ext32:], dst[at+ext8:])
	dst[at], dst[at+5] = codeExt32, ext
	binary.BigEndian.PutUint32(dst[at+1:], uint32(payload))
	return dst
}
