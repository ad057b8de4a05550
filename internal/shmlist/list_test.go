package shmlist

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func build(t testing.TB, items ...any) (*Layout, []byte) {
	t.Helper()
	l, err := Plan(items)
	require.NoError(t, err)
	mem := make([]byte, l.Size())
	require.NoError(t, l.Write(mem, items))
	return l, mem
}

// What CPython 3.11 makes of [1, 1.5, True, None, "12345678", b"b"], on a
// little-endian machine.
func TestGoldenBytes(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("this machine has another byte order")
	}
	golden := strings.Join([]string{
		"0600000000000000",                                                             // 6 items
		"0000000000000000", "0800000000000000", "1000000000000000", "1800000000000000", // slots
		"2000000000000000", "3000000000000000", "3800000000000000", //
		"0100000000000000", "000000000000f83f", "0000000000000001", "0000000000000000", // values
		"31323334353637380000000000000000", "6200000000000000", //
		"7100000000000000", "6400000000000000", hex.EncodeToString([]byte("xxxxxxx?xxxxxx?x")), // q d
		hex.EncodeToString([]byte("16s\x00\x00\x00\x00\x008s\x00\x00\x00\x00\x00\x00")), "000000030102", // codes
	}, "")
	l, mem := build(t, int64(1), 1.5, true, nil, "12345678", []byte("b"))
	assert.Equal(t, golden, hex.EncodeToString(mem))
	again, err := Read(mem)
	require.NoError(t, err)
	assert.Equal(t, l, again)
}

func TestReadRefusesWhatIsNoList(t *testing.T) {
	_, good := build(t, int64(1), "text")
	for what, spoil := range map[string]func(mem []byte) []byte{
		"nothing":           func([]byte) []byte { return nil },
		"too short":         func(mem []byte) []byte { return mem[:len(mem)-1] },
		"a huge count":      func(mem []byte) []byte { mem[7] = 0x7f; return mem },
		"a negative count":  func(mem []byte) []byte { mem[7] = 0xff; return mem },
		"a false start":     func(mem []byte) []byte { mem[8] = 8; return mem },
		"slots overlap":     func(mem []byte) []byte { mem[16] = 0; return mem },
		"a crooked slot":    func(mem []byte) []byte { mem[16] = 4; return mem },
		"a slot beyond":     func(mem []byte) []byte { mem[24] = 0xf8; return mem },
		"a slot far beyond": func(mem []byte) []byte { mem[31] = 0x80; return mem },
	} {
		_, err := Read(spoil(append([]byte(nil), good...)))
		assert.ErrorIs(t, err, ErrMalformed, what)
	}
}

func TestGetRefusesWhatIsNoItem(t *testing.T) {
	for what, c := range map[string]struct {
		form string
		code byte
	}{
		"no format":            {"", 0},
		"another format":       {"i", 0},
		"a longer string":      {"17s", 1},
		"a very long string":   {"9999999s", 2},
		"a negative length":    {"-1s", 1},
		"a sign":               {"+1s", 1},
		"no length":            {"s", 1},
		"a number as text":     {"q", 1},
		"a string as a number": {"8s", 0},
		"an unknown code":      {"q", 4},
		"None as a bool":       {"xxxxxx?x", 0},
	} {
		l, mem := build(t, "12345678") // a slot of 16
		l.describe(mem, 0, c.form, c.code)
		_, err := l.Get(mem, 0)
		assert.ErrorIs(t, err, ErrMalformed, what)
	}
}

func TestSetLeavesTheRestAlone(t *testing.T) {
	l, mem := build(t, "before", "12345678", "behind")
	before := append([]byte(nil), mem...)
	assert.ErrorIs(t, l.Set(mem, 1, "12345678901234567"), ErrTooLong)
	assert.Error(t, l.Set(mem, 1, 7), "not canonical")
	assert.Equal(t, before, mem)
	require.NoError(t, l.Set(mem, 1, int64(-1)))
	require.NoError(t, l.Set(mem, 1, "12345678"))
	assert.Equal(t, before, mem)
}

func TestEqual(t *testing.T) {
	assert.True(t, Equal([]byte("a"), []byte("a")))
	assert.False(t, Equal([]byte("a"), "a"))
	assert.False(t, Equal(nil, []byte{}))
	assert.True(t, Equal(nil, nil))
	assert.False(t, Equal(int64(1), 1.0))
	assert.False(t, Equal(math.NaN(), math.NaN()))
}

// Nothing that can be in the memory makes a reader panic or look elsewhere.
func FuzzRead(f *testing.F) {
	_, mem := build(f, int64(1), "text", []byte("bytes"), nil, 2.5, true)
	f.Add(mem, 1, "x")
	_, mem = build(f)
	f.Add(mem, 0, "")
	f.Fuzz(func(t *testing.T, mem []byte, i int, text string) {
		l, err := Read(mem[:len(mem):len(mem)])
		if err != nil {
			return
		}
		for i := range l.Len() {
			_, _ = l.Get(mem, i)
		}
		v, err := Canonical(text)
		if err == nil && l.Len() > 0 {
			i = int(uint(i) % uint(l.Len()))
			if l.Set(mem, i, v) == nil {
				got, err := l.Get(mem, i)
				assert.NoError(t, err)
				assert.Equal(t, v, got)
			}
		}
	})
}
