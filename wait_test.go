//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// simplex returns the ends of a pipe of one direction.
func simplex(t testing.TB) (recv, send *mp.Conn) {
	t.Helper()
	recv, send, err := mp.Simplex()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = recv.Close()
		_ = send.Close()
	})
	return recv, send
}

// waited waits for things, of which one has to be ready within the time of a test.
func waited(t testing.TB, things ...mp.Waitable) []mp.Waitable {
	t.Helper()
	ready, err := mp.Wait(bounded(t), things...)
	require.NoError(t, err)
	require.NotEmpty(t, ready)
	return ready
}

// readyNow asks which things are ready.
func readyNow(t testing.TB, things ...mp.Waitable) []mp.Waitable {
	t.Helper()
	ready, err := mp.Wait(endedContext(), things...)
	if len(ready) == 0 {
		require.Equal(t, context.DeadlineExceeded, err)
	} else {
		require.NoError(t, err)
	}
	return ready
}

// a stint is what a writer sends, and how slowly.
type stint struct {
	Conn    *mp.Conn
	Address string // to which it connects; empty: Conn is used
	Number  int
	Slow    bool
}

func (s stint) pause() {
	if s.Slow {
		time.Sleep(time.Duration(s.Number*7+5) * time.Millisecond)
	}
}

var writeStint = mp.Action(func(ctx context.Context, s stint) error {
	for i := range 10 {
		s.pause()
		if err := s.Conn.Send(ctx, [2]int{i, s.Number}); err != nil {
			return err
		}
	}
	return s.Conn.Close()
})

func eachPace(t *testing.T, test func(t *testing.T, slow bool)) {
	for name, slow := range map[string]bool{"quick": false, "slow": true} {
		t.Run(name, func(t *testing.T) { test(t, slow) })
	}
}

func TestCONN15_FourWriters(t *testing.T) {
	eachPace(t, func(t *testing.T, slow bool) {
		var open []mp.Waitable
		var want [][2]int
		for n := range 4 {
			recv, send := simplex(t)
			open = append(open, recv)
			launch(t, writeStint.With(stint{Conn: send, Number: n, Slow: slow}))
			require.NoError(t, send.Close())
			for i := range 10 {
				want = append(want, [2]int{i, n})
			}
		}
		var got [][2]int
		for len(open) > 0 {
			for _, thing := range waited(t, open...) {
				c := thing.(*mp.Conn)
				require.Contains(t, open, thing)
				message, err := mp.Recv[[2]int](endedOr(t), c)
				if err == io.EOF {
					open = slices.DeleteFunc(open, func(w mp.Waitable) bool { return w == thing })
					require.NoError(t, c.Close())
					continue
				}
				require.NoError(t, err)
				got = append(got, message)
			}
		}
		assert.ElementsMatch(t, want, got)
	})
}

// endedOr is a context for what has to be there already.
func endedOr(t testing.TB) context.Context { return within(t, time.Second) }

var writeLines = mp.Action(func(ctx context.Context, s stint) error {
	c, err := net.Dial("tcp", s.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range 10 {
		s.pause()
		if _, err := fmt.Fprintln(c, i); err != nil {
			return err
		}
	}
	return nil
})

func TestCONN16_SocketsOfPackageNet(t *testing.T) {
	eachPace(t, func(t *testing.T, slow bool) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		for n := range 4 {
			launch(t, writeLines.With(stint{Address: l.Addr().String(), Number: n, Slow: slow}))
		}
		text := make(map[net.Conn]*strings.Builder)
		open := make(map[mp.Waitable]net.Conn)
		for range 4 {
			require.Equal(t, []mp.Waitable{mp.Readable(l)}, waited(t, mp.Readable(l)))
			c, err := l.Accept()
			require.NoError(t, err)
			defer c.Close()
			text[c], open[mp.Readable(c)] = new(strings.Builder), c
		}
		for len(open) > 0 {
			for _, thing := range waited(t, keys(open)...) {
				c := open[thing]
				require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)), "what is ready does not wait")
				buf := make([]byte, 32)
				n, err := c.Read(buf)
				if err == io.EOF {
					delete(open, thing)
					continue
				}
				require.NoError(t, err)
				text[c].Write(buf[:n])
			}
		}
		for _, got := range text {
			assert.Equal(t, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", got.String())
		}
	})
}

func keys(m map[mp.Waitable]net.Conn) (all []mp.Waitable) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestCONN17_TimeLimits(t *testing.T) {
	a, b := pipePair(t)
	x, _ := connPair(t, "unix")
	things := []mp.Waitable{a, b, x}
	start := time.Now()
	ready, err := mp.Wait(within(t, time.Second), things...)
	took := time.Since(start)
	assert.Empty(t, ready)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, mp.ErrTimeout)
	assert.GreaterOrEqual(t, took, time.Second-20*time.Millisecond)
	assert.Less(t, took, patience)

	assert.Empty(t, readyNow(t, things...))
	require.NoError(t, b.Send(bounded(t), nil))
	assert.Equal(t, []mp.Waitable{a}, readyNow(t, things...))
	assert.Equal(t, []mp.Waitable{a}, waited(t, things...))

	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	ready, err = mp.Wait(ctx, b, x)
	assert.Empty(t, ready)
	assert.Equal(t, context.Canceled, err)
	ready, err = mp.Wait(ctx, b, x)
	assert.Empty(t, ready)
	assert.Equal(t, context.Canceled, err)
}

var endOnWord = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	_, err := mp.Recv[string](ctx, c)
	return err
})

func TestCONN18_ProcessesAndConnections(t *testing.T) {
	for name, kill := range map[string]bool{"returns": false, "is killed": true} {
		t.Run(name, func(t *testing.T) {
			mine, theirs := pipePair(t)
			a, b := pipePair(t)
			p := launch(t, endOnWord.With(theirs))
			assert.Empty(t, readyNow(t, p, a, b))
			time.AfterFunc(50*time.Millisecond, func() {
				if kill {
					_ = p.Kill()
				} else {
					_ = mine.Send(context.Background(), "end")
				}
			})
			assert.Equal(t, []mp.Waitable{p}, waited(t, a, p, b))
			assert.Equal(t, []mp.Waitable{p}, readyNow(t, a, p, b))
			require.NoError(t, b.Send(bounded(t), 1))
			assert.Equal(t, []mp.Waitable{a, p}, waited(t, a, p, b))
			require.NoError(t, a.Send(bounded(t), 2))
			assert.Equal(t, []mp.Waitable{a, p, b}, waited(t, a, p, b))
			_ = join(t, p)
		})
	}
}

var pollOnly = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	say("ready")
	for ctx.Err() == nil {
		if ready, err := c.Poll(ctx); err != nil || !ready {
			return err
		}
		if _, err := mp.Wait(ctx, c); err != nil {
			return err
		}
	}
	return nil
})

func TestCONN13_PollingTakesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		p, box := launchTalking(t, pollOnly.With(a))
		assert.Equal(t, "ready", box.next(t))
		for i, size := range []int{3, 16384, 1, 0, 300_000, 2000} {
			msg := noise(size)
			sent := inBackground(t, func() error { return b.SendBytes(bounded(t), msg) })
			if i%2 == 0 {
				waited(t, a)
			}
			got, err := a.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			require.NoError(t, sent())
			require.Equal(t, msg, got)
		}
		assert.True(t, p.Alive())
		require.NoError(t, p.Kill())
	})
}
