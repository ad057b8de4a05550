//go:build linux

package mp_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// An interpreter is one of those that are installed.
type interpreter struct {
	path, version string
	md5           bool // it knows only the old form of authentication
}

// interpreters finds the first of each form of authentication. MP_PYTHONS=all finds one
// of each version. (Where pyenv manages them, it gives the one of the name only if told
// to.)
var interpreters = sync.OnceValue(func() (found []interpreter) {
	seen := make(map[string]bool)
	for _, name := range []string{"python3.14", "python3.13", "python3.12", "python3.11", "python3.8", "python3"} {
		cmd := exec.Command(name, "-c", "import multiprocessing.connection as c, sys; print(sys.executable, '%d.%d' % sys.version_info[:2], c.MESSAGE_LENGTH == 20)")
		cmd.Env = append(os.Environ(), "PYENV_VERSION="+strings.TrimPrefix(name, "python"))
		if name == "python3" {
			cmd.Env = nil
		}
		out, err := cmd.Output()
		words := strings.Fields(string(out))
		if err != nil || len(words) != 3 {
			continue
		}
		py := interpreter{path: words[0], version: words[1], md5: words[2] == "True"}
		kind := fmt.Sprint("old form: ", py.md5)
		if os.Getenv("MP_PYTHONS") == "all" {
			kind = py.version
		}
		if !seen[kind] {
			seen[kind] = true
			found = append(found, py)
		}
	}
	return found
})

// eachPython runs a test with each interpreter.
func eachPython(t *testing.T, test func(t *testing.T, py interpreter)) {
	if len(interpreters()) == 0 {
		t.Skip("there is no python3")
	}
	for _, py := range interpreters() {
		t.Run(py.version, func(t *testing.T) { test(t, py) })
	}
}

// auth is the key, in the way that the interpreter needs it.
func (py interpreter) auth(key string) *mp.Auth {
	return &mp.Auth{Key: []byte(key), AllowMD5: py.md5}
}

const connPrelude = `
import sys, hashlib
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
def say(*words): print(*words, flush=True)
def where(network, address):
    if network == "tcp":
        host, port = address.rsplit(":", 1)
        return (host, int(port))
    return "\0" + address[1:] if address[0] == "@" else address
key = sys.stdin.readline().rstrip("\n")
key = None if key == "none" else key.encode()
`

// start runs a script, which gets the key on its standard input.
func (py interpreter) start(t *testing.T, key, script string, args ...string) *python {
	t.Helper()
	p := &python{cmd: exec.CommandContext(bounded(t), py.path, append([]string{"-c", connPrelude + script}, args...)...)}
	p.cmd.Stderr = &p.stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.lines = bufio.NewReader(out)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = p.cmd.Wait()
	})
	_, err = fmt.Fprintln(p.in, key)
	require.NoError(t, err)
	return p
}

const pythonClient = `
try:
    c = Client(where(*sys.argv[1:3]), authkey=key)
except (AuthenticationError, EOFError, ConnectionResetError) as e:
    say("refused", type(e).__name__)
    sys.exit()
c.send_bytes(b"hello from python")
say(c.recv_bytes())
while True:
    try:
        b = c.recv_bytes()
    except EOFError:
        say("end")
        break
    c.send_bytes(hashlib.sha256(b).digest() + b[::-1])
`

var (
	someSizes  = []int{0, 1, 16384, 16385, 70000}
	largeSizes = append([]int{16<<20 + 3}, someSizes...)
)

// converse talks with one of the scripts, over an authenticated connection.
func converse(t *testing.T, c *mp.Conn, p *python, sizes []int) {
	t.Helper()
	got, err := c.RecvBytes(bounded(t), 0)
	require.NoError(t, err)
	assert.Equal(t, "hello from python", string(got))
	require.NoError(t, c.SendBytes(bounded(t), []byte("hello from go")))
	assert.Equal(t, "b'hello from go'", p.next(t))
	for _, size := range sizes {
		msg := noise(size)
		require.NoError(t, c.SendBytes(bounded(t), msg))
		got, err := c.RecvBytes(bounded(t), 0)
		require.NoError(t, err)
		sum := sha256.Sum256(msg)
		require.Len(t, got, len(sum)+size)
		require.Equal(t, sum[:], got[:len(sum)])
		slices.Reverse(msg)
		require.True(t, bytes.Equal(msg, got[len(sum):]), "what came back is not what was sent")
	}
	require.NoError(t, c.Close())
	assert.Equal(t, "end", p.next(t))
	p.end(t)
}

func TestAUTH02_AClientInPython(t *testing.T) {
	eachPython(t, func(t *testing.T, py interpreter) {
		for _, c := range []struct {
			family, key string
			sizes       []int
		}{{"unix", "secret", largeSizes}, {"abstract", "none", someSizes}, {"tcp", "secret", someSizes}} {
			t.Run(c.family+"_"+c.key, func(t *testing.T) {
				var lc mp.ListenConfig
				if c.key != "none" {
					lc.Auth = py.auth(c.key)
				}
				l := listenAt(t, c.family, lc)
				p := py.start(t, c.key, pythonClient, l.Addr().Network(), l.Addr().String())
				converse(t, accepted(t, l), p, c.sizes)
			})
		}
	})
}

func TestAUTH08_AClientInPythonWithTheWrongKey(t *testing.T) {
	eachPython(t, func(t *testing.T, py interpreter) {
		rejected := newRejections()
		l := listenAt(t, "tcp", mp.ListenConfig{Auth: py.auth("right"), OnReject: rejected.tell})
		p := py.start(t, "wrong", pythonClient, "tcp", l.Addr().String())
		assert.Equal(t, "refused AuthenticationError", p.next(t))
		err := rejected.next(t)
		assert.ErrorIs(t, err, mp.ErrAuthentication)
		assert.NotContains(t, err.Error(), "right")
		p.end(t)
		p = py.start(t, "right", pythonClient, "tcp", l.Addr().String())
		converse(t, accepted(t, l), p, someSizes)
	})
}

const pythonListener = `
address = {"unix": None, "tcp": ("127.0.0.1", 0)}[sys.argv[1]]
family = {"unix": "AF_UNIX", "tcp": "AF_INET"}[sys.argv[1]]
l = Listener(address, family, authkey=key)
say(l.address if sys.argv[1] == "unix" else "%s:%d" % l.address)
while True:
    try:
        c = l.accept()
        break
    except (AuthenticationError, EOFError, ConnectionResetError) as e:
        say("refused", type(e).__name__)
c.send_bytes(b"hello from python")
say(c.recv_bytes())
while True:
    try:
        b = c.recv_bytes()
    except EOFError:
        say("end")
        break
    c.send_bytes(hashlib.sha256(b).digest() + b[::-1])
l.close()
`

func TestAUTH02_AListenerInPython(t *testing.T) {
	eachPython(t, func(t *testing.T, py interpreter) {
		for _, each := range [][2]string{{"unix", "none"}, {"tcp", "secret"}} {
			network, key := each[0], each[1]
			t.Run(network+"_"+key, func(t *testing.T) {
				var d mp.Dialer
				if key != "none" {
					d.Auth = py.auth(key)
				}
				p := py.start(t, key, pythonListener, network)
				c, err := d.Dial(bounded(t), network, p.next(t))
				require.NoError(t, err)
				defer c.Close()
				converse(t, c, p, largeSizes)
			})
		}
	})
}

func TestAUTH08_AListenerInPythonWithAnotherKey(t *testing.T) {
	eachPython(t, func(t *testing.T, py interpreter) {
		p := py.start(t, "right", pythonListener, "unix")
		address := p.next(t)
		d := mp.Dialer{Auth: py.auth("wrong")}
		_, err := d.Dial(bounded(t), "unix", address)
		require.ErrorIs(t, err, mp.ErrAuthentication)
		assert.Equal(t, "refused AuthenticationError", p.next(t))
		d.Auth = py.auth("right")
		c, err := d.Dial(bounded(t), "unix", address)
		require.NoError(t, err)
		defer c.Close()
		converse(t, c, p, someSizes)
	})
}

func TestAUTH09_MD5OnlyIfAllowed(t *testing.T) {
	eachPython(t, func(t *testing.T, py interpreter) {
		if !py.md5 {
			t.Skip("it knows SHA-256")
		}
		strict := &mp.Auth{Key: []byte("key")}
		rejected := newRejections()
		l := listenAt(t, "tcp", mp.ListenConfig{Auth: strict, OnReject: rejected.tell})
		p := py.start(t, "key", pythonClient, "tcp", l.Addr().String())
		assert.Equal(t, "refused AuthenticationError", p.next(t))
		err := rejected.next(t)
		assert.ErrorIs(t, err, mp.ErrAuthentication)
		assert.ErrorContains(t, err, "AllowMD5")
		p.end(t)

		p = py.start(t, "key", pythonListener, "unix")
		_, err = (&mp.Dialer{Auth: strict}).Dial(bounded(t), "unix", p.next(t))
		assert.ErrorIs(t, err, mp.ErrAuthentication)
		assert.ErrorContains(t, err, "AllowMD5")
		require.NoError(t, p.cmd.Process.Kill())
	})
}

// Python's Listener has a backlog of 1: Dial waits for a place in the queue.
func TestDialWaitsForAFullQueue(t *testing.T) {
	eachPython(t, func(t *testing.T, py interpreter) {
		const clients = 20
		p := py.start(t, "none", `
l = Listener(None, "AF_UNIX")
say(l.address)
sys.stdin.readline()
for i in range(20):
    c = l.accept()
    c.send_bytes(c.recv_bytes())
    c.close()
l.close()
`)
		address := p.next(t)
		var all sync.WaitGroup
		dialed := make(chan *mp.Conn, clients)
		for i := range clients {
			all.Go(func() {
				c, err := (&mp.Dialer{}).Dial(bounded(t), "unix", address)
				if !assert.NoError(t, err) {
					return
				}
				defer c.Close()
				dialed <- c
				text := fmt.Append(nil, i)
				assert.NoError(t, c.SendBytes(bounded(t), text))
				got, err := c.RecvBytes(bounded(t), 0)
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(text, got))
			})
		}
		<-dialed
		p.goOn(t)
		all.Wait()
		p.end(t)
	})
}
