//go:build linux

package shm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The words of what the victims of TestRandomKills share.
const (
	wordTotal   = CellBody      // increments by all
	wordMine    = CellBody      // in a cell for each: those of one
	wordInside  = CellBody + 4  // who has the lock
	wordRepairs = CellBody + 8  // takeovers from the dead
	wordFaults  = CellBody + 12 // violations of exclusion
)

// A victim makes and gives up objects, passes them on, and counts under a lock,
// until it is killed.
var victim = scenario("be killed at any moment", func(c *insider) {
	shared, mine := c.open(os.Args[1]), c.open(os.Args[2])
	lock := shared.LockWord()
	var live []*Object
	var locks sync.WaitGroup
	for range 2 {
		locks.Go(func() {
			for {
				repair, err := lock.Acquire(context.Background(), nil)
				c.must(err)
				count(c, shared, mine, repair)
				lock.ReleaseOwn()
			}
		})
	}
	c.say("ready")
	for {
		switch rand.IntN(5) {
		case 0, 1:
			size := uint64(rand.IntN(20000))
			if rand.IntN(10) == 0 {
				size = uint64(rand.IntN(2 << 20))
			}
			o, err := c.a.New(Spec{Kind: FirstKind, Size: size})
			c.must(err)
			for i, b := range o.bytesForTest() {
				if b != 0 {
					c.must(fmt.Errorf("new memory is %d at %d of %d", b, i, size))
				}
				o.bytesForTest()[i] = 1
			}
			live = append(live, o)
			c.say("ref %s", refText(o.Ref()))
		case 2:
			select {
			case ref := <-c.lines:
				o, err := c.a.Open(parseRef(ref))
				if errors.Is(err, ErrGone) {
					break // its maker has been killed, or has dropped it
				}
				c.must(err)
				live = append(live, o)
			default:
			}
		default:
			if len(live) > 0 {
				i := rand.IntN(len(live))
				c.must(live[i].Drop())
				live[i] = live[len(live)-1]
				live = live[:len(live)-1]
			}
		}
		for len(live) > 20 {
			c.must(live[0].Drop())
			live = live[1:]
		}
	}
})

// count counts under the lock, and looks whether anybody else is inside.
func count(c *insider, shared, mine *Object, repair bool) {
	in, faults := shared.Word(wordInside), shared.Word(wordFaults)
	if *in != 0 && !repair {
		*faults++
	}
	if repair {
		*shared.Word(wordRepairs)++
		shared.LockWord().Repaired()
	}
	*in = uint32(os.Getpid())
	c.must(c.a.Transact(func(t *Tx) error {
		t.Add(shared.At()+wordTotal, 1)
		t.Add(mine.At()+wordMine, 1)
		return nil
	}))
	if *in != uint32(os.Getpid()) {
		*faults++
	}
	*in = 0
}

// victims are those who are alive, and how a line of one reaches another.
type victims struct {
	mu   sync.Mutex
	all  []*member
	errs []string
}

func (v *victims) add(m *member) {
	v.mu.Lock()
	v.all = append(v.all, m)
	v.mu.Unlock()
	go func() {
		for line := range m.lines {
			ref, ok := strings.CutPrefix(line, "ref ")
			v.mu.Lock()
			if !ok {
				v.errs = append(v.errs, line)
			} else if len(v.all) > 0 {
				_, _ = fmt.Fprintln(v.all[rand.IntN(len(v.all))].stdin, ref)
			}
			v.mu.Unlock()
		}
	}()
}

// look returns how many are alive, and what they have complained of.
func (v *victims) look() (alive int, errs []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.all), v.errs
}

// none fails the test if there are complaints.
func (v *victims) none(t testing.TB) {
	t.Helper()
	_, errs := v.look()
	require.Empty(t, errs)
}

func (v *victims) take(rng *rand.Rand) *member {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := rng.IntN(len(v.all))
	m := v.all[i]
	v.all = append(v.all[:i], v.all[i+1:]...)
	return m
}

// Processes are killed at random moments of all that one can do with an arena, and
// the others notice nothing of it.
func TestRandomKills(t *testing.T) {
	n, rng := kills(t), random(t)
	a := fresh(t)
	begin := usageOf(a)
	shared := newObject(t, a, 0)
	var v victims
	counts := make(map[*member]*Object)
	more := func() {
		mine := newObject(t, a, 0)
		m := start(t, a, victim, refText(shared.Ref()), refText(mine.Ref()))
		counts[m] = mine
		m.expect("ready")
		v.add(m)
	}
	var slowest, all time.Duration
	for i := range n {
		for alive, _ := v.look(); alive < 4; alive++ {
			more()
		}
		time.Sleep(time.Duration(rng.IntN(int(8 * time.Millisecond))))
		m := v.take(rng)
		began := time.Now()
		m.kill()
		within(t, patience, "Reap", a.Reap)
		took := time.Since(began)
		slowest, all = max(slowest, took), all+took
		if i%20 == 0 {
			checkIntegrity(t, a)
		}
		v.none(t)
	}
	t.Logf("to kill one and settle it takes %v, at most %v", all/time.Duration(n), slowest)
	for alive, _ := v.look(); alive > 0; alive-- {
		v.take(rng).kill()
	}
	within(t, patience, "Reap", a.Reap)
	v.none(t)
	checkIntegrity(t, a)
	total := uint32(0)
	for m, mine := range counts {
		total += *mine.Word(wordMine)
		require.NoError(t, mine.Drop(), m.cmd.Process.Pid)
	}
	assert.Equal(t, total, *shared.Word(wordTotal), "increments are lost, or half done")
	assert.Zero(t, *shared.Word(wordFaults), "two had the lock")
	assert.NotZero(t, total)
	t.Logf("%d increments, %d takeovers", total, *shared.Word(wordRepairs))
	if owner := shared.LockWord().Owner(); assert.Zero(t, owner) {
		_, err := shared.LockWord().Acquire(t.Context(), nil)
		require.NoError(t, err)
		shared.LockWord().ReleaseOwn()
	}
	require.NoError(t, shared.Drop())
	for slot := uint32(1); slot < a.slots(); slot++ {
		assert.Equal(t, slot == a.slot, a.load(slotAt(slot)+slotKeeper) != 0, "slot %d", slot)
	}
	checkIntegrity(t, a)
	checkEmpty(t, a, begin)
}
