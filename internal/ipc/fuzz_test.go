package ipc

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReader sends any bytes through a pipe, in two portions. What comes out is
// what the simplest of all parsers finds in them.
func FuzzReader(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add(frame(f, 1, 3), 5)
	f.Add(append(frame(f, 1, 0), frame(f, 2, 300)...), 20)
	f.Add(frame(f, 1, 2*readBuffer), readBuffer)
	f.Add(bytes.Repeat([]byte{0xff}, 40), 13)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		r, w := pipe(t)
		defer r.Close()
		cut = min(max(cut, 0), len(stream))
		go func() {
			_, _ = w.Write(stream[:cut])
			_, _ = w.Write(stream[cut:])
			w.Close()
		}()
		for rest := stream; ; {
			got, err := r.Next()
			if len(rest) == 0 {
				require.Equal(t, io.EOF, err)
				return
			}
			if len(rest) < HeaderSize || uint64(ParseHeader(rest).Length) > uint64(len(rest)-HeaderSize) {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				return
			}
			h := ParseHeader(rest)
			require.NoError(t, err)
			require.Equal(t, h, Header{Length: uint32(len(got.Body)), Kind: got.Kind, Number: got.Number})
			require.True(t, bytes.Equal(rest[HeaderSize:HeaderSize+int(h.Length)], got.Body))
			rest = rest[HeaderSize+int(h.Length):]
		}
	})
}
