//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
)

// A parcel says who has sent it, as which of its parcels, and whether it is whole.
type parcel struct {
	Sender, Number int
	Sum            uint32
	Body           []byte
	Value          *mp.Value[int] // nil, or one that has the number in it
}

func (p *parcel) sum() uint32 {
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %d %x", p.Sender, p.Number, crc32.ChecksumIEEE(p.Body)))
}

// newParcel makes a parcel of one of many sizes, from nothing to 100 KiB.
func newParcel(rng *rand.Rand, sender, number int) (p parcel, err error) {
	p = parcel{Sender: sender, Number: number}
	n := rng.IntN(300)
	switch rng.IntN(20) {
	case 0:
		n = rng.IntN(100 << 10)
	case 1:
		n = 8<<10 - 100 + rng.IntN(150) // about the largest that is not in memory of its own
	case 2:
		if p.Value, err = mp.NewValue(number); err != nil {
			return p, err
		}
	}
	p.Body = make([]byte, n)
	for i := range p.Body {
		p.Body[i] = byte(number + i)
	}
	p.Sum = p.sum()
	return p, nil
}

// check returns what is wrong with a parcel that has come.
func (p *parcel) check() error {
	if p.Sum != p.sum() {
		return fmt.Errorf("parcel %d of %d is torn", p.Number, p.Sender)
	}
	if p.Value == nil {
		return nil
	}
	if v := p.Value.Load(); v != p.Number {
		return fmt.Errorf("parcel %d of %d comes with %d", p.Number, p.Sender, v)
	}
	return p.Value.Close()
}

// A relay is a queue with books of what has been put and got.
type relay struct {
	Q *mp.Queue[parcel]
	// Sent has for each sender how often Put has returned, Got for each of its parcels
	// how often it has come.
	Sent *mp.RawArray[atomic.Int32]
	Got  *mp.RawArray[atomic.Int32]
	Most int // that one sender sends
	Me   int
}

func newRelay(t testing.TB, capacity, senders, most int) relay {
	t.Helper()
	q, err := mp.NewQueue[parcel](capacity)
	require.NoError(t, err)
	sent, err := mp.NewRawArray[atomic.Int32](senders)
	require.NoError(t, err)
	got, err := mp.NewRawArray[atomic.Int32](senders * most)
	require.NoError(t, err)
	return relay{Q: q, Sent: sent, Got: got, Most: most}
}

func (r relay) close(t testing.TB) {
	t.Helper()
	assert.NoError(t, r.Q.Close())
	assert.NoError(t, r.Sent.Close())
	assert.NoError(t, r.Got.Close())
}

// as is the relay for one party.
func (r relay) as(me int) relay {
	r.Me = me
	return r
}

var (
	sendParcels = mp.Action(func(ctx context.Context, r relay) error {
		rng := rand.New(rand.NewPCG(uint64(r.Me), uint64(os.Getpid())))
		sent, release := r.Sent.Slice()
		defer release()
		for number := range r.Most {
			p, err := newParcel(rng, r.Me, number)
			if err != nil {
				return err
			}
			err = r.Q.Put(ctx, p)
			if p.Value != nil {
				_ = p.Value.Close()
			}
			if errors.Is(err, mp.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			sent[r.Me].Add(1)
		}
		return nil
	})
	receiveParcels = mp.Action(func(ctx context.Context, r relay) error {
		got, release := r.Got.Slice()
		defer release()
		last := make(map[int]int)
		for p, err := range r.Q.All(ctx) {
			if err != nil {
				return err
			}
			if err := p.check(); err != nil {
				return err
			}
			if before, ok := last[p.Sender]; ok && p.Number <= before {
				return fmt.Errorf("parcel %d of %d comes behind %d", p.Number, p.Sender, before)
			}
			last[p.Sender] = p.Number
			got[p.Sender*r.Most+p.Number].Add(1)
		}
		return nil
	})
)

// audit compares the books. lost is how many parcels may have gone with a receiver.
func (r relay) audit(t testing.TB, senders, lost int) (parcels int) {
	t.Helper()
	sent, releaseSent := r.Sent.Slice()
	defer releaseSent()
	got, releaseGot := r.Got.Slice()
	defer releaseGot()
	missing := 0
	for sender := range senders {
		n := int(sent[sender].Load())
		parcels += n
		for number := range r.Most {
			came := int(got[sender*r.Most+number].Load())
			switch {
			case came > 1, came > 0 && number > n:
				require.FailNow(t, "a parcel too much", "%d of %d has come %d times; %d were sent", number, sender, came, n)
			case came == 0 && number < n:
				missing++
			}
		}
	}
	require.LessOrEqual(t, missing, lost, "each receiver that was killed can have taken one with it")
	return parcels
}

// usage is what is in use of the shared memory.
func usage(t testing.TB) (bytes uint64, cells int) {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	a.Reap()
	return a.Heap()
}

// givenBack waits until no more memory is in use than before, but for a few slabs.
func givenBack(t testing.TB, bytes uint64, cells int) {
	t.Helper()
	eventually(t, "the shared memory is given back", func() bool {
		b, c := usage(t)
		return b <= bytes+4*64<<10 && c <= cells+4
	})
}

// Senders and receivers are killed at random moments, while others go on: nothing
// hangs, nothing is torn or comes twice, and what was sent comes, but for one parcel
// with each receiver.
func TestQueueWhosePartiesAreKilled(t *testing.T) {
	rng := random(t)
	bytes, cells := usage(t)
	const perRound, alive = 20, 2
	killed, parcels := 0, 0
	for killed < kills(t) {
		capacity := []int{0, 1, 10, 300}[rng.IntN(4)]
		most := 50000
		if capacity == 0 {
			most = 300
		}
		const senders = perRound + alive
		r := newRelay(t, capacity, senders, most)
		var sending, receiving []*mp.Process
		next := 0
		send := func() *mp.Process {
			next++
			return launch(t, sendParcels.With(r.as(next-1)))
		}
		for range alive {
			sending = append(sending, send())
			receiving = append(receiving, launch(t, receiveParcels.With(r)))
		}
		lost := 0
		for range perRound {
			time.Sleep(time.Duration(rng.IntN(10000)) * time.Microsecond) // the moment is what varies
			i := rng.IntN(alive)
			if rng.IntN(2) == 0 {
				_ = syscall.Kill(sending[i].PID(), syscall.SIGKILL)
				<-sending[i].Done()
				sending[i] = send()
			} else {
				_ = syscall.Kill(receiving[i].PID(), syscall.SIGKILL)
				<-receiving[i].Done()
				receiving[i] = launch(t, receiveParcels.With(r))
				lost++
			}
			killed++
		}
		require.NoError(t, r.Q.Shutdown(false))
		for _, p := range append(sending, receiving...) {
			require.NoError(t, join(t, p), "capacity %d, %v", capacity, r.Q)
		}
		assert.Zero(t, r.Q.Len())
		parcels += r.audit(t, senders, lost)
		r.close(t)
		givenBack(t, bytes, cells)
	}
	t.Logf("%d kills, %d parcels", killed, parcels)
}

// A queue of one item, at which everybody has to wait for everybody.
func TestFourToFourThroughOne(t *testing.T) {
	const n, each = 4, 500
	r := newRelay(t, 1, n, each)
	defer r.close(t)
	var sending, receiving []*mp.Process
	for i := range n {
		receiving = append(receiving, launch(t, receiveParcels.With(r)))
		sending = append(sending, launch(t, sendParcels.With(r.as(i))))
	}
	for _, p := range sending {
		require.NoError(t, join(t, p))
	}
	require.NoError(t, r.Q.Shutdown(false))
	for _, p := range receiving {
		require.NoError(t, join(t, p))
	}
	assert.Equal(t, n*each, r.audit(t, n, 0))
}

// sendAndDie puts some parcels, and is killed at once.
var sendAndDie = mp.Action(func(ctx context.Context, r relay) error {
	for number := range r.Most {
		v, err := mp.NewValue(number)
		if err != nil {
			return err
		}
		p := parcel{Sender: r.Me, Number: number, Value: v, Body: make([]byte, number*3000)}
		p.Sum = p.sum()
		if err := r.Q.Put(ctx, p); err != nil {
			return err
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
})

func TestASenderThatIsKilledRightAfterPut(t *testing.T) {
	bytes, cells := usage(t)
	r := newRelay(t, 0, 1, 20)
	for round := range 10 {
		p := launch(t, sendAndDie.With(r))
		require.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
		require.Equal(t, 20, r.Q.Len())
		for number := range 20 {
			if round%2 == 1 && number > 10 {
				break // the others are never taken
			}
			got, err := r.Q.TryGet()
			require.NoError(t, err)
			require.NoError(t, got.check(), "the handle works though its maker is dead")
			require.Equal(t, number, got.Number)
		}
		if round%2 == 1 {
			require.NoError(t, r.Q.Shutdown(true))
			r.close(t)
			r = newRelay(t, 0, 1, 20)
		}
	}
	r.close(t)
	givenBack(t, bytes, cells)
}

// A receiver is stopped at random moments. The others go on unless it has the lock
// at that moment, which it has for as long as it takes to copy an item; and when it
// goes on, so does everything.
func TestAReceiverThatIsStopped(t *testing.T) {
	rng := random(t)
	r := newRelay(t, 10, 2, 1000000)
	defer r.close(t)
	receiving := []*mp.Process{launch(t, receiveParcels.With(r)), launch(t, receiveParcels.With(r))}
	sending := []*mp.Process{launch(t, sendParcels.With(r.as(0))), launch(t, sendParcels.With(r.as(1)))}
	sent, release := r.Sent.Slice()
	defer release()
	count := func() int { return int(sent[0].Load() + sent[1].Load()) }
	eventually(t, "it goes", func() bool { return count() > 100 })
	rounds, blocked := min(max(kills(t)/10, 1), 100), 0 // the senders must not come to an end
	for range rounds {
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond) // the moment is what varies
		require.NoError(t, syscall.Kill(receiving[0].PID(), syscall.SIGSTOP))
		eventually(t, "it stops", func() bool { return state(receiving[0].PID()) == "T" })
		before := count()
		for end := time.Now().Add(100 * time.Millisecond); count() < before+20 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if count() < before+20 {
			blocked++
		}
		require.NoError(t, syscall.Kill(receiving[0].PID(), syscall.SIGCONT))
		before = count()
		eventually(t, "it goes on", func() bool { return count() > before+20 })
	}
	require.NoError(t, r.Q.Shutdown(false))
	for _, p := range append(sending, receiving...) {
		require.NoError(t, join(t, p))
	}
	r.audit(t, 2, 0)
	t.Logf("of %d stops %d kept the others from going on", rounds, blocked)
}
