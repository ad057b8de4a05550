//go:build linux

package mp_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

// endBy checks that a process which hangs is ended by send, with a signal.
func endBy(t *testing.T, send func(*mp.Process) error, sig syscall.Signal) {
	leaktest.Check(t)
	p, box := launchTalking(t, hang.With(none))
	box.next(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, p.Join(ended), context.Canceled)
	assert.True(t, p.Alive())

	require.NoError(t, send(p))
	exit := failed(t, join(t, p))
	assert.Equal(t, sig, exit.Signal)
	assert.Equal(t, -int(sig), exit.Code)
	assert.Equal(t, mp.CauseKilled, exit.Cause)
	assert.Equal(t, p.PID(), exit.PID)
	assert.Equal(t, p.Name, exit.Name)
	assert.Contains(t, exit.Error(), p.Name)
	code, exited := p.ExitCode()
	assert.True(t, exited)
	assert.Equal(t, -int(sig), code)
	assert.Same(t, exit, failed(t, p.Join(bounded(t))), "joining again returns the same")
	require.NoError(t, send(p), "a signal to an ended process is harmless")
}

func TestPROC07_TerminateMakesJoinReturn(t *testing.T) {
	endBy(t, (*mp.Process).Terminate, syscall.SIGTERM)
}

func TestPROC08_KillMakesJoinReturn(t *testing.T) {
	endBy(t, (*mp.Process).Kill, syscall.SIGKILL)
}

func TestPROC09_InterruptWithTheDefaultAction(t *testing.T) {
	endBy(t, (*mp.Process).Interrupt, syscall.SIGINT)
}

// interruptible turns SIGINT into an error.
var interruptible = mp.Action0(func(context.Context) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	say("ready")
	<-signals
	return errors.New("interrupted")
})

func TestPROC09_InterruptHandledByTheChild(t *testing.T) {
	p, box := launchTalking(t, interruptible.With(none))
	box.next(t)
	require.NoError(t, p.Interrupt())
	exit := failed(t, join(t, p))
	assert.Equal(t, 1, exit.Code)
	assert.Equal(t, mp.CauseError, exit.Cause)
	assert.Equal(t, "interrupted", remote(t, exit).Text)
}

func TestPROC15_FiftyThatEnd(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := make([]*mp.Process, 50)
	for i := range all {
		all[i] = launch(t, sleep.With(10*time.Millisecond))
	}
	for _, p := range all {
		require.NoError(t, p.Join(ctx))
	}
}

func TestPROC15_FiftyThatAreTerminated(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := make([]*mp.Process, 50)
	for i := range all {
		all[i] = launch(t, sleep.With(100*time.Second))
	}
	for _, p := range all {
		require.NoError(t, p.Terminate())
	}
	for _, p := range all {
		exit := failed(t, p.Join(ctx))
		assert.Equal(t, -15, exit.Code)
		require.Equal(t, mp.CauseKilled, exit.Cause, "however far it had come: %v", exit)
	}
}

func TestASignalFromOutsideIsTheCause(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p, box := launchTalking(t, hang.With(none))
			box.next(t)
			require.NoError(t, syscall.Kill(p.PID(), sig))
			exit := failed(t, join(t, p))
			assert.Equal(t, sig, exit.Signal)
			assert.Equal(t, -int(sig), exit.Code)
			assert.Equal(t, mp.CauseSignal, exit.Cause)
			assert.Nil(t, exit.Remote)
			assert.Contains(t, exit.Error(), sig.String())
		})
	}
}

func TestRunReportsASignalFromOutside(t *testing.T) {
	_, err := mp.Run(bounded(t), raise.With(int(syscall.SIGKILL)))
	exit := failed(t, err)
	assert.Equal(t, syscall.SIGKILL, exit.Signal)
	assert.Equal(t, mp.CauseSignal, exit.Cause)
}

func TestFAULT06_HandledSignalsDoNotDisturbJoin(t *testing.T) {
	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	p, box := launchTalking(t, obey.With(none))
	box.next(t)
	joined := make(chan error, 1)
	ctx := bounded(t)
	go func() { joined <- p.Join(ctx) }()
	for range 20 {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
		<-signals
		select {
		case err := <-joined:
			require.Fail(t, "Join has returned early", "%v", err)
		default:
		}
	}
	require.NoError(t, p.Stop(bounded(t)))
	require.NoError(t, <-joined)
}

func TestFAULT17_SignalsEndAChildByDefault(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := launch(t, raise.With(int(sig)))
		assert.Equal(t, sig, failed(t, join(t, p)).Signal)
	}
}

// disturbed uses the library while handled signals come in.
var disturbed = mp.Func(func(ctx context.Context, n int) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
			}
		}
	}()
	sum := 0
	for i := range n {
		out, err := mp.Run(ctx, square.With(i))
		if err != nil {
			return 0, err
		}
		sum += out
	}
	return sum, nil
})

func TestFAULT17_HandledSignalsInAChildDoNotBreakCalls(t *testing.T) {
	got, err := mp.Run(bounded(t), disturbed.With(10))
	require.NoError(t, err)
	assert.Equal(t, 285, got)
}
