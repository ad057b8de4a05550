package codec

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"time"
)

type timeType = time.Time

// A time travels as its instant and its location, see the time constants in wire.go. Left behind is the monotonic
// reading, which means nothing in another process. UTC and Local arrive as themselves. Another location is sent by
// name if the receiver can find it under that name, else as the offset it has at this instant.

func appendTimeValue(dst []byte, v reflect.Value) ([]byte, error) {
	if v.CanAddr() {
		return appendTime(dst, *v.Addr().Interface().(*time.Time))
	}
	return appendTime(dst, v.Interface().(time.Time))
}

// appendTimeExt writes t with its header.
func appendTimeExt(dst []byte, t time.Time) ([]byte, error) {
	at := len(dst)
	dst, err := appendTime(append(dst, codeExt8, 0, byte(ExtTime)), t)
	if err != nil {
		return dst, err
	}
	return closeExt(dst, at), nil
}

// appendTime writes the payload.
func appendTime(dst []byte, t time.Time) ([]byte, error) {
	zone := zoneOf(t)
	dst = append(dst, zone)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Unix()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	if zone == zoneUTC || zone == zoneLocal {
		return dst, nil
	}
	abbreviation, offset := t.Zone()
	if len(abbreviation) > math.MaxUint16 || offset != int(int32(offset)) {
		return dst, errors.New("the time zone is out of range")
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(int32(offset)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(abbreviation)))
	dst = append(dst, abbreviation...)
	if zone == zoneNamed {
		dst = append(dst, t.Location().String()...)
	}
	return dst, nil
}

func decodeTimeValue(payload []byte, v reflect.Value) error {
	t, err := decodeTime(payload)
	if err == nil {
		*v.Addr().Interface().(*time.Time) = t
	}
	return err
}

var errTime = errors.New("not a time")

func decodeTime(payload []byte) (time.Time, error) {
	if len(payload) < timeInstantSize {
		return time.Time{}, errTime
	}
	zone := payload[0]
	sec := int64(binary.BigEndian.Uint64(payload[1:]))
	nsec := binary.BigEndian.Uint32(payload[9:])
	if nsec >= 1e9 {
		return time.Time{}, errTime
	}
	t, rest := time.Unix(sec, int64(nsec)), payload[timeInstantSize:]
	switch {
	case zone == zoneUTC && len(rest) == 0:
		return t.UTC(), nil
	case zone == zoneLocal && len(rest) == 0:
		return t, nil
	case (zone == zoneNamed || zone == zoneFixed) && len(rest) >= timeOffsetSize:
		return decodeZone(t, zone, rest)
	}
	return time.Time{}, errTime
}

func decodeZone(t time.Time, zone byte, src []byte) (time.Time, error) {
	offset := int(int32(binary.BigEndian.Uint32(src)))
	length := int(binary.BigEndian.Uint16(src[4:]))
	src = src[timeOffsetSize:]
	if length > len(src) || (zone == zoneFixed && length != len(src)) {
		return time.Time{}, errTime
	}
	abbreviation, name := string(src[:length]), string(src[length:])
	if zone == zoneNamed {
		if loc := loadLocation(name); loc != nil {
			if _, here := t.In(loc).Zone(); here == offset {
				return t.In(loc), nil
			}
		}
	}
	return t.In(fixedZone(abbreviation, offset)), nil
}
