package task

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc/codec"
)

// quitter has methods that end the goroutine, on one side or the other.
type quitter struct{ Encoding bool }

func (q quitter) MarshalBinary() ([]byte, error) {
	if q.Encoding {
		runtime.Goexit()
	}
	return nil, nil
}

func (q *quitter) UnmarshalBinary([]byte) error {
	runtime.Goexit()
	return nil
}

func TestMethodsThatEndTheGoroutineFailTheTask(t *testing.T) {
	emptyTable(t)
	decoding := pure(func(quitter) int { return 0 })
	encoding := pure(func(int) quitter { return quitter{Encoding: true} })
	require.NoError(t, Freeze())
	hold := func(*codec.Codec, []byte) error { return nil }
	for name, call := range map[string]struct {
		def *Def
		arg any
	}{"decoding": {decoding, quitter{}}, "encoding": {encoding, 1}} {
		arg, err := call.def.ops.appendArg(nil, call.arg)
		require.NoError(t, err, name)
		ended := make(chan error, 2)
		go func() {
			defer close(ended)
			call.def.Once(context.Background(), arg, Custody{Hold: hold}, func(_ []byte, err error) { ended <- err })
		}()
		select {
		case err := <-ended:
			require.Error(t, err, name)
			assert.Equal(t, Goexited, Describe(err).Kind, name)
			assert.NoError(t, <-ended, "%s: finish is called once", name)
		case <-time.After(10 * time.Second):
			require.Fail(t, "the task has not ended", name)
		}
	}
}
