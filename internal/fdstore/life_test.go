//go:build linux

package fdstore

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/trial"
)

func TestAKilledStoreLosesWhatItHad(t *testing.T) {
	r, o := get2(t)
	killStore(t)
	ended(t, r) // the kernel has closed it
	_, err := Get(o.Ref())
	assert.ErrorIs(t, err, ErrLost)
	old := o.Ref()

	// The next Put has another store, which does not know the lost one either.
	r2, o2 := get2(t)
	_, err = Get(old)
	assert.ErrorIs(t, err, ErrLost)
	drop(t, o)
	_, err = Get(old)
	assert.ErrorIs(t, err, shm.ErrGone)
	f := get(t, o2.Ref())
	assert.Equal(t, inode(t, r2), inode(t, f))
	require.NoError(t, f.Close())
	drop(t, o2)
}

// It stays for a second without anything, so that it is not started for each
// descriptor; then it goes, and its parent has no zombie of it.
func TestAnEmptyStoreLeaves(t *testing.T) {
	_, o := get2(t)
	first := recorded(t)
	drop(t, o)
	_, o = get2(t)
	assert.Equal(t, first, recorded(t))
	drop(t, o)
	noStore(t)
	trial.Until(t, "it is reaped", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", first.pid))
		return os.IsNotExist(err)
	})
	r, o := get2(t)
	assert.NotEqual(t, first.owner, recorded(t).owner)
	f := get(t, o.Ref())
	assert.Equal(t, inode(t, r), inode(t, f))
	require.NoError(t, f.Close())
	drop(t, o)
}

func TestSignalsOfATerminalDoNotEndTheStore(t *testing.T) {
	r, o := get2(t)
	at := recorded(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		require.NoError(t, syscall.Kill(int(at.pid), s))
	}
	f := get(t, o.Ref())
	assert.Equal(t, inode(t, r), inode(t, f))
	require.NoError(t, f.Close())
	_, _, sid := status(t, int(at.pid))
	assert.EqualValues(t, at.pid, sid, "a session of its own")
	assert.Equal(t, at, recorded(t))
	drop(t, o)
}

// status returns the state, the parent and the session of a process.
func status(t testing.TB, pid int) (state string, parent, session int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	parent, err = strconv.Atoi(f[1])
	require.NoError(t, err)
	session, err = strconv.Atoi(f[3])
	require.NoError(t, err)
	return f[0], parent, session
}

var firstPutter = scenario("put at the same time as others", func(c *insider) {
	fd, err := Get(parseRef(c.args[0])) // it maps the memory
	if err == nil {
		c.must(fmt.Errorf("descriptor %d is there", fd))
	}
	c.say("ready")
	c.hear()
	const each = 4
	errs := make(chan error, each)
	for range each {
		go func() {
			_, err := Put(0) // its standard input
			errs <- err
		}()
	}
	for range each {
		c.must(<-errs)
	}
	children := 0
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		children += len(strings.Fields(string(text)))
	}
	c.say("%d", children)
	forever()
})

func TestConcurrentFirstPutsStartOneStore(t *testing.T) {
	noStore(t)
	var members []*member
	for range 4 {
		members = append(members, start(t, firstPutter, refText(shm.Ref{Cell: 1, Generation: 1, Kind: Kind})))
	}
	for _, m := range members {
		require.Equal(t, "ready", m.line())
	}
	for _, m := range members {
		m.tell("go")
	}
	stores := 0
	for _, m := range members {
		n, err := strconv.Atoi(m.line())
		require.NoError(t, err)
		stores += n
	}
	assert.Equal(t, 1, stores)
}

// Who is killed while it starts a store leaves the lock to the next.
func TestAStarterThatIsKilled(t *testing.T) {
	noStore(t)
	rng := trial.Random(t)
	for range min(trial.Kills(t), 50) {
		m := start(t, firstPutter, refText(shm.Ref{Cell: 1, Generation: 1, Kind: Kind}))
		require.Equal(t, "ready", m.line())
		m.tell("go")
		time.Sleep(time.Duration(rng.Int64N(int64(10 * time.Millisecond)))) // a moment at random
		m.kill()
		if rng.IntN(3) == 0 {
			_, o := get2(t)
			drop(t, o)
			killStore(t)
		}
	}
	r, o := get2(t)
	f := get(t, o.Ref())
	assert.Equal(t, inode(t, r), inode(t, f))
	require.NoError(t, f.Close())
	drop(t, o)
}

func TestAStoreThatDoesNotStart(t *testing.T) {
	noStore(t)
	defer storeName("store")
	r, w := pipe(t)
	defer r.Close()
	for name, why := range map[string]string{"refuse": errRefused.Error(), "die": spawn.ErrSilent.Error()} {
		storeName(name)
		_, err := Put(descriptorOf(w))
		assert.ErrorContains(t, err, "has not started")
		assert.ErrorContains(t, err, why)
	}
	Setup = nil
	_, err := Put(descriptorOf(w))
	assert.ErrorIs(t, err, errNoSetup)
}

// A store that says nothing costs patience, and no more.
func TestAStoreThatIsStopped(t *testing.T) {
	_, o := get2(t)
	at := recorded(t)
	defer func(d time.Duration) { patience = d }(patience)
	patience = 300 * time.Millisecond
	require.NoError(t, syscall.Kill(int(at.pid), syscall.SIGSTOP))
	trial.Until(t, "all its threads have stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", at.pid))
		require.NoError(t, err)
		for _, path := range threads {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "T") {
				return false
			}
		}
		return len(threads) > 0
	})
	_, err := Get(o.Ref())
	assert.ErrorContains(t, err, "does not answer")
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is not a deadline of the user's")
	_, err = Put(0)
	assert.ErrorContains(t, err, "does not answer")
	require.NoError(t, syscall.Kill(int(at.pid), syscall.SIGCONT))
	patience = trial.Patience
	f := get(t, o.Ref())
	require.NoError(t, f.Close())
	drop(t, o)
}

// A stray write into the record costs what was under way.
func TestARecordThatHasBeenOverwritten(t *testing.T) {
	for name, damage := range map[string]func(p *place){
		"secret": func(p *place) { p.secret[3]++ },
		"owner":  func(p *place) { p.owner = 1 << 30 },
	} {
		_, o := get2(t)
		old := recorded(t)
		p := old
		damage(&p)
		root, err := rootOf(arena(t))
		require.NoError(t, err)
		r, err := recordOf(root)
		require.NoError(t, err)
		r.write(p)
		_, err = Get(o.Ref())
		assert.ErrorIs(t, err, ErrLost, name)
		r2, o2 := get2(t)
		f := get(t, o2.Ref())
		assert.Equal(t, inode(t, r2), inode(t, f), name)
		require.NoError(t, f.Close())
		drop(t, o)
		drop(t, o2)
		trial.Until(t, "the store that nobody finds leaves", func() bool { return !arena(t).Alive(old.owner) })
	}
}

// A family of its own: it puts descriptors in two processes, and says which processes
// there are.
var family = scenario("be a family", func(*insider) {
	t := new(testing.T)
	o, err := Put(3)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	m := start(t, putter, refText(o.Ref()))
	m.line()
	fmt.Println(os.Getpid(), m.proc.PID, recorded(t).pid)
	forever()
})

func TestNothingIsLeftWhenEverybodyIsKilled(t *testing.T) {
	r, w := pipe(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), familyVariable+"="+family, "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var head, child, store int
	_, err = fmt.Sscan(line, &head, &child, &store)
	require.NoError(t, err, line)
	_, parent, _ := status(t, store)
	assert.Equal(t, head, parent)

	require.NoError(t, cmd.Process.Kill())
	require.NoError(t, syscall.Kill(child, syscall.SIGKILL))
	_ = cmd.Wait()
	ended(t, r)
	trial.Until(t, "the store ends", func() bool { return gone(store) })
}

var modest = scenario("have a low soft limit", func(c *insider) {
	var limit syscall.Rlimit
	c.must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	c.must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: limit.Max}))
	_, err := Put(0)
	c.must(err)
	c.say("%d", recorded(&testing.T{}).pid)
	forever()
})

// The room is what the hard limit allows, also if the first who puts has lowered the
// soft one.
func TestTheSoftLimitDoesNotMatter(t *testing.T) {
	noStore(t)
	m := start(t, modest)
	limits, err := os.ReadFile("/proc/" + m.line() + "/limits")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(limits), "Max open files")
	var soft, hard uint64
	_, err = fmt.Sscan(rest, &soft, &hard)
	require.NoError(t, err, "%s", limits)
	assert.GreaterOrEqual(t, soft, hard-1)
	var objects []*shm.Object
	for range 100 {
		_, o := get2(t)
		objects = append(objects, o)
	}
	for _, o := range objects {
		drop(t, o)
	}
}

var full = scenario("have no descriptor left", func(c *insider) {
	ref := parseRef(c.args[0])
	f, err := getFile(ref) // what is opened once is open now
	c.must(err)
	c.must(f.Close())
	c.must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}))
	last := -1
	for {
		fd, err := syscall.Dup(0)
		if err != nil {
			break
		}
		last = fd
	}
	_, err = Get(ref) // has no room for the socket
	c.say("%v: %v", errors.Is(err, syscall.EMFILE), err)
	_, err = Put(0)
	c.say("%v: %v", errors.Is(err, syscall.EMFILE), err)
	c.must(syscall.Close(last))
	_, err = Get(ref) // has no room for the descriptor
	c.say("%v: %v", errors.Is(err, syscall.EMFILE), err)
	forever()
})

// Who has no room for a descriptor, or for the socket, is told what that means.
func TestAProcessThatIsFull(t *testing.T) {
	_, o := get2(t)
	m := start(t, full, refText(o.Ref()))
	for _, words := range []string{"lost with its message", "to send another one", "lost with its message"} {
		line := m.line()
		assert.Contains(t, line, "true: this process has too many open files")
		assert.Contains(t, line, words)
		assert.Contains(t, line, "ulimit -n")
	}
	f := get(t, o.Ref())
	require.NoError(t, f.Close())
	drop(t, o)
}

// The hard limit of the store is that of the process that has started it.
var poor = scenario("have few descriptors", func(c *insider) {
	c.must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 80, Max: 80}))
	var objects []*shm.Object
	for {
		o, err := Put(0)
		if err != nil {
			c.say("%d %v", len(objects), errors.Is(err, ErrNoRoom))
			break
		}
		objects = append(objects, o)
	}
	for _, o := range objects {
		c.must(o.Drop())
	}
	for range objects {
		o, err := Put(0) // the store looks for room
		c.must(err)
		c.must(o.Drop())
	}
	c.say("done")
})

func TestAStoreThatIsFull(t *testing.T) {
	noStore(t)
	m := start(t, poor)
	_, room := shares(80)
	assert.Equal(t, fmt.Sprintf("%d true", room), m.line())
	require.Equal(t, "done", m.line())
	noStore(t)
}

// Many at the same time, in one process, and while stores are killed.
func TestManyAtOnce(t *testing.T) {
	r, w := pipe(t)
	want := inode(t, r)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 10 {
				o, err := Put(descriptorOf(w))
				if !assert.NoError(t, err) {
					return
				}
				f, err := getFile(o.Ref())
				if assert.NoError(t, err) {
					got, err := f.Stat()
					assert.NoError(t, err)
					assert.Equal(t, want, got.Sys().(*syscall.Stat_t).Ino)
					assert.NoError(t, f.Close())
				}
				assert.NoError(t, o.Drop())
			}
		})
	}
	all.Wait()
}
