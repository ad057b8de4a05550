//go:build linux

package stream

import (
	"encoding/hex"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/transport"
)

func TestHeadersAreAsDocumented(t *testing.T) {
	const table = "stream-headers"
	assert.Equal(t, map[string]uint64{"short": headerSize, "long": longHeader}, protocoltest.Numbers(t, table, "header", "size"))
	assert.Len(t, protocoltest.Table(t, "stream-headers"), 2)
	var buf [longHeader]byte
	for column, sizes := range map[string]map[string]uint64{
		"for messages of at least": protocoltest.Numbers(t, table, "header", "for messages of at least"),
		"up to":                    protocoltest.Numbers(t, table, "header", "up to"),
	} {
		assert.Len(t, putHeader(buf[:], int(sizes["short"])), headerSize, column)
		assert.Len(t, putHeader(buf[:], int(sizes["long"])), longHeader, column)
	}
	assert.EqualValues(t, math.MaxInt, protocoltest.Numbers(t, table, "header", "up to")["long"])
	assert.Equal(t, map[string]uint64{"together": together}, protocoltest.Numbers(t, "stream-limits", "limit", "value"))
}

// Lengths that are none end the stream, and whatever comes behind them.
func TestLengthsThatAreNone(t *testing.T) {
	for _, garbage := range []string{
		"\xff\xff\xff\xfe", "\x80\x00\x00\x00", "\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		fa, fb := ends(t)
		_, err := fa.WriteString(garbage + "\x00\x00\x00\x01x")
		require.NoError(t, err)
		require.NoError(t, fa.Close())
		s := open(t, fb)
		for range 2 {
			_, err = recv(background, s)
			require.ErrorIs(t, err, transport.ErrBrokenFraming, "%x", garbage)
		}
	}
}

// The golden bytes of the document.
func TestGoldenBytes(t *testing.T) {
	text := protocoltest.Document(t)
	fa, fb := ends(t)
	defer fb.Close()
	s := open(t, fa)
	send := func(msg []byte, documented string) {
		require.NoError(t, s.Send(background, msg))
		golden, err := hex.DecodeString(strings.ReplaceAll(documented, " ", ""))
		require.NoError(t, err)
		sent := make([]byte, len(golden))
		_, err = io.ReadFull(fb, sent)
		require.NoError(t, err)
		assert.Equal(t, golden, sent)
		assert.Contains(t, text, documented)
	}
	send([]byte("hello"), "00 00 00 05  68 65 6c 6c 6f ")
	for _, c := range []struct {
		v          any
		documented string
	}{
		{"hello", "00 00 00 06  a5 68 65 6c 6c 6f"},
		{7, "00 00 00 01  07"},
		{nil, "00 00 00 01  c0"},
	} {
		value := reflect.ValueOf(&c.v).Elem()
		if c.v != nil {
			value = value.Elem()
		}
		plan, err := codec.For(value.Type())
		require.NoError(t, err)
		msg, err := plan.Append(nil, value)
		require.NoError(t, err)
		send(msg, c.documented)
	}
}
