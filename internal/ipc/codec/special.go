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
//
// Discard is for an Append that does more than to write, such as to keep something open for the receiver: it takes that
// back. It is called with each payload that Append has returned without an error, if the value around it cannot be
// encoded after all. Nil if there is nothing to take back.
type Special struct {
	Ext     int8
	Append  func(dst []byte, v reflect.Value) ([]byte, error)
	Decode  func(payload []byte, v reflect.Value) error
	Discard func(payload []byte)
}

var specials = struct {
	sync.RWMutex
	byType map[reflect.Type]Special
	byRule []func(reflect.Type) (Special, bool)
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

// RegisterSpecials makes values of every type for which rule returns true travel through the Special that it returns:
// generic types have no end of instances. What RegisterSpecial says of when, and of extension types, holds for it too.
func RegisterSpecials(rule func(t reflect.Type) (Special, bool)) {
	specials.Lock()
	defer specials.Unlock()
	specials.byRule = append(specials.byRule, rule)
}

func specialFor(t reflect.Type) (Special, bool) {
	specials.RLock()
	defer specials.RUnlock()
	if s, ok := specials.byType[t]; ok {
		return s, true
	}
	for _, rule := range specials.byRule {
		if s, ok := rule(t); ok {
			return s, true
		}
	}
	return Special{}, false
}

// Carries reports whether values of the codec's type can have extensions of RegisterSpecial in them.
func (c *Codec) Carries() bool { return c.carries }

// EachSpecial calls fn for the extensions of RegisterSpecial in src, which is what Append or AppendItems has made, until
// fn returns an error, and returns that.
func EachSpecial(src []byte, fn func(ext int8, payload []byte) error) error {
	for len(src) > 0 {
		h, ok := parseHeader(src)
		if !ok {
			return decodeError(nil, mismatch(src, "a value"), len(src))
		}
		head := src[:h.size]
		src = src[h.size:]
		if h.family == famArray || h.family == famMap {
			continue // what is in it follows
		}
		if h.n > uint64(len(src)) {
			return decodeError(nil, mismatch(src, "a whole value"), len(src))
		}
		payload := src[:h.n:h.n]
		if h.family == famExt {
			if ext := int8(head[len(head)-1]); ext >= FirstSpecialExt {
				if err := fn(ext, payload); err != nil {
					return err
				}
			}
		}
		src = src[h.n:]
	}
	return nil
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
		if s.Discard != nil {
			f.seen.note(s.Discard, dst[at+3:])
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
