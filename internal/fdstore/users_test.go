//go:build linux

package fdstore

import (
	"context"
	"encoding/hex"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/trial"
)

// asRoot skips a test that only root can do.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can start processes of other users, or in other namespaces")
	}
}

// nobody has a child be another user.
func nobody() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
}

// Descriptors go from and to processes of other users, and in other process and user
// namespaces, whoever has started the store.
func TestMembersOfOtherUsersAndNamespaces(t *testing.T) {
	asRoot(t)
	ids := []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 65534, Size: 1}}
	for name, attr := range map[string]*syscall.SysProcAttr{
		"another user":              nobody(),
		"another process namespace": {Cloneflags: syscall.CLONE_NEWPID},
		"another user namespace": {
			Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID, UidMappings: ids, GidMappings: ids,
			Credential: &syscall.Credential{Uid: 1000, Gid: 1000, NoSetGroups: true},
		},
	} {
		t.Run(name+", of the client", func(t *testing.T) {
			noStore(t)
			r, o := get2(t)
			m := startAs(t, attr, putter, refText(o.Ref()))
			f := get(t, parseRef(m.line()))
			assert.Equal(t, inode(t, r), inode(t, f))
			require.NoError(t, f.Close())
			drop(t, o)
			m.kill()
			ended(t, r)
		})
		t.Run(name+", of the store", func(t *testing.T) {
			noStore(t)
			m := startAs(t, attr, firstPutter, refText(shm.Ref{Cell: 1, Generation: 1, Kind: Kind}))
			require.Equal(t, "ready", m.line())
			m.tell("go")
			require.Equal(t, "1", m.line(), "it has started the store")
			at := recorded(t)
			r, o := get2(t)
			f := get(t, o.Ref())
			assert.Equal(t, inode(t, r), inode(t, f))
			require.NoError(t, f.Close())
			assert.Equal(t, at, recorded(t))
			drop(t, o)
			ended(t, r)
		})
	}
}

var crowd = scenario("connect and say nothing", func(c *insider) {
	var at place
	for {
		_, err := hex.Decode(at.name[:], []byte(c.hear()))
		c.must(err)
		var silent []*socket.Conn
		for range mostPeers {
			conn, err := socket.Dial(context.Background(), []sys.SocketAddr{at.address()})
			c.must(err)
			silent = append(silent, conn)
		}
		c.say("connected")
		c.hear()
		hungUp, err := silent[0].Ready()
		c.must(err)
		c.say("%v", hungUp)
		for _, conn := range silent {
			c.must(conn.Close())
		}
	}
})

// Others than root and the store's user, who connect and say nothing, do not take up
// all the places.
func TestACrowdOfAnotherUser(t *testing.T) {
	asRoot(t)
	noStore(t)
	r, o := get2(t)
	m := startAs(t, nobody(), crowd)
	at := recorded(t)
	trial.Until(t, "there is an answer before the first of the silent is sent away", func() bool {
		m.tell(hex.EncodeToString(at.name[:]))
		require.Equal(t, "connected", m.line())
		f := get(t, o.Ref())
		assert.Equal(t, inode(t, r), inode(t, f))
		require.NoError(t, f.Close())
		m.tell("how is the first")
		return m.line() == "false"
	})
	drop(t, o)
}

var outsider = scenario("put and get, in vain", func(c *insider) {
	ref := parseRef(c.args[0])
	at := recorded(&testing.T{})
	// Here the name is free to be taken.
	l, err := socket.Listen([]sys.SocketAddr{at.address()}, 0, 10)
	if c.args[1] == "impostor" {
		c.must(err)
		go func() {
			_, _ = l.Accept()
			c.say("error: somebody has connected")
		}()
	} else {
		c.must(l.Close())
	}
	start := time.Now()
	_, err = Get(ref)
	c.say("%v", err)
	_, err = Put(0)
	c.say("%v", err)
	c.say("%v", time.Since(start) < patience/2)
	forever()
})

// The name of the store's socket does not exist in another network namespace: that is
// an error at once, also if the record does not tell the namespace, and nobody who has
// the name there is asked.
func TestAnotherNetworkNamespace(t *testing.T) {
	asRoot(t)
	root, err := rootOf(arena(t))
	require.NoError(t, err)
	record, err := recordOf(root)
	require.NoError(t, err)
	for _, how := range []string{"nobody", "impostor", "unknown"} {
		r, o := get2(t)
		at := recorded(t)
		assert.NotZero(t, at.network)
		if how == "unknown" {
			p := at
			p.network = 0
			record.write(p)
		}
		m := startAs(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}, outsider, refText(o.Ref()), how)
		assert.Contains(t, m.line(), "network namespace", how)
		assert.Contains(t, m.line(), "network namespace", how)
		assert.Equal(t, "true", m.line(), "at once")
		m.kill()
		record.write(at)
		f := get(t, o.Ref())
		assert.Equal(t, inode(t, r), inode(t, f))
		require.NoError(t, f.Close())
		drop(t, o)
	}
}

// Who has taken the name of a store that has gone is told nothing.
func TestAnImpostor(t *testing.T) {
	_, o := get2(t)
	at := recorded(t)
	killStore(t)
	freed(t, at)
	l, err := socket.Listen([]sys.SocketAddr{at.address()}, 0, 10)
	require.NoError(t, err)
	defer l.Close()
	lives := func() bool { return arena(t).Alive(at.owner) }
	_, _, err = at.ask(trial.Context(t), lives, &request{secret: at.secret, op: opPut, ref: o.Ref()}, 0)
	require.ErrorIs(t, err, errAgain)
	c, err := l.Accept()
	require.NoError(t, err)
	defer c.Close()
	n, fd, err := receive(c, make([]byte, requestSize))
	assert.NoError(t, err)
	assert.Zero(t, n)
	assert.Negative(t, fd)
	drop(t, o)
}

// As long as the slot of a store says that it lives nobody can have its name: clients
// rely on that. It is so when it is killed, and when it leaves.
func TestTheNameOfAStoreIsItsOwnUntilItIsDead(t *testing.T) {
	for range min(trial.Kills(t), 30) {
		_, o := get2(t)
		at := recorded(t)
		require.NoError(t, syscall.Kill(int(at.pid), syscall.SIGKILL))
		freed(t, at)
		drop(t, o)
	}
	_, o := get2(t)
	at := recorded(t)
	drop(t, o)
	freed(t, at)
}

// freed waits until the name of a store is free.
func freed(t *testing.T, at place) {
	t.Helper()
	a := arena(t)
	for end := time.Now().Add(trial.Patience); ; {
		l, err := socket.Listen([]sys.SocketAddr{at.address()}, 0, 1)
		alive := a.Alive(at.owner)
		if err == nil {
			require.False(t, alive)
			require.NoError(t, l.Close())
			return
		}
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		require.True(t, time.Now().Before(end), "the name is not free")
	}
}
