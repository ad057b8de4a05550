//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A message there and back, for which this end waits among others.
func BenchmarkWaitPingPong(b *testing.B) {
	for _, things := range []int{0, 10, 100, 1000} {
		b.Run(fmt.Sprintf("among %d", things), func(b *testing.B) {
			m, err := newMultitude(things)
			require.NoError(b, err)
			here, there, err := mp.Pipe()
			require.NoError(b, err)
			p := launch(b, echoPlusOne.With(there))
			require.NoError(b, there.Close())
			all := append([]mp.Waitable{here}, m.things...)
			for b.Loop() {
				require.NoError(b, here.Send(b.Context(), 1))
				_, err := mp.Wait(b.Context(), all...)
				require.NoError(b, err)
				_, err = mp.Recv[int](b.Context(), here)
				require.NoError(b, err)
			}
			require.NoError(b, here.Close())
			require.NoError(b, p.Join(context.Background()))
			require.NoError(b, m.end())
		})
	}
}
