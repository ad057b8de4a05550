package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/sys"
)

// family is a worker in this process, and its parent's side.
type family struct {
	t       testing.TB
	tasks   *os.File
	results *ipc.Reader
	ledger  *ledger.Ledger
	worker  *Worker
	served  chan error
}

// runners are functions by their index.
type runners []Runner

func (r runners) lookup(index int) (Runner, error) {
	if index >= len(r) {
		return nil, fmt.Errorf("no function %d", index)
	}
	return r[index], nil
}

// raise starts a worker.
func raise(t testing.TB, functions ...Runner) *family {
	t.Helper()
	taskR, taskW, err := sys.Pipe()
	if errors.Is(err, sys.ErrNotSupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	resultR, resultW, err := sys.Pipe()
	require.NoError(t, err)
	// As for a process: mapped. The race detector does not watch what two processes
	// share, and the marks are plain stores.
	file, err := sys.MemFile("mp-test", ledger.Size)
	require.NoError(t, err)
	mem, err := sys.MapShared(file, ledger.Size)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	l, err := ledger.New(mem)
	require.NoError(t, err)
	in, err := ipc.NewReader(taskR)
	require.NoError(t, err)
	out, err := ipc.NewWriter(resultW)
	require.NoError(t, err)
	results, err := ipc.NewReader(resultR)
	require.NoError(t, err)
	require.NoError(t, results.SetDeadline(time.Now().Add(bound)))
	f := &family{t: t, tasks: taskW, results: results, ledger: l, served: make(chan error, 1)}
	f.worker = New(Config{
		In: in, Out: out, Ledger: l, Lookup: runners(functions).lookup,
		Failure: func(err error) []byte { return []byte(err.Error()) },
	})
	go func() {
		err := f.worker.Serve()
		in.Close()
		out.Close()
		f.served <- err
		close(f.served)
	}()
	t.Cleanup(func() {
		taskW.Close()
		results.Close()
		select {
		case <-f.served:
			_ = sys.Unmap(mem)
		case <-time.After(bound):
			t.Error("the worker still serves")
		}
	})
	return f
}

// write sends bytes to the worker.
func (f *family) write(frames ...[]byte) {
	f.t.Helper()
	for _, frame := range frames {
		_, err := f.tasks.Write(frame)
		require.NoError(f.t, err)
	}
}

// call makes the frame of a call whose arguments are its numbers.
func call(number uint64, c Call) []byte {
	frame, err := ipc.AppendFrame(nil, ipc.KindCall, number, c.AppendHead(nil))
	if err != nil {
		panic(err)
	}
	return frame
}

// outcome is what became of an item.
type outcome struct {
	number uint64
	text   string // "7" is the result 7
}

// next reads one frame of the worker.
func (f *family) next() []outcome {
	f.t.Helper()
	frame, err := f.results.Next()
	require.NoError(f.t, err)
	if frame.Kind == ipc.KindError {
		return []outcome{{frame.Number, string(frame.Body)}}
	}
	require.Equal(f.t, ipc.KindResult, frame.Kind)
	count, _, body, err := ledger.ParseResult(frame.Body)
	require.NoError(f.t, err)
	require.Positive(f.t, count)
	c, err := codec.Of[int]()
	require.NoError(f.t, err)
	items := make([]int, count)
	require.NoError(f.t, codec.DecodeItems(c, body, items))
	var out []outcome
	for i, item := range items {
		out = append(out, outcome{frame.Number + uint64(i), fmt.Sprint(item)})
	}
	return out
}

// expect reads the outcomes of items, in any number of frames.
func (f *family) expect(want ...outcome) {
	f.t.Helper()
	var got []outcome
	for len(got) < len(want) {
		got = append(got, f.next()...)
	}
	require.Equal(f.t, want, got)
}

// end closes the tasks and returns what Serve did.
func (f *family) end() error {
	f.t.Helper()
	require.NoError(f.t, f.tasks.Close())
	return f.wait()
}

func (f *family) wait() error {
	f.t.Helper()
	select {
	case err := <-f.served:
		return err
	case <-time.After(bound):
		f.t.Fatal("the worker still serves")
		return nil
	}
}

// each is a Runner that gives each item to a function.
type each func(ctx context.Context, s *Stage, number uint64)

func (run each) Run(s *Stage) {
	for s.Next < s.Items {
		limit := s.Claim()
		if limit == s.Next {
			return
		}
		for s.Next < limit {
			run.one(s)
		}
	}
}

func (run each) one(s *Stage) {
	number, item := s.First+uint64(s.Next), s.Next
	*s.Marks.Started = number + 1
	ctx, release := s.Context()
	defer release()
	defer func() {
		if s.Next == item { // it has ended its goroutine, or panicked
			s.Fail(fmt.Appendf(nil, "caught %v", recover()))
		}
	}()
	run(ctx, s, number)
}

// encoded commits the item's number, times ten, encoded.
func encoded(s *Stage, number uint64) {
	c, _ := codec.Of[int]()
	v := int(number) * 10
	body, err := codec.Append(c, s.Space(), &v)
	if err != nil {
		panic(err)
	}
	s.Commit(body)
}

// tens returns ten times the number of each item, encoded one by one.
var tens = each(func(_ context.Context, s *Stage, number uint64) { encoded(s, number) })

// blocks does the same through the block of fixed-size results.
type blocks struct{}

func (blocks) Run(s *Stage) {
	for s.Next < s.Items {
		limit := s.Claim()
		if limit == s.Next {
			return
		}
		l, at, n := s.FixedSlots(8, limit-s.Next)
		slots, first := ledger.Slots[int](l, at, n), s.First+uint64(s.Next)
		for i := range slots {
			*s.Marks.Started = first + uint64(i) + 1
			slots[i] = int(first+uint64(i)) * 10
			*s.Marks.Done = first + uint64(i) + 1
		}
		s.FixedDone(n)
	}
}

// numbers are the outcomes of items that went well.
func numbers(from, to uint64) (out []outcome) {
	for n := from; n < to; n++ {
		out = append(out, outcome{n, fmt.Sprint(10 * n)})
	}
	return out
}

func TestServeRunsItemsInOrder(t *testing.T) {
	for name, runner := range map[string]Runner{"encoded": tens, "fixed": blocks{}} {
		t.Run(name, func(t *testing.T) {
			f := raise(t, runner)
			f.write(call(0, Call{Items: 1}))
			f.expect(numbers(0, 1)...)
			f.write(call(1, Call{Items: 3}), call(4, Call{Items: 20000}), call(20004, Call{Items: 1, Limit: time.Hour, Remaining: time.Hour}))
			f.expect(numbers(1, 20005)...)
			assert.EqualValues(t, 20005, f.ledger.Started())
			assert.EqualValues(t, 20005, f.ledger.Done())
			assert.EqualValues(t, 20005, f.ledger.Claimed())
			require.NoError(t, f.end())
			_, err := f.results.Next()
			assert.Equal(t, io.EOF, err)
		})
	}
}

// The frame of docs/protocol.md, from the worker itself.
func TestServeGoldenResult(t *testing.T) {
	f := raise(t, tens)
	f.write(call(0, Call{Items: 2}))
	frame, err := f.results.Next()
	require.NoError(t, err)
	assert.Equal(t, ipc.KindResult, frame.Kind)
	assert.Zero(t, frame.Number)
	assert.Equal(t, []byte{2, 0, 0, 0, 0, 0, 0, 0}, frame.Body[:8])
	assert.Equal(t, []byte{0xdd, 0, 0, 0, 2, 0, 10}, frame.Body[ledger.ResultHead:])
	require.NoError(t, f.end())
}

func TestServeWritesLargeResultsPastTheOutbox(t *testing.T) {
	c, err := codec.Of[[]byte]()
	require.NoError(t, err)
	big := make([]byte, 3*ledger.OutboxSize)
	big[len(big)-1] = 7
	f := raise(t, each(func(_ context.Context, s *Stage, number uint64) {
		if number != 1 {
			encoded(s, number)
			return
		}
		body, err := codec.Append(c, s.Space(), &big)
		if err != nil {
			panic(err)
		}
		s.Commit(body)
	}))
	f.write(call(0, Call{Items: 3}))
	f.expect(numbers(0, 1)...)
	frame, err := f.results.Next()
	require.NoError(t, err)
	assert.EqualValues(t, 1, frame.Number)
	count, _, body, err := ledger.ParseResult(frame.Body)
	require.NoError(t, err)
	assert.Equal(t, 1, count)
	var got [1][]byte
	require.NoError(t, codec.DecodeItems(c, body, got[:]))
	assert.Equal(t, big, got[0])
	f.expect(numbers(2, 3)...)
	require.NoError(t, f.end())
}

func TestServeFailuresKeepTheirPlace(t *testing.T) {
	f := raise(t, each(func(_ context.Context, s *Stage, number uint64) {
		if number%3 == 1 {
			s.Fail(fmt.Appendf(nil, "failure %d", number))
			return
		}
		encoded(s, number)
	}))
	f.write(call(0, Call{Items: 5}))
	f.expect(outcome{0, "0"}, outcome{1, "failure 1"}, outcome{2, "20"}, outcome{3, "30"}, outcome{4, "failure 4"})
	f.write(call(5, Call{Items: 1, Func: 0}))
	f.expect(outcome{5, "50"})
	require.NoError(t, f.end())
}

func TestServeUnknownFunction(t *testing.T) {
	f := raise(t, tens)
	f.write(call(0, Call{Items: 2, Func: 9}), call(2, Call{Items: 1}))
	f.expect(outcome{0, "no function 9"}, outcome{1, "no function 9"}, outcome{2, "20"})
	f.ledger.Revoke()
	f.write(call(3, Call{Items: 2, Func: 9}), AppendResume(nil, 3, 1), call(3, Call{Items: 1}))
	f.expect(outcome{3, "30"})
	require.NoError(t, f.end())
}

func TestServeOutlivesGoexitAndPanics(t *testing.T) {
	f := raise(t, each(func(_ context.Context, s *Stage, number uint64) {
		switch number % 4 {
		case 1:
			runtime.Goexit()
		case 3:
			panic(number)
		}
		encoded(s, number)
	}))
	// In the middle of a call, at the end of one, and alone.
	f.write(call(0, Call{Items: 4}), call(4, Call{Items: 2}), call(6, Call{Items: 1}), call(7, Call{Items: 3}), call(10, Call{Items: 1}))
	f.expect(outcome{0, "0"}, outcome{1, "caught <nil>"}, outcome{2, "20"}, outcome{3, "caught 3"}, outcome{4, "40"},
		outcome{5, "caught <nil>"}, outcome{6, "60"}, outcome{7, "caught 7"}, outcome{8, "80"}, outcome{9, "caught <nil>"}, outcome{10, "100"})
	require.NoError(t, f.end())
}

func TestServeEndsWithAnErrorAtGarbage(t *testing.T) {
	kind := func(k ipc.Kind, body ...byte) []byte {
		frame, err := ipc.AppendFrame(nil, k, 0, body)
		require.NoError(t, err)
		return frame
	}
	for name, test := range map[string]struct {
		bytes []byte
		want  error
	}{
		"a frame of the control pipe": {kind(ipc.KindCancel), ipc.ErrProtocol},
		"a result":                    {kind(ipc.KindResult), ipc.ErrProtocol},
		"an unknown kind":             {kind(255), ipc.ErrProtocol},
		"a call without a head":       {kind(ipc.KindCall, 1, 2, 3), ipc.ErrProtocol},
		"a call without items":        {call(0, Call{}), ipc.ErrProtocol},
		"a resume without an epoch":   {kind(ipc.KindResume), ipc.ErrProtocol},
		"a torn frame":                {call(1, Call{Items: 1})[:20], io.ErrUnexpectedEOF},
		"noise":                       {[]byte("GET / HTTP/1.1\r\n\r\n"), io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			f := raise(t, tens)
			f.write(call(0, Call{Items: 1}), test.bytes)
			if test.want == ipc.ErrProtocol {
				assert.ErrorIs(t, f.wait(), test.want)
			} else {
				assert.ErrorIs(t, f.end(), test.want)
			}
			f.expect(numbers(0, 1)...) // what was done before is not lost
		})
	}
}

func TestServeEndsWhenNobodyTakesResults(t *testing.T) {
	f := raise(t, tens)
	require.NoError(t, f.results.Close())
	for n := uint64(0); ; n++ { // it finds out when it sends, and looks at the next call
		select {
		case err := <-f.served:
			assert.ErrorIs(t, err, syscall.EPIPE)
			return
		case <-time.After(time.Millisecond):
			_, _ = f.tasks.Write(call(n, Call{Items: 1}))
			require.Less(t, n, uint64(5000), "the worker still serves")
		}
	}
}

func FuzzServe(fz *testing.F) {
	fz.Add(call(0, Call{Items: 3}))
	fz.Add(append(AppendResume(nil, 0, 0), call(0, Call{Items: 1, Limit: 1, Remaining: 1})...))
	fz.Add(append(AppendResume(nil, 0, 7), call(0, Call{Items: 1, Func: 1})...))
	fz.Add([]byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0})
	fz.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 60<<10 {
			return // more than a pipe holds
		}
		// Items are claimed and dropped: with counts of any size it would take ages
		// to run them all.
		f := raise(t, each(func(_ context.Context, s *Stage, _ uint64) { s.Next = s.Items }))
		f.write(stream)
		err := f.end()
		if err != nil && !errors.Is(err, ipc.ErrProtocol) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		f.results.Close()
	})
}
