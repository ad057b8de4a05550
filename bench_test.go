//go:build linux

package mp_test

import (
	"testing"

	"github.com/multiproc/mp"
)

func BenchmarkLock(b *testing.B) {
	l := mp.Must(mp.NewLock())
	defer l.Close()
	n := 0
	for b.Loop() {
		l.Lock()
		n++
		l.Unlock()
	}
}

func BenchmarkRLock(b *testing.B) {
	l := mp.Must(mp.NewRLock())
	defer l.Close()
	n := 0
	for b.Loop() {
		l.Lock()
		n++
		l.Unlock()
	}
}

func BenchmarkValueUpdate(b *testing.B) {
	v := mp.Must(mp.NewValue(int64(0)))
	defer v.Close()
	for b.Loop() {
		v.Update(func(x *int64) { *x++ })
	}
}

func BenchmarkValueLarge(b *testing.B) {
	v := mp.Must(mp.NewValue([5]int64{}))
	defer v.Close()
	for b.Loop() {
		v.Update(func(x *[5]int64) { x[4]++ })
	}
}

func BenchmarkValueCreate(b *testing.B) {
	for b.Loop() {
		v := mp.Must(mp.NewValue(int64(0)))
		v.Close()
	}
}
