//go:build linux

package mp_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A spot is where a child is to listen.
type spot struct {
	Path       string
	AutoUnlink bool
}

var (
	// listenAndStay says where it listens, and stays until it is killed.
	listenAndStay = mp.Action(func(ctx context.Context, s spot) error {
		l, err := (&mp.ListenConfig{AutoUnlink: s.AutoUnlink}).Listen(ctx, "unix", s.Path)
		if err != nil {
			return err
		}
		say(l.Addr())
		time.Sleep(time.Hour)
		return l.Close()
	})
	// listenAgain listens and closes, over and over.
	listenAgain = mp.Action0(func(ctx context.Context) error {
		say("ready")
		for ctx.Err() == nil {
			l, err := (&mp.ListenConfig{}).Listen(ctx, "unix", "")
			if err != nil {
				return err
			}
			if err := l.Close(); err != nil {
				return err
			}
		}
		return nil
	})
)

func TestAUTH11_AListenerThatIsKilledLeavesNothing(t *testing.T) {
	for name, s := range map[string]spot{
		"made up": {},
		"chosen":  {Path: filepath.Join(t.TempDir(), "socket"), AutoUnlink: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, box := launchTalking(t, listenAndStay.With(s))
			path := box.next(t)
			info, err := os.Lstat(path)
			require.NoError(t, err)
			assert.Equal(t, os.ModeSocket, info.Mode().Type())
			tracker := trackerOf(t, p)
			require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
			eventually(t, "the tracker ends", func() bool { return gone(tracker) })
			assert.NoFileExists(t, path)
			if s.Path == "" {
				assert.NoDirExists(t, filepath.Dir(path))
			}
		})
	}
}

// trackerOf returns the only child of a process.
func trackerOf(t testing.TB, p *mp.Process) int {
	t.Helper()
	pids := childrenOf(t, p.PID())
	require.Len(t, pids, 1)
	return pids[0]
}

func TestAUTH11_WithoutAutoUnlinkTheFileOfAKilledListenerStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	p, box := launchTalking(t, listenAndStay.With(spot{Path: path}))
	require.Equal(t, path, box.next(t))
	assert.Empty(t, childrenOf(t, p.PID()), "nobody has asked for one")
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	require.Error(t, join(t, p))
	_, err := os.Lstat(path)
	require.NoError(t, err)
	_, err = (&mp.ListenConfig{AutoUnlink: true}).Listen(bounded(t), "unix", path)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = os.Lstat(path)
	require.NoError(t, err, "it is not ours to remove")
}

// What has taken the place of the socket stays, and so does a directory in which
// somebody else has put something.
func TestAUTH11_AKilledListenerRemovesNothingOfOthers(t *testing.T) {
	dir := t.TempDir()
	for _, s := range []spot{{}, {Path: filepath.Join(dir, "socket"), AutoUnlink: true}} {
		p, box := launchTalking(t, listenAndStay.With(s))
		path := box.next(t)
		tracker := trackerOf(t, p)
		other := filepath.Join(dir, "other")
		require.NoError(t, os.WriteFile(other, []byte("another"), 0o600)) // while the socket has its inode
		require.NoError(t, os.Rename(other, path))
		require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
		eventually(t, "the tracker ends", func() bool { return gone(tracker) })
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "another", string(text))
		if s.Path == "" {
			require.NoError(t, os.RemoveAll(filepath.Dir(path)))
		}
	}
}

// Whatever the moment at which it is killed, a listener with an address of its own
// leaves neither a socket nor a directory.
func TestAUTH11_ListenersThatAreKilledAnywhere(t *testing.T) {
	rng := random(t)
	dir := t.TempDir()
	rounds := max(kills(t)/8, 1)
	for range rounds {
		p, box := launchTalking(t, listenAgain.With(none), func(p *mp.Process) { p.Env = append(os.Environ(), "TMPDIR="+dir) })
		require.Equal(t, "ready", box.next(t))
		time.Sleep(time.Duration(rng.IntN(8000)) * time.Microsecond) // the moment is what varies
		require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
		require.Error(t, join(t, p))
	}
	eventually(t, "nothing is left", func() bool {
		left, err := os.ReadDir(dir)
		return assert.NoError(t, err) && len(left) == 0
	})
}

// What package initialisation makes of a listener that needs a process.
var _, errEarlyListener = (&mp.ListenConfig{AutoUnlink: true}).Listen(context.Background(), "unix", "/tmp/mp-too-early")

func TestAUTH11_PackageInitialisationIsTooEarlyForAutoUnlink(t *testing.T) {
	assert.ErrorIs(t, errEarlyListener, mp.ErrNotInitialized)
	assert.NoFileExists(t, "/tmp/mp-too-early")
}
