package task

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"unsafe"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/worker"
)

// function is a registered function with its types.
type function[In, Out any] struct {
	def *Def
	fn  func(context.Context, In) (Out, error)
}

// base is an address in the image, for position-independent checksums.
func base() uintptr { return reflect.ValueOf(Freeze).Pointer() }

// appendArg implements operations.
func (f *function[In, Out]) appendArg(dst []byte, in any) ([]byte, error) {
	c, _, err := f.def.Codecs()
	if err != nil {
		return dst, err
	}
	v, _ := in.(In) // a nil any is the zero of an interface type
	return appendOne(c, dst, &v)
}

// appendOne appends the encoding of a batch of the one item *v. Errors name the
// path from the item, not from the batch.
func appendOne[T any](c *codec.Codec, dst []byte, v *T) ([]byte, error) {
	if c.RawSize() > 0 {
		raw := unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
		var header [codec.RawHeaderSize]byte
		codec.PutRawHeader(header[:], len(raw))
		return append(append(dst, header[:]...), raw...), nil
	}
	var header [codec.ArrayHeaderSize]byte
	codec.PutArrayHeader(header[:], 1)
	out, err := codec.Append(c, append(dst, header[:]...), v)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// once implements operations.
func (f *function[In, Out]) once(ctx context.Context, arg []byte, c Custody, finish func(result []byte, err error)) {
	in, out, err := f.def.Codecs()
	if err != nil {
		finish(nil, err)
		return
	}
	returned := false // also the methods that encode and decode may end the goroutine
	defer func() {
		if !returned {
			finish(nil, caught(recover(), debug.Stack()))
		}
	}()
	var args [1]In
	err = codec.DecodeItems(in, arg, args[:])
	if c.Arrived != nil {
		c.Arrived()
	}
	if err != nil {
		returned = true
		finish(nil, undecodable(f.def, err))
		return
	}
	value, err := f.fn(ctx, args[0])
	var result []byte
	if err == nil && c.Hold != nil {
		if result, err = appendOne(out, nil, &value); err == nil && out.Carries() {
			err = c.Hold(out, result)
			runtime.KeepAlive(&value) // its handles, up to here
		}
		if err != nil {
			err = unencodable(f.def, err)
		}
	}
	returned = true
	finish(result, err)
}

// Run implements worker.Runner.
func (f *function[In, Out]) Run(s *worker.Stage) {
	in, out, err := f.def.Codecs()
	if err != nil { // cannot be: the parent's Freeze has refused it
		f.failRest(s, err)
		return
	}
	// The next item counts as started before the arguments are decoded, for a
	// user's own decoding may be what ends the process.
	var args []In
	var bad map[int]error
	for decoded := false; !decoded; {
		if s.Next == s.Items || s.Claim() == s.Next {
			return
		}
		*s.Marks.Started = s.First + uint64(s.Next) + 1
		args, bad, decoded = f.decode(s, in)
	}
	size := out.RawSize()
	for s.Next < s.Items {
		limit := s.Claim()
		if limit == s.Next {
			return // taken back
		}
		if len(bad) > 0 { // hardly ever, and a look for each item costs as much as a small one
			limit = firstBad(bad, s.Next, limit)
		}
		switch {
		case limit == s.Next: // it is bad itself
			*s.Marks.Started = s.First + uint64(s.Next) + 1
			s.Fail(Encode(undecodable(f.def, bad[s.Next])))
		case size > 0 && size <= worker.MaxFixed:
			l, at, n := s.FixedSlots(size, limit-s.Next)
			f.fixed(s, args[s.Next:s.Next+n], ledger.Slots[Out](l, at, n))
		default:
			f.each(s, out, args[s.Next:limit])
		}
	}
}

// decode decodes the arguments of a call. If a method of theirs ends the goroutine,
// the next item fails: no round may leave all items to the one behind it.
func (f *function[In, Out]) decode(s *worker.Stage, in *codec.Codec) (args []In, bad map[int]error, decoded bool) {
	defer func() {
		if !decoded {
			s.Fail(Encode(caught(recover(), debug.Stack())))
		}
	}()
	args, bad = decodeArgs[In](in, s.Args, s.Items)
	return args, bad, true
}

// firstBad returns the first bad item from next up to limit, or limit.
func firstBad(bad map[int]error, next, limit int) int {
	for i := next; i < limit; i++ {
		if bad[i] != nil {
			return i
		}
	}
	return limit
}

// decodeArgs decodes a batch of n arguments. If that fails it decodes them one by
// one, and bad has those that cannot be decoded.
func decodeArgs[In any](c *codec.Codec, batch []byte, n int) (args []In, bad map[int]error) {
	args, err := codec.AliasItems[In](c, batch, n)
	if err == nil {
		return args, nil
	}
	args, bad = make([]In, n), make(map[int]error)
	items, splitErr := codec.Split(batch, n)
	for i := range args {
		if splitErr != nil {
			bad[i] = err
		} else if err := codec.DecodeItems(c, items[i], args[i:i+1]); err != nil {
			bad[i] = err
		}
	}
	return args, bad
}

// fixed runs items whose results have a fixed size: they are stored where the
// parent can see them. A failure ends the round, and Run begins another behind it.
func (f *function[In, Out]) fixed(s *worker.Stage, args []In, results []Out) {
	ctx, release := s.Context() // with a time limit, Claim gives one item at a time
	defer release()
	started, done := s.Marks.Started, s.Marks.Done
	number := s.First + uint64(s.Next)
	n, returned := 0, false
	defer func() {
		if returned {
			return
		}
		s.FixedDone(n)
		s.Fail(Encode(caught(recover(), debug.Stack())))
	}()
	for n < len(args) {
		*started = number + uint64(n) + 1
		out, err := f.fn(ctx, args[n])
		if err != nil {
			returned = true
			s.FixedDone(n)
			s.Fail(f.failed(ctx, s, err))
			return
		}
		results[n] = out
		n++
		*done = number + uint64(n)
	}
	returned = true
	s.FixedDone(n)
}

// each runs items whose results can be of any size, or that have a time limit.
func (f *function[In, Out]) each(s *worker.Stage, c *codec.Codec, args []In) {
	returned := false
	defer func() {
		if !returned {
			s.Fail(Encode(caught(recover(), debug.Stack())))
		}
	}()
	for i := range args {
		*s.Marks.Started = s.First + uint64(s.Next) + 1
		ctx, release := s.Context()
		out, err := f.fn(ctx, args[i])
		if err != nil {
			s.Fail(f.failed(ctx, s, err))
			release()
			continue
		}
		release()
		// An unencodable result fails this item; what the codec appended is dropped.
		encoded, err := codec.Append(c, s.Space(), &out)
		if err == nil && c.Carries() {
			err = s.Hold(c, encoded)
			runtime.KeepAlive(&out) // its handles, up to here
		}
		if err != nil {
			s.Fail(Encode(unencodable(f.def, err)))
		} else {
			s.Commit(encoded)
		}
	}
	returned = true
}

// failed encodes the error that an item returned.
func (f *function[In, Out]) failed(ctx context.Context, s *worker.Stage, err error) []byte {
	if s.Limit > 0 && ctx.Err() == context.DeadlineExceeded {
		err = &timedOut{s.Limit, err}
	}
	return f.def.Failure(err).Encode()
}

// failRest fails the items that the parent does not take back.
func (f *function[In, Out]) failRest(s *worker.Stage, err error) {
	failure := Encode(err)
	for s.Next < s.Items {
		limit := s.Claim()
		if limit == s.Next {
			return
		}
		for s.Next < limit {
			*s.Marks.Started = s.First + uint64(s.Next) + 1
			s.Fail(failure)
		}
	}
}

func undecodable(d *Def, err error) error {
	return fmt.Errorf("mp: the argument of %s (%s) arrived, but cannot be decoded: %w", d.Name(), d.Place(), err)
}

func unencodable(d *Def, err error) error {
	return fmt.Errorf("mp: the result of %s (%s) cannot be sent: %w", d.Name(), d.Place(), err)
}
