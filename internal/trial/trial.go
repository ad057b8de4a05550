// Package trial is what the tests of several packages have in common: how long to wait
// before something counts as a hang, and how a test that kills at random chooses.
//
//	MP_KILLS  how many processes a test kills that kills at random; 200
//	MP_SEED   the seed of such a test, which repeats a run; it is in the test's log
package trial

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Patience is how long a test waits for another process before it calls that a hang.
const Patience = 10 * time.Second

// Context returns a context that ends when a wait has become a hang.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Until waits for a condition that has to come true.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// Returns fails the test if fn takes so long that it hangs.
func Returns(t testing.TB, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(Patience):
		t.Fatalf("%s hangs", what)
	}
}

// Kills is how often a test that kills processes at random does so.
func Kills(t testing.TB) int {
	t.Helper()
	n := int(number(t, "MP_KILLS", 200))
	t.Logf("MP_KILLS=%d", n)
	return n
}

// Random returns a generator whose seed is in the log of the test.
func Random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := number(t, "MP_SEED", rand.Uint64())
	t.Logf("MP_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// number returns the value of a variable of the environment.
func number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, text, err)
	}
	return n
}
