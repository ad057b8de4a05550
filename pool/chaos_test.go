//go:build linux

package pool_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// A deed is what a task of the chaos does.
type deed struct {
	Sleep time.Duration
	Deaf  bool
	Fail  bool
	Data  []byte
}

var doing = mp.Func(func(ctx context.Context, d deed) ([]byte, error) {
	for end := time.Now().Add(d.Sleep); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		if err := ctx.Err(); err != nil && !d.Deaf {
			return nil, err
		}
	}
	if d.Fail {
		return nil, errKnown
	}
	return d.Data, nil
})

// chaotic runs one call under random circumstances and checks its end.
func chaotic(p *pool.Pool, r *rand.Rand) error {
	d := deed{
		Sleep: time.Duration(r.IntN(2000)) * time.Microsecond,
		Deaf:  r.IntN(3) == 0,
		Fail:  r.IntN(10) == 0,
		Data:  bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(1+1<<r.IntN(21))),
	}
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if r.IntN(3) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(20000))*time.Microsecond)
	}
	defer cancel()
	var opts []pool.Option
	if r.IntN(3) == 0 {
		opts = append(opts, pool.Timeout(time.Duration(1+r.IntN(10000))*time.Microsecond))
	}
	f := pool.Submit(ctx, p, doing.With(d), opts...)
	if r.IntN(3) == 0 {
		time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
		f.Cancel()
	}
	select {
	case <-f.Done():
	case <-time.After(bound):
		return errors.New("a future was left open: " + f.State().String())
	}
	got, err := f.Get(context.Background())
	var dead *pool.WorkerDiedError
	switch {
	case err == nil && !bytes.Equal(got, d.Data):
		return errors.New("the value of another task")
	case err == nil && d.Fail:
		return errors.New("no error where there should be one")
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &dead):
		return nil
	case errors.Is(err, errKnown) && d.Fail:
		return nil
	}
	return err
}

func TestChaos_EverythingEndsAndTheFiguresAgree(t *testing.T) {
	check(t)
	r := random(t)
	p := newPool(t, pool.Options{Workers: 3, KillGrace: 3 * time.Millisecond})
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		mine := rand.New(rand.NewPCG(r.Uint64(), 2))
		wg.Go(func() {
			for range 60 {
				if err := chaotic(p, mine); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for killed := 0; ; killed++ {
		select {
		case <-done:
			close(errs)
			for err := range errs {
				assert.NoError(t, err)
			}
			until(t, "nothing is left", func() bool { s := p.Stats(); return s.Queued+s.InFlight+s.Busy == 0 })
			got, err := pool.Map(within(t), p, square, upTo(100))
			require.NoError(t, err)
			assert.Equal(t, squares(100), got)
			return
		case <-time.After(time.Duration(r.IntN(20000)) * time.Microsecond):
			if pids := p.Workers(); len(pids) > 0 {
				_ = killNow(pids[r.IntN(len(pids))])
			}
		}
	}
}

func TestTimeout_VeryLargeValuesDoNotOverflow(t *testing.T) {
	for name, grace := range map[string]time.Duration{"default": 0, "none": -1, "for ever": math.MaxInt64} {
		t.Run(name, func(t *testing.T) {
			check(t)
			p := newPool(t, pool.Options{Workers: 1, KillGrace: grace})
			for _, limit := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 20 * time.Millisecond} {
				if limit < time.Hour && grace < time.Hour {
					continue
				}
				got, err := pool.Map(within(t), p, mix, []mixed{{Do: "sleep", Arg: 100}, {Do: "value", Arg: 2}}, pool.Timeout(limit))
				require.NoError(t, err)
				assert.Equal(t, []int{100, 2}, got)
			}
			assert.Zero(t, p.Stats().Killed)
		})
	}
}
