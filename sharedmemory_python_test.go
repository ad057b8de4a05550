//go:build linux

package mp_test

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// pythonPrelude is in front of every script. An interpreter unlinks at its end
// what it has attached to (by default, and before 3.13 always): keep prevents that.
const pythonPrelude = `
import sys
try:
    from multiprocessing import resource_tracker
    from multiprocessing.shared_memory import SharedMemory, ShareableList
except ImportError:
    SharedMemory = None

def say(*words): print(*words, flush=True)
def remove(*lists):
    for l in lists:
        l.shm.close()
        l.shm.unlink()
def keep(shm): resource_tracker.unregister(shm._name, "shared_memory")
def wait(): sys.stdin.readline()

if SharedMemory and "list" in sys.argv:
    probe = ShareableList([])
    if not hasattr(probe, "_allocated_offsets"):
        SharedMemory = None
    remove(probe)
if not SharedMemory:
    say("absent")
    sys.exit()
say("present")
`

// A python is an interpreter that runs a script.
type python struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  *bufio.Reader
	stderr bytes.Buffer
}

// startPython runs a script, with the arguments from sys.argv[1] on. The test is
// skipped if there is no interpreter, or none with what the script needs.
func startPython(t *testing.T, script string, args ...string) *python {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	p := &python{cmd: exec.CommandContext(bounded(t), path, append([]string{"-c", pythonPrelude + script}, args...)...)}
	p.cmd.Stderr = &p.stderr
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
	if p.next(t) == "absent" {
		t.Skip("python3 has no shared memory, or lists of another layout")
	}
	return p
}

// next returns the next line that the script has said.
func (p *python) next(t *testing.T) string {
	t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait()
	}
	require.NoError(t, err, "%s", &p.stderr)
	return strings.TrimSuffix(line, "\n")
}

// goOn ends a wait of the script.
func (p *python) goOn(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(p.in, "\n")
	require.NoError(t, err)
}

// end waits for the end of the script, which must have had nothing to complain of.
func (p *python) end(t *testing.T) {
	t.Helper()
	assert.NoError(t, p.cmd.Wait())
	assert.Empty(t, p.stderr.String())
}

func TestSHM01_PythonOpensABlockOfOurs(t *testing.T) {
	s := newShm(t, 5000)
	poke(s, "hello, python\x00\xff")
	p := startPython(t, `
s = SharedMemory(sys.argv[1])
keep(s)
say(s.name, s.size, bytes(s.buf[:15]))
s.buf[:5] = b"HELLO"
s.buf[4999] = 7
s.close()
`, s.Name())
	assert.Equal(t, s.Name()+` 5000 b'hello, python\x00\xff'`, p.next(t))
	p.end(t)
	assert.Equal(t, "HELLO, python", peek(s, 13))
	assert.Equal(t, "\x07", peek(s, 5000)[4999:])
	assert.True(t, shmExists(s.Name()))
}

func TestSHM01_WeOpenABlockOfPythons(t *testing.T) {
	p := startPython(t, `
s = SharedMemory(create=True, size=4097)
s.buf[:5] = b"howdy"
say(s.name)
wait()
say(bytes(s.buf[:5]), s.buf[4096])
wait()
s.unlink()
say("unlinked")
wait()
say(bytes(s.buf[:5]))
s.close()
`)
	name := p.next(t)
	s := openShm(t, name)
	assert.EqualValues(t, 4097, s.Size())
	assert.Equal(t, "howdy", peek(s, 5))
	mem, release := s.Bytes()
	copy(mem, "HOWDY")
	mem[4096] = 9
	p.goOn(t)
	assert.Equal(t, "b'HOWDY' 9", p.next(t))

	_, err := mp.CreateSharedMemory(name, 10)
	assert.ErrorIs(t, err, fs.ErrExist)
	p.goOn(t)
	assert.Equal(t, "unlinked", p.next(t))
	assert.ErrorIs(t, s.Unlink(), fs.ErrNotExist)
	copy(mem, "still")
	release()
	p.goOn(t)
	assert.Equal(t, "b'still'", p.next(t))
	p.end(t)
}

func TestSHM05_WeUnlinkWhatPythonHasCreated(t *testing.T) {
	p := startPython(t, `
s = SharedMemory(create=True, size=10)
keep(s)
say(s.name)
wait()
try:
    SharedMemory(s.name)
except FileNotFoundError:
    say("gone")
s.close()
`)
	s := openShm(t, p.next(t))
	require.NoError(t, s.Unlink())
	p.goOn(t)
	assert.Equal(t, "gone", p.next(t))
	p.end(t)
}

// pythonItems is what the scripts put into their lists, and goItems the same.
const pythonItems = `[7, -2**63, 2**63-1, 1.5, float("-inf"), True, False, None, "text", "", "12345678", b"\x00\xff\x01", b""]`

var goItems = []any{int64(7), int64(math.MinInt64), int64(math.MaxInt64), 1.5, math.Inf(-1), true, false, nil, "text", "", "12345678", []byte("\x00\xff\x01"), []byte{}}

func TestSHM12_PythonOpensAListOfOurs(t *testing.T) {
	l := newList(t, append(goItems, "äöü", "longer than it will be")...)
	p := startPython(t, `
l = ShareableList(name=sys.argv[2])
keep(l.shm)
want = `+pythonItems+` + ["äöü", "longer than it will be"]
got = list(l)
say(got == want, [type(a) for a in got] == [type(b) for b in want], len(l), l.count("text"), l.index(None))
l[0] = "12345678"
l[3] = None
l[5] = -1
l[7] = 2.5
l[14] = "äöü"
try:
    l[0] = "123456789"
except ValueError:
    say("too long")
l.shm.close()
`, "list", l.Name())
	assert.Equal(t, "True True 15 1 7", p.next(t))
	assert.Equal(t, "too long", p.next(t))
	p.end(t)
	want := append(append([]any{}, goItems...), "äöü", "äöü")
	want[0], want[3], want[5], want[7] = "12345678", nil, int64(-1), 2.5
	assert.Equal(t, want, itemsOf(t, l))
}

func TestSHM12_WeOpenAListOfPythons(t *testing.T) {
	p := startPython(t, `
l = ShareableList(`+pythonItems+`)
say(l.shm.name)
wait()
say(ascii(list(l)))
remove(l)
`, "list")
	l, err := mp.OpenShareableList(p.next(t))
	require.NoError(t, err)
	defer l.Close()
	assert.Equal(t, goItems, itemsOf(t, l))
	changes := []any{"8 bytes!", 1, 2.5, nil, true, "ÄÖÜ", []byte("\x00b"), int8(-3), "fits: 8+", "", "12345678abcdefgh", nil, 0.0}
	for i, v := range changes {
		require.NoError(t, l.Set(i, v))
	}
	assert.ErrorContains(t, l.Set(0, "9 bytes!!"), "does not fit")
	p.goOn(t)
	assert.Equal(t, `['8 bytes!', 1, 2.5, None, True, '\xc4\xd6\xdc', b'\x00b', -3, 'fits: 8+', '', '12345678abcdefgh', None, 0.0]`, p.next(t))
	p.end(t)
}

// The same items make the same bytes on both sides.
func TestSHM12_TheLayoutIsPythons(t *testing.T) {
	p := startPython(t, `
l = ShareableList(`+pythonItems+`)
say(l.shm.name)
e = ShareableList([])
say(e.shm.name)
wait()
remove(l, e)
`, "list")
	for _, items := range [][]any{goItems, nil} {
		theirs, err := os.ReadFile(shmPath(p.next(t)))
		require.NoError(t, err)
		ours, err := os.ReadFile(shmPath(newList(t, items...).Name()))
		require.NoError(t, err)
		assert.Equal(t, theirs, ours)
	}
	p.goOn(t)
	p.end(t)
}
