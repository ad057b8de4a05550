package shmlist

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Canonical returns a value in the type that it has in a list: int64, float64,
// bool, string, []byte or nil. Kinds count, not types: a time.Duration is an
// int64. What a list cannot keep as it is gets an error.
func Canonical(v any) (any, error) {
	switch v := v.(type) {
	case nil, int64, float64, bool:
		return v, nil
	case string:
		return v, checkText(v)
	case []byte:
		return v, checkTail(v)
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if r.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%d is beyond the range of int64", r.Uint())
		}
		return int64(r.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return r.Float(), nil
	case reflect.Bool:
		return r.Bool(), nil
	case reflect.String:
		return r.String(), checkText(r.String())
	case reflect.Slice:
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return r.Bytes(), checkTail(r.Bytes())
		}
	}
	return nil, fmt.Errorf("%T cannot be in a ShareableList: only integers, floats, bool, string, []byte and nil can", v)
}

func checkText(s string) error {
	switch {
	case !utf8.ValidString(s):
		return errors.New("a string that is not UTF-8; use []byte")
	case strings.HasSuffix(s, "\x00"):
		return errTail
	}
	return nil
}

func checkTail(b []byte) error {
	if bytes.HasSuffix(b, []byte{0}) {
		return errTail
	}
	return nil
}

var errTail = errors.New("NUL bytes at the end would be lost: a ShareableList pads with them")

// Equal compares canonical values: by type and value, so that 1, 1.0 and true
// are three different things, and NaN is equal to nothing.
func Equal(a, b any) bool {
	x, isBytes := a.([]byte)
	y, areBytes := b.([]byte)
	if isBytes || areBytes {
		return isBytes && areBytes && bytes.Equal(x, y)
	}
	return a == b
}
