//go:build linux

package mp_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// blockKeeper does what it is told on its standard input, and says what came of
// it.
var blockKeeper = mp.Action0(func(context.Context) error {
	blocks := make(map[string]*mp.SharedMemory)
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		verb, name, _ := strings.Cut(orders.Text(), " ")
		switch verb {
		case "create":
			s, err := mp.CreateSharedMemory(name, 4096, mp.AutoUnlink())
			blocks[name] = s
			say(err)
		case "keep":
			_, err := mp.CreateSharedMemory(name, 4096)
			say(err)
		case "unlink":
			say(blocks[name].Unlink())
		case "active":
			say(len(mp.ActiveChildren()))
		case "signals":
			say(signals("self"))
		case "return":
			return nil
		case "exit":
			mp.Exit(0)
		}
	}
	return orders.Err()
})

// childrenOf lists the children of a process that have not ended.
func childrenOf(t testing.TB, pid int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		text, _ := os.ReadFile(path) // it may just have ended
		_, after, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(after); len(f) > 1 && f[1] == strconv.Itoa(pid) && f[0] != "Z" && f[0] != "X" {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			pids = append(pids, child)
		}
	}
	return pids
}

// signals returns what a process blocks and ignores.
func signals(pid string) string {
	var found []string
	text, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "SigBlk:") || strings.HasPrefix(line, "SigIgn:") {
			found = append(found, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(found, " ")
}

// A keeper is a process of blockKeeper.
type keeper struct {
	*mp.Process
	box    *mailbox
	orders *os.File
	stderr string // the path
}

func newKeeper(t testing.TB) *keeper {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	t.Cleanup(func() { w.Close() })
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer stderr.Close()
	p, box := launchTalking(t, blockKeeper.With(none), func(p *mp.Process) { p.Stdin, p.Stderr = r, stderr })
	return &keeper{p, box, w, stderr.Name()}
}

// do gives an order and returns the answer.
func (k *keeper) do(t testing.TB, order ...any) string {
	t.Helper()
	k.tell(t, order...)
	return k.box.next(t)
}

func (k *keeper) tell(t testing.TB, order ...any) {
	t.Helper()
	_, err := fmt.Fprintln(k.orders, order...)
	require.NoError(t, err)
}

// create makes the keeper create a block with AutoUnlink, and returns its name.
func (k *keeper) create(t testing.TB) string {
	t.Helper()
	name := shmName(t)
	require.Equal(t, "<nil>", k.do(t, "create", name))
	require.True(t, shmExists(name))
	return name
}

// tracker returns the pid of the keeper's only child, which is not the former one.
func (k *keeper) tracker(t testing.TB, former ...int) int {
	t.Helper()
	var pids []int
	eventually(t, "there is a tracker", func() bool {
		pids = childrenOf(t, k.PID())
		return len(pids) == 1 && !slices.Contains(former, pids[0])
	})
	t.Cleanup(func() { eventually(t, "the tracker ends", func() bool { return gone(pids[0]) }) })
	return pids[0]
}

// said returns what the keeper has written to its stderr.
func (k *keeper) said(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(k.stderr)
	require.NoError(t, err)
	return string(text)
}

// vanish waits until nothing has a name any more.
func vanish(t testing.TB, name string) {
	t.Helper()
	eventually(t, name+" vanishes", func() bool { return !shmExists(name) })
}

func TestSHM09_ACreatorThatIsKilledLeavesNothing(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			k := newKeeper(t)
			a, b := k.create(t), k.create(t)
			k.tracker(t)
			require.NoError(t, syscall.Kill(k.PID(), sig))
			vanish(t, a)
			vanish(t, b)
			assert.Error(t, join(t, k.Process))
		})
	}
}

func TestSHM09_AnOrderlyEndLeavesNothing(t *testing.T) {
	for _, end := range []string{"return", "exit"} {
		k := newKeeper(t)
		name := k.create(t)
		k.tracker(t)
		k.tell(t, end)
		assert.NoError(t, join(t, k.Process))
		vanish(t, name)
		assert.Empty(t, k.said(t))
	}
}

func TestSHM09_WithoutAutoUnlinkItStays(t *testing.T) {
	k := newKeeper(t)
	kept := shmName(t)
	require.Equal(t, "<nil>", k.do(t, "keep", kept))
	assert.Empty(t, childrenOf(t, k.PID()), "nobody has asked for one")
	removed := k.create(t)
	k.tracker(t)
	require.NoError(t, k.Kill())
	vanish(t, removed)
	assert.True(t, shmExists(kept))
}

func TestSHM09_AnotherBlockOfTheNameIsLeftAlone(t *testing.T) {
	k := newKeeper(t)
	name := k.create(t)
	tracker := k.tracker(t)
	require.NoError(t, os.Remove(shmPath(name)))
	require.NoError(t, os.WriteFile(shmPath(name), []byte("another"), 0o600))
	require.NoError(t, k.Kill())
	eventually(t, "the tracker ends", func() bool { return gone(tracker) })
	assert.True(t, shmExists(name))
}

func TestSHM10_WhoOnlyOpensABlockDoesNotRemoveIt(t *testing.T) {
	s := newShm(t, 64)
	_, err := mp.Run(bounded(t), shmByName.With(mp.Pack2(s.Name(), "was here")))
	require.NoError(t, err)
	assert.Equal(t, "was here", peek(openShm(t, s.Name()), 8))
	k := newKeeper(t)
	k.create(t) // it has a tracker, too
	k.tracker(t)
	require.NoError(t, k.Kill())
	assert.Error(t, join(t, k.Process))
	assert.Equal(t, "was here", peek(openShm(t, s.Name()), 8))
}

// The signals that a terminal or a service manager sends to all at once do not end
// the tracker before its time.
func TestSHM11_TheTrackerIgnoresSignals(t *testing.T) {
	k := newKeeper(t)
	name := k.create(t)
	tracker := k.tracker(t)
	group, err := syscall.Getpgid(tracker)
	require.NoError(t, err)
	assert.Equal(t, tracker, group, "a group of its own")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		require.NoError(t, syscall.Kill(tracker, sig))
		require.NoError(t, syscall.Kill(k.PID(), 0))
	}
	assert.Equal(t, tracker, k.tracker(t))
	require.NoError(t, k.Kill())
	vanish(t, name)
	assert.Empty(t, k.said(t))
}

func TestSHM11_AKilledTrackerIsReplaced(t *testing.T) {
	k := newKeeper(t)
	names := []string{k.create(t)}
	first := k.tracker(t)
	tracker := first
	for range 3 {
		require.NoError(t, syscall.Kill(tracker, syscall.SIGKILL))
		names = append(names, k.create(t))
		tracker = k.tracker(t, tracker)
	}
	require.NoError(t, syscall.Kill(tracker, syscall.SIGKILL))
	k.tracker(t, tracker) // there is another, without being used
	assert.Equal(t, "<nil>", k.do(t, "unlink", names[1]))
	require.NoError(t, k.Kill())
	for _, name := range names {
		vanish(t, name)
	}
	assert.Equal(t, fmt.Sprintf("mp: the process that removes the files of this one when it has ended (pid %d) was killed; another takes its place\n", first), k.said(t), "once")
}

func TestSHM11_TheTrackerIsNoChildOfTheProgram(t *testing.T) {
	k := newKeeper(t)
	before := k.do(t, "signals")
	name := k.create(t)
	tracker := k.tracker(t)
	assert.Equal(t, "0", k.do(t, "active"))
	assert.Equal(t, before, k.do(t, "signals"), "nothing is blocked or ignored for its sake")
	assert.Empty(t, descriptorsBesides(t, tracker), "it holds nothing but its own")
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", tracker))
	require.NoError(t, err)
	assert.Equal(t, "/", cwd)
	assert.Equal(t, "<nil>", k.do(t, "unlink", name))
	eventually(t, "it ends when it has nothing to do", func() bool { return gone(tracker) })
	assert.Empty(t, childrenOf(t, k.PID()))

	again := k.create(t) // and comes back
	k.tracker(t)
	k.tell(t, "return")
	assert.NoError(t, join(t, k.Process), "nobody waits for it")
	vanish(t, again)
	assert.Empty(t, k.said(t))
}

// descriptorsBesides lists what a tracker has open that it has no use for.
func descriptorsBesides(t testing.TB, pid int) (others []string) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	require.NotEmpty(t, links)
	pipes := 0
	for _, link := range links {
		target, err := os.Readlink(link)
		switch {
		case err != nil, target == os.DevNull, strings.HasPrefix(target, "anon_inode:[event"),
			strings.HasPrefix(target, "/memfd:mp-child"), strings.HasPrefix(target, "/sys/"), strings.HasPrefix(target, "/proc/"):
		case strings.HasPrefix(target, "pipe:") && pipes < 2: // control and reports
			pipes++
		default:
			others = append(others, target)
		}
	}
	return others
}

func TestSHM11_NamesThatAreTooLong(t *testing.T) {
	_, err := mp.CreateSharedMemory(strings.Repeat("x", 300), 64, mp.AutoUnlink())
	assert.ErrorIs(t, err, fs.ErrInvalid)
}

// unlinkIt unlinks a block that another process has created.
var unlinkIt = mp.Action(func(_ context.Context, s *mp.SharedMemory) error { return s.Unlink() })

func TestSHM16_AChildUnlinksWhatItsParentHasCreated(t *testing.T) {
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer stderr.Close()
	s := newShm(t, 64, mp.AutoUnlink())
	p := launch(t, unlinkIt.With(s), func(p *mp.Process) { p.Stderr = stderr })
	require.NoError(t, join(t, p))
	assert.False(t, shmExists(s.Name()))
	assert.ErrorIs(t, s.Unlink(), fs.ErrNotExist)
	text, err := os.ReadFile(stderr.Name())
	require.NoError(t, err)
	assert.Empty(t, string(text))
}

// The same, when the creator ends without having unlinked it itself.
func TestSHM16_NoSecondRemoval(t *testing.T) {
	k := newKeeper(t)
	name := k.create(t)
	k.tracker(t)
	require.NoError(t, openShm(t, name).Unlink())
	k.tell(t, "return")
	assert.NoError(t, join(t, k.Process))
	assert.Empty(t, k.said(t))
}
