//go:build linux

package mp_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// eventParty is a process that waits for an event.
type eventParty struct {
	Event  *mp.Event
	Ready  *mp.Semaphore
	Passed *mp.Semaphore
}

var (
	setLater = mp.Action(func(_ context.Context, e *mp.Event) error {
		time.Sleep(100 * time.Millisecond)
		e.Set()
		return nil
	})
	passEvent = mp.Action(func(ctx context.Context, p eventParty) error {
		if err := p.Ready.Release(); err != nil {
			return err
		}
		if err := p.Event.Wait(ctx); err != nil {
			return err
		}
		return p.Passed.Release()
	})
)

func TestEV01_WaitsEndWithTheEventOrTheTime(t *testing.T) {
	e := made[*mp.Event](t)(mp.NewEvent())
	assert.False(t, e.IsSet())
	assert.Equal(t, context.DeadlineExceeded, e.Wait(endedContext()))
	timed(t, e.Wait)
	e.Set()
	assert.True(t, e.IsSet())
	assert.NoError(t, e.Wait(within(t, 100*time.Millisecond)))
	assert.NoError(t, e.Wait(context.Background()))
	assert.Equal(t, context.DeadlineExceeded, e.Wait(endedContext()), "who does not want to wait asks IsSet")
	e.Clear()
	assert.False(t, e.IsSet())
	p := launch(t, setLater.With(e))
	assert.NoError(t, e.Wait(bounded(t)))
	assert.NoError(t, join(t, p))
}

func TestEV02_StringSaysWhetherItIsSet(t *testing.T) {
	e := made[*mp.Event](t)(mp.NewEvent())
	assert.Equal(t, "mp.Event(unset)", e.String())
	e.Set()
	assert.Equal(t, "mp.Event(set)", e.String())
}

func TestEV03_OneSetLetsFiveProcessesGo(t *testing.T) {
	const n = 5
	party := eventParty{
		made[*mp.Event](t)(mp.NewEvent()),
		made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
		made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
	}
	for range n {
		launch(t, passEvent.With(party))
	}
	acquired(t, party.Ready, n)
	assert.Zero(t, party.Passed.Value())
	party.Event.Set()
	acquired(t, party.Passed, n)
}

func TestEV04_SetAndClearTwiceAreOnce(t *testing.T) {
	e := made[*mp.Event](t)(mp.NewEvent())
	e.Clear()
	assert.False(t, e.IsSet())
	e.Set()
	e.Set()
	assert.True(t, e.IsSet())
	e.Clear()
	assert.False(t, e.IsSet())
	e.Clear()
	assert.False(t, e.IsSet())
	start := time.Now()
	assert.ErrorIs(t, e.Wait(within(t, -5*time.Second)), context.DeadlineExceeded)
	assert.Less(t, time.Since(start), patience)
}

// Who waits goes when the event is set, however short. This is about those who
// wait already, so the test sees to that they do.
func TestEventIsNotMissedIfItIsClearedAtOnce(t *testing.T) {
	e := made[*mp.Event](t)(mp.NewEvent())
	for range 20 {
		const n = 10
		var ends []func() error
		ready := make(chan struct{}, n)
		for range n {
			ends = append(ends, inBackground(t, func() error {
				ready <- struct{}{}
				return e.Wait(context.Background())
			}))
		}
		for range n {
			<-ready
		}
		pulses, stop := make(chan struct{}), make(chan struct{})
		go func() { // those who came too late for one get the next
			defer close(pulses)
			for {
				select {
				case <-stop:
					return
				default:
					e.Set()
					e.Clear()
				}
			}
		}()
		for _, ended := range ends {
			assert.NoError(t, ended())
		}
		close(stop)
		<-pulses
	}
}

// eventRelay passes a baton round after round.
type eventRelay struct {
	Mine, Next *mp.Event
	Rounds     int
}

var relayEvents = mp.Action(func(ctx context.Context, r eventRelay) error {
	for range r.Rounds {
		if err := r.Mine.Wait(ctx); err != nil {
			return err
		}
		r.Mine.Clear()
		r.Next.Set()
	}
	return nil
})

func TestEventsBetweenProcessesLoseNothing(t *testing.T) {
	const rounds = 2000
	a, b := made[*mp.Event](t)(mp.NewEvent()), made[*mp.Event](t)(mp.NewEvent())
	p := launch(t, relayEvents.With(eventRelay{a, b, rounds}))
	for range rounds {
		a.Set()
		require.NoError(t, b.Wait(bounded(t)))
		b.Clear()
	}
	assert.NoError(t, join(t, p))
}
