//go:build linux

package mp_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

var (
	// echoTwice sends a list back, and then byte strings, until the end.
	echoTwice = mp.Action(func(ctx context.Context, c *mp.Conn) error {
		list, err := mp.Recv[[]any](ctx, c)
		if err != nil {
			return err
		}
		if err := c.Send(ctx, list); err != nil {
			return err
		}
		for {
			msg, err := c.RecvBytes(ctx, 0)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := c.SendBytes(ctx, msg); err != nil {
				return err
			}
		}
	})
	// sendToNobody sends until that fails, and goes on.
	sendToNobody = mp.Action(func(ctx context.Context, c *mp.Conn) error {
		for {
			if err := c.Send(ctx, "hello?"); err != nil {
				if !errors.Is(err, syscall.EPIPE) {
					return err
				}
				return nil
			}
		}
	})
	// sendSlowly sends byte strings with a pause before each.
	sendSlowly = mp.Action(func(ctx context.Context, s slowly) error {
		for _, text := range s.Texts {
			time.Sleep(s.Pause)
			if err := s.C.SendBytes(ctx, []byte(text)); err != nil {
				return err
			}
		}
		return nil
	})
)

type slowly struct {
	C     *mp.Conn
	Texts []string
	Pause time.Duration
}

// withChild gives one end of each kind of connection to a process.
func withChild(t *testing.T, call func(c *mp.Conn) mp.AnyCall, test func(t *testing.T, c *mp.Conn)) {
	eachKind(t, func(t *testing.T, here, there *mp.Conn) {
		p := launch(t, call(there))
		require.NoError(t, there.Close())
		test(t, here)
		require.NoError(t, here.Close())
		require.NoError(t, join(t, p))
	})
}

func TestCONN01_EchoOfAChild(t *testing.T) {
	withChild(t, func(c *mp.Conn) mp.AnyCall { return echoTwice.With(c) }, func(t *testing.T, c *mp.Conn) {
		list := []any{1, 2.25, nil}
		require.NoError(t, c.Send(bounded(t), list))
		got, err := mp.Recv[[]any](bounded(t), c)
		require.NoError(t, err)
		assert.Equal(t, list, got)
		require.NoError(t, c.SendBytes(bounded(t), []byte("raw\x00bytes")))
		raw, err := c.RecvBytes(bounded(t), 0)
		require.NoError(t, err)
		assert.Equal(t, []byte("raw\x00bytes"), raw)
	})
}

func TestCONN05_LargeEchoOfAChild(t *testing.T) {
	withChild(t, func(c *mp.Conn) mp.AnyCall { return echoTwice.With(c) }, func(t *testing.T, c *mp.Conn) {
		require.NoError(t, c.Send(bounded(t), []any{}))
		_, err := mp.Recv[[]any](bounded(t), c)
		require.NoError(t, err)
		msg := noise(16 << 20)
		require.NoError(t, c.SendBytes(bounded(t), msg))
		got, err := c.RecvBytes(bounded(t), 0)
		require.NoError(t, err)
		assert.Equal(t, sha256.Sum256(msg), sha256.Sum256(got))
	})
}

func TestCONN12_EmptyMessagesWithPauses(t *testing.T) {
	texts := []string{"hello", "", "a", "b", "", "bye", "", "lop"}
	call := func(c *mp.Conn) mp.AnyCall { return sendSlowly.With(slowly{c, texts, 100 * time.Millisecond}) }
	withChild(t, call, func(t *testing.T, c *mp.Conn) {
		for _, text := range texts {
			for range 2 {
				ready, err := c.Poll(bounded(t))
				require.NoError(t, err)
				assert.True(t, ready)
			}
			got, err := c.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			assert.NotNil(t, got)
			assert.Equal(t, text, string(got))
		}
	})
}

// The process that sends to nobody is told, and survives.
func TestCONN23_TheSenderSurvives(t *testing.T) {
	eachKind(t, func(t *testing.T, here, there *mp.Conn) {
		p := launch(t, sendToNobody.With(there))
		require.NoError(t, there.Close())
		require.NoError(t, here.Close())
		require.NoError(t, join(t, p))
		code, exited := p.ExitCode()
		assert.True(t, exited)
		assert.Zero(t, code)
	})
}
