package shmlist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// The formats of everything but strings.
const (
	formInt   = "q"
	formFloat = "d"
	formBool  = "xxxxxxx?"
	formNone  = "xxxxxx?x"
)

// The codes.
const (
	codePlain = 0
	codeStr   = 1
	codeBytes = 2
	codeNone  = 3
)

// ErrTooLong says that the value does not fit into the slot of the item.
var ErrTooLong = errors.New("does not fit")

// Get returns item i, as a Canonical value that shares no memory with the list.
func (l *Layout) Get(mem []byte, i int) (any, error) {
	slot, code := l.slot(mem, i), mem[l.codes+i]
	form := string(bytes.TrimRight(l.form(mem, i), "\x00"))
	switch {
	case form == formInt && code == codePlain:
		return int64(binary.NativeEndian.Uint64(slot)), nil
	case form == formFloat && code == codePlain:
		return math.Float64frombits(binary.NativeEndian.Uint64(slot)), nil
	case form == formBool && code == codePlain:
		return slot[unit-1] != 0, nil
	case form == formNone && code == codeNone:
		return nil, nil
	case code == codeStr || code == codeBytes:
		n, ok := stringForm(form)
		if !ok || n > len(slot) {
			break
		}
		text := bytes.Clone(slot[:n]) // looked at only once
		text = bytes.TrimRight(text, "\x00")
		if code == codeStr {
			return string(text), nil
		}
		return text, nil
	}
	return nil, fmt.Errorf("item %d has the format %q with the code %d: %w", i, form, code, ErrMalformed)
}

// stringForm returns the length that a format of strings has.
func stringForm(form string) (n int, ok bool) {
	if len(form) < 2 || form[len(form)-1] != 's' {
		return 0, false
	}
	u, err := strconv.ParseUint(form[:len(form)-1], 10, 32)
	return int(u), err == nil
}

// Set changes item i to a Canonical value. One that does not fit is ErrTooLong, and
// nothing is changed. A number in a long slot leaves the rest of it as it is.
func (l *Layout) Set(mem []byte, i int, v any) error {
	slot := l.slot(mem, i)
	switch v := v.(type) {
	case int64:
		l.describe(mem, i, formInt, codePlain)
		binary.NativeEndian.PutUint64(slot, uint64(v))
	case float64:
		l.describe(mem, i, formFloat, codePlain)
		binary.NativeEndian.PutUint64(slot, math.Float64bits(v))
	case bool:
		l.describe(mem, i, formBool, codePlain)
		clear(slot[:unit])
		if v {
			slot[unit-1] = 1
		}
	case nil:
		l.describe(mem, i, formNone, codeNone)
		clear(slot[:unit])
	case string:
		return setString(l, mem, i, v, codeStr)
	case []byte:
		return setString(l, mem, i, v, codeBytes)
	default:
		return fmt.Errorf("%T is not a canonical value", v)
	}
	return nil
}

func setString[S ~string | ~[]byte](l *Layout, mem []byte, i int, v S, code byte) error {
	slot := l.slot(mem, i)
	if len(v) > len(slot) || len(slot) > most {
		return fmt.Errorf("%d bytes into a slot of %d: %w", len(v), len(slot), ErrTooLong)
	}
	l.describe(mem, i, strconv.Itoa(len(slot))+"s", code)
	clear(slot[copy(slot, v):])
	return nil
}

// describe writes an item's format and code.
func (l *Layout) describe(mem []byte, i int, form string, code byte) {
	f := l.form(mem, i)
	clear(f[copy(f, form):])
	mem[l.codes+i] = code
}
