package codec

import (
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// bench measures both directions of one value, and msgpack/v5 beside it.
func bench[T any](b *testing.B, name string, v T, bytes int) {
	c, err := Of[T]()
	if err != nil {
		b.Fatal(err)
	}
	buf, err := Append(c, nil, &v)
	if err != nil {
		b.Fatal(err)
	}
	run := func(op string, body func() error) {
		b.Run(name+"/"+op, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(bytes))
			for b.Loop() {
				if err := body(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var got T
	run("append", func() (err error) { buf, err = Append(c, buf[:0], &v); return err })
	run("decode", func() error { return Decode(c, buf, &got) })
	if testing.Short() {
		return
	}
	theirs, err := msgpack.Marshal(&v)
	if err != nil {
		b.Fatal(err)
	}
	run("append-msgpack", func() error { _, err := msgpack.Marshal(&v); return err })
	run("decode-msgpack", func() error { var fresh T; return msgpack.Unmarshal(theirs, &fresh) })
}

func BenchmarkCodec(b *testing.B) {
	bench(b, "int", 123456, 0)
	bench(b, "string", "a string of 24 bytes....", 0)
	bench(b, "struct3", struct {
		A int
		B float64
		C bool
	}{123456, 1.5, true}, 0)
	bench(b, "job", job{1, "a", 2}, 0)
	bench(b, "ints1k", make([]int, 1024), 8<<10)
	bench(b, "ints1M", make([]int, 1<<20), 8<<20)
	bench(b, "bools1M", make([]bool, 1<<20), 1<<20)
	bench(b, "bytes1M", make([]byte, 1<<20), 1<<20)
	bench(b, "strings100", make([]string, 100), 0)
	bench(b, "map10", map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "j": 10}, 0)
	bench(b, "any10", []any{1, "b", 3.5, true, nil, 6, "g", 8, 9, 10}, 0)
	bench(b, "time", time.Now(), 0)
}

func BenchmarkItems(b *testing.B) {
	c, err := Of[int]()
	if err != nil {
		b.Fatal(err)
	}
	items := make([]int, 1<<17)
	buf, err := AppendItems(c, nil, items)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.SetBytes(8 << 17)
		for b.Loop() {
			buf, _ = AppendItems(c, buf[:0], items)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(8 << 17)
		for b.Loop() {
			_ = DecodeItems(c, buf, items)
		}
	})
	b.Run("alias", func(b *testing.B) {
		b.SetBytes(8 << 17)
		aligned := append(make([]byte, 2, 2+len(buf)), buf...)[2:]
		for b.Loop() {
			_, _ = AliasItems[int](c, aligned, len(items))
		}
	})
}
