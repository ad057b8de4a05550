//go:build linux

package mp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/mptls"
)

// A candidate is a thing to wait for, with what makes it ready, and what closes it.
type candidate struct {
	thing mp.Waitable
	rouse func() error
	close func() error // nil: that is no concern of Wait
	// closedIsReady says that it is ready when it has been closed.
	closedIsReady bool
}

// candidates makes one of each kind.
func candidates(t *testing.T) map[string]candidate {
	all := make(map[string]candidate)
	ctx := context.Background()
	addConn := func(name string, here, there *mp.Conn) {
		all[name] = candidate{thing: here, rouse: func() error { return there.Send(ctx, 1) }, close: here.Close}
	}
	for family := range families {
		here, there := connPair(t, family)
		addConn(family, here, there)
		here, there = connPair(t, family)
		all[family+", its end"] = candidate{thing: here, rouse: there.Close, close: here.Close}
	}
	here, there := pipePair(t)
	addConn("pipe", here, there)
	here, there = pipePair(t)
	all["pipe, its end"] = candidate{thing: here, rouse: there.Close, close: here.Close}
	here, there = simplex(t)
	addConn("pipe of one direction", here, there)
	here, there = tlsPair(t)
	addConn("tls", here, there)
	there, here = tlsPair(t)
	addConn("tls, the other end", here, there)

	p := launch(t, obey.With(none), func(p *mp.Process) { p.Stdout = os.Stderr })
	all["process"] = candidate{thing: p, rouse: p.Kill}

	for family := range families {
		l := listenAt(t, family, mp.ListenConfig{Auth: goodKey})
		all["listener, "+family] = candidate{thing: l, rouse: func() error {
			c, err := (&mp.Dialer{Auth: goodKey}).Dial(bounded(t), l.Addr().Network(), l.Addr().String())
			if err == nil {
				t.Cleanup(func() { _ = c.Close() })
			}
			return err
		}, close: l.Close, closedIsReady: true}
	}

	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](3))
	all["queue"] = candidate{thing: q, rouse: func() error { return q.Put(ctx, 1) }, close: q.Close}
	shut := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	all["queue, shut down"] = candidate{thing: shut, rouse: func() error { return shut.Shutdown(true) }, close: shut.Close}
	j := made[*mp.JoinableQueue[string]](t)(mp.NewJoinableQueue[string](0))
	all["joinable queue"] = candidate{thing: j, rouse: func() error { return j.Put(ctx, "") }, close: j.Close}
	s := made[*mp.SimpleQueue[string]](t)(mp.NewSimpleQueue[string]())
	all["simple queue"] = candidate{thing: s, rouse: func() error { return s.Put("") }, close: s.Close}
	e := made[*mp.Event](t)(mp.NewEvent())
	all["event"] = candidate{thing: e, rouse: func() error { e.Set(); return nil }, close: e.Close}

	r, w := pipeEnds(t)
	all["file"] = candidate{thing: mp.Readable(r), rouse: func() error { _, err := w.WriteString("x"); return err }, close: r.Close}
	r2, w2 := pipeEnds(t)
	all["file, its end"] = candidate{thing: mp.Readable(r2), rouse: w2.Close, close: r2.Close}
	l, mine, theirs := netPair(t)
	all["net.Conn"] = candidate{thing: mp.Readable(mine), rouse: func() error { _, err := theirs.Write([]byte("x")); return err }, close: mine.Close}
	all["net.Listener"] = candidate{thing: mp.Readable(l), rouse: func() error {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return err
	}, close: l.Close}
	return all
}

// tlsPair returns both ends of a connection with TLS.
func tlsPair(t *testing.T) (server, client *mp.Conn) {
	config, roots := certificate(t, "localhost")
	l := listenAt(t, "tcp", mp.ListenConfig{TLS: mptls.New(config)})
	client = dialTo(t, l, mp.Dialer{TLS: mptls.New(&tls.Config{RootCAs: roots, ServerName: "localhost"})})
	return accepted(t, l), client
}

// netPair returns a listener of package net and both ends of a connection.
func netPair(t *testing.T) (l net.Listener, mine, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	theirs, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	mine, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = l.Close()
		_ = mine.Close()
		_ = theirs.Close()
	})
	return l, mine, theirs
}

// Each kind of thing, waited for alone.
func TestWaitForEachKind(t *testing.T) {
	for name, c := range candidates(t) {
		t.Run(name, func(t *testing.T) {
			assert.Empty(t, readyNow(t, c.thing))
			got := inBackground(t, func() error {
				ready, err := mp.Wait(bounded(t), c.thing)
				assert.Equal(t, []mp.Waitable{c.thing}, ready)
				return err
			})
			time.Sleep(5 * time.Millisecond) // so that most runs find it waiting
			require.NoError(t, c.rouse())
			require.NoError(t, got())
			for range 2 {
				assert.Equal(t, []mp.Waitable{c.thing}, readyNow(t, c.thing), "nothing has been taken")
				assert.Equal(t, []mp.Waitable{c.thing}, waited(t, c.thing))
			}
		})
	}
}

// All kinds at once: the ones that are ready are returned in their order.
func TestWaitForAllKindsAtOnce(t *testing.T) {
	all := candidates(t)
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var things, want []mp.Waitable
	for _, name := range names {
		things = append(things, all[name].thing)
	}
	rng := random(t)
	roused := make(map[mp.Waitable]bool)
	for _, i := range rng.Perm(len(names)) {
		c := all[names[i]]
		if len(want) == 0 { // the others would be ready at once
			assert.Empty(t, readyNow(t, things...))
			time.AfterFunc(5*time.Millisecond, func() { assert.NoError(t, c.rouse()) })
		} else {
			require.NoError(t, c.rouse())
			waited(t, c.thing)
		}
		roused[c.thing] = true
		want = slices.DeleteFunc(slices.Clone(things), func(w mp.Waitable) bool { return !roused[w] })
		require.Equal(t, want, waited(t, things...), names[i])
		require.Equal(t, want, readyNow(t, things...), names[i])
	}
	assert.Equal(t, slices.Concat(want, want), waited(t, append(things, things...)...), "each as often as it was given")
}

// What is closed while somebody waits for it wakes him.
func TestWaitForWhatIsClosedMeanwhile(t *testing.T) {
	idle, _ := pipePair(t)
	for name, c := range candidates(t) {
		if c.close == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ended := inBackground(t, func() error {
				ready, err := mp.Wait(bounded(t), idle, c.thing)
				if c.closedIsReady {
					assert.Equal(t, []mp.Waitable{c.thing}, ready)
				} else {
					assert.Empty(t, ready)
				}
				return err
			})
			time.Sleep(5 * time.Millisecond) // so that most runs find it waiting
			require.NoError(t, c.close())
			err := ended()
			for range 2 { // meanwhile, and before
				if c.closedIsReady {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, mp.ErrClosed)
					require.ErrorContains(t, err, "mp: Wait: thing 1: ")
				}
				_, err = mp.Wait(bounded(t), idle, c.thing)
			}
		})
	}
}

func TestWaitForNothing(t *testing.T) {
	_, err := mp.Wait(bounded(t))
	require.EqualError(t, err, "mp: Wait: there is nothing to wait for")
	idle, _ := pipePair(t)
	over := launch(t, nothing.With(none))
	require.NoError(t, join(t, over))
	require.NoError(t, over.Close())
	_, sender := simplex(t)
	closed, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, c := range map[string]struct {
		thing mp.Waitable
		is    error // nil: any
	}{
		"nil":                 {nil, nil},
		"nil conn":            {(*mp.Conn)(nil), nil},
		"zero conn":           {new(mp.Conn), nil},
		"sending end":         {sender, nil},
		"nil process":         {(*mp.Process)(nil), mp.ErrNotStarted},
		"zero process":        {new(mp.Process), mp.ErrNotStarted},
		"process not started": {mp.NewProcess(nothing.With(none)), mp.ErrNotStarted},
		"closed process":      {over, mp.ErrClosed},
		"this process":        {mp.Self(), nil},
		"nil listener":        {(*mp.Listener)(nil), nil},
		"zero listener":       {new(mp.Listener), nil},
		"nil queue":           {(*mp.Queue[int])(nil), nil},
		"zero queue":          {new(mp.Queue[int]), nil},
		"nil joinable queue":  {(*mp.JoinableQueue[int])(nil), nil},
		"zero joinable queue": {new(mp.JoinableQueue[int]), nil},
		"nil simple queue":    {(*mp.SimpleQueue[int])(nil), nil},
		"zero simple queue":   {new(mp.SimpleQueue[int]), nil},
		"nil event":           {(*mp.Event)(nil), nil},
		"zero event":          {new(mp.Event), nil},
		"nil file":            {mp.Readable((*os.File)(nil)), nil},
		"closed file":         {mp.Readable(closed), mp.ErrClosed},
		"no file":             {mp.Readable(5), nil},
		"nothing to read":     {mp.Readable(nil), nil},
	} {
		for _, ctx := range []context.Context{bounded(t), endedContext()} {
			ready, err := mp.Wait(ctx, idle, c.thing)
			assert.Empty(t, ready, name)
			require.ErrorContains(t, err, "mp: Wait: thing 1", name)
			require.Equal(t, 1, strings.Count(err.Error(), "mp: "), "%s: %v", name, err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is, name)
			}
		}
	}
}

// What cannot be waited for because it is always ready.
func TestWaitForARegularFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer f.Close()
	idle, _ := pipePair(t)
	assert.Equal(t, []mp.Waitable{mp.Readable(f)}, waited(t, idle, mp.Readable(f)), "at its end")
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	assert.Equal(t, []mp.Waitable{mp.Readable(null)}, readyNow(t, mp.Readable(null), idle))
}

// An event that is cleared again at once has been set all the same.
func TestWaitSeesAShortEvent(t *testing.T) {
	e := made[*mp.Event](t)(mp.NewEvent())
	idle, _ := pipePair(t)
	for range 100 {
		ended := make(chan error, 1)
		go func() {
			_, err := mp.Wait(bounded(t), e, idle)
			ended <- err
		}()
		eventually(t, "it sees it", func() bool { // it may not have begun
			e.Set()
			e.Clear()
			select {
			case err := <-ended:
				require.NoError(t, err)
				return true
			default:
				return false
			}
		})
	}
}

// Files, and who reads from them, are left alone: the deadline stays, and a reader that
// has waited for longer gets what comes.
func TestWaitLeavesFilesAlone(t *testing.T) {
	r, w := pipeEnds(t)
	require.NoError(t, r.SetReadDeadline(time.Now().Add(patience)))
	read := inBackground(t, func() error {
		_, err := r.Read(make([]byte, 1))
		return err
	})
	for range 20 {
		_, err := mp.Wait(within(t, time.Millisecond), mp.Readable(r))
		require.ErrorIs(t, err, mp.ErrTimeout)
	}
	_, err := w.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, read())

	require.NoError(t, r.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = mp.Wait(within(t, 60*time.Millisecond), mp.Readable(r))
	require.ErrorIs(t, err, mp.ErrTimeout, "a deadline of the file is none of the wait")
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "and is still there")
	_, err = w.WriteString("x")
	require.NoError(t, err)
	assert.Len(t, waited(t, mp.Readable(r)), 1, "nor is one that is over")
}

// A message that has been read in part, or is to be skipped, counts for what it is.
func TestWaitForHalfAMessage(t *testing.T) {
	eachFamily(t, func(t *testing.T, a, b *mp.Conn) {
		go func() { _ = a.SendBytes(context.Background(), noise(8<<20)) }()
		_, err := b.RecvBytes(within(t, time.Millisecond), 0)
		for errors.Is(err, context.DeadlineExceeded) {
			assert.Len(t, waited(t, b), 1, "the rest of it")
			_, err = b.RecvBytes(within(t, 200*time.Microsecond), 0)
		}
		require.NoError(t, err)
		assert.Empty(t, readyNow(t, b))

		go func() { _ = a.SendBytes(context.Background(), noise(8<<20)) }()
		var long *mp.MessageTooLongError
		_, err = b.RecvBytes(within(t, time.Millisecond), 10)
		for errors.Is(err, context.DeadlineExceeded) {
			_, err = b.RecvBytes(within(t, time.Millisecond), 10)
		}
		require.ErrorAs(t, err, &long)
		_, err = mp.Wait(soon(t), b)
		require.ErrorIs(t, err, context.DeadlineExceeded, "what is to be skipped is nothing to receive")
		require.NoError(t, a.Send(bounded(t), 1))
		assert.Len(t, waited(t, b), 1)
		n, err := mp.Recv[int](bounded(t), b)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
	})
}

// Somebody else receives, and waits, on the same connection.
func TestWaitBesideAReceiver(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		got := inBackground(t, func() error {
			n, err := mp.Recv[int](bounded(t), b)
			assert.Equal(t, 1, n)
			return err
		})
		_, err := mp.Wait(soon(t), b)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, a.Send(bounded(t), 1))
		require.NoError(t, got())
		assert.Empty(t, readyNow(t, b))

		polled := inBackground(t, func() error { _, err := b.Poll(bounded(t)); return err })
		require.NoError(t, a.Send(bounded(t), 2))
		assert.Len(t, waited(t, b), 1)
		require.NoError(t, polled())
		ready, err := b.Poll(pastContext())
		require.NoError(t, err)
		assert.True(t, ready)
	})
}

// With a context that has ended, Poll and Wait see what has come but is encrypted yet.
func TestPollAndWaitLookThroughTLS(t *testing.T) {
	const rounds = 200
	a, b := tlsPair(t)
	seen := 0
	for i := range rounds {
		require.NoError(t, a.Send(bounded(t), i))
		if i%2 == 0 {
			if ready, _ := b.Poll(pastContext()); ready {
				seen++
			}
		} else {
			seen += len(readyNow(t, b))
		}
		waited(t, b)
		ready, err := b.Poll(pastContext())
		require.NoError(t, err)
		require.True(t, ready)
		n, err := mp.Recv[int](bounded(t), b)
		require.NoError(t, err)
		require.Equal(t, i, n)
	}
	assert.Greater(t, seen, rounds/2, "on one machine a message has come when it is sent, but for a busy one")
	ready, err := b.Poll(pastContext())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, ready)
}

// A listener is ready as long as there is somebody who has not been accepted.
func TestWaitAndAccept(t *testing.T) {
	l := listenAt(t, "unix", mp.ListenConfig{Auth: goodKey})
	for range 20 {
		var ours []*mp.Conn
		for range 3 {
			ours = append(ours, dialTo(t, l, mp.Dialer{Auth: goodKey}))
		}
		for range ours {
			waited(t, l)
			waited(t, l)
			require.NoError(t, accepted(t, l).Close())
		}
		assert.Empty(t, readyNow(t, l))
	}
}
