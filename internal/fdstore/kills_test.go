//go:build linux

package fdstore

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/trial"
)

// A victim puts and gets until it is killed: what it was told of, and what it has put
// itself. What it gets must be what was put.
var victim = scenario("put and get until killed", func(c *insider) {
	told := parseRef(c.args[0])
	c.say("ready")
	f, err := getFile(told)
	c.must(err)
	own, err := f.Stat()
	c.must(err)
	want := own.Sys().(*syscall.Stat_t).Ino
	var live []*shm.Object
	for {
		r := told
		switch rand.IntN(4) {
		case 0:
			o, err := Put(descriptorOf(f))
			c.must(err)
			live = append(live, o)
			continue
		case 1:
			if len(live) > 0 {
				c.must(live[0].Drop())
				live = live[1:]
			}
			continue
		case 2:
			if len(live) > 0 {
				r = live[rand.IntN(len(live))].Ref()
			}
		}
		got, err := getFile(r)
		c.must(err)
		info, err := got.Stat()
		c.must(err)
		if info.Sys().(*syscall.Stat_t).Ino != want {
			c.must(errors.New("not what was put"))
		}
		c.must(got.Close())
	}
})

func TestPuttersAndGettersKilledAtRandomMoments(t *testing.T) {
	noStore(t) // one that holds what other tests have put would hold less soon
	rng := trial.Random(t)
	r, o := get2(t)
	at := recorded(t)
	pid := int(at.pid)
	before := descriptors(t, pid)
	_, cells := arena(t).Heap()
	const crowd = 3
	var members [crowd]*member
	for n := range trial.Kills(t) {
		i := n % crowd
		if m := members[i]; m != nil {
			time.Sleep(time.Duration(rng.Int64N(int64(4 * time.Millisecond)))) // a moment at random
			m.kill()
		}
		members[i] = start(t, victim, refText(o.Ref()))
		require.Equal(t, "ready", members[i].line())
	}
	for _, m := range members {
		if m != nil {
			m.kill()
		}
	}
	trial.Until(t, "the store holds no more than before", func() bool { return descriptors(t, pid) == before })
	assert.Equal(t, at, recorded(t), "it is the same")
	trial.Until(t, "no object is left", func() bool {
		_, now := arena(t).Heap()
		return now <= cells+2 // slabs of ledgers
	})
	drop(t, o)
	ended(t, r)
}

// A user puts and gets until it is told to stop.
type user struct {
	file *os.File
	want uint64
	puts atomic.Int64
	stop atomic.Bool
}

func (u *user) run() error {
	for !u.stop.Load() {
		o, err := Put(descriptorOf(u.file))
		if err != nil {
			return err
		}
		f, err := getFile(o.Ref())
		switch {
		case err == nil:
			info, err := f.Stat()
			if err == nil && info.Sys().(*syscall.Stat_t).Ino != u.want {
				err = errors.New("not what was put")
			}
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
		case !errors.Is(err, ErrLost):
			return err
		}
		if err := o.Drop(); err != nil {
			return err
		}
		u.puts.Add(1)
	}
	return nil
}

// While stores are killed, though not several within one Put, a Put succeeds, and a
// Get says that what was put is lost, or gets it.
func TestStoresKilledAtRandomMoments(t *testing.T) {
	rng := trial.Random(t)
	r, w := pipe(t)
	u := &user{file: w, want: inode(t, r)}
	failed := make(chan error, 1)
	go func() { failed <- u.run() }()
	killed := 0
	for range min(trial.Kills(t), 200) {
		puts := u.puts.Load()
		trial.Until(t, "there is another put", func() bool { return u.puts.Load() >= puts+2 || len(failed) > 0 })
		time.Sleep(time.Duration(rng.Int64N(int64(3 * time.Millisecond)))) // a moment at random
		if p := recorded(t); arena(t).Alive(p.owner) {
			require.NoError(t, syscall.Kill(int(p.pid), syscall.SIGKILL))
			killed++
		}
	}
	u.stop.Store(true)
	require.NoError(t, <-failed)
	assert.Positive(t, killed)
	t.Logf("%d stores, %d puts", killed, u.puts.Load())
	require.NoError(t, w.Close())
	_, o := get2(t)
	killStore(t)
	drop(t, o)
	ended(t, r)
}
