package codec

import (
	"errors"
	"net"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deposit is a type whose Append leaves something behind, of which held has the number.
type deposit struct{ n byte }

var (
	held       = make(map[byte]bool)
	errRefused = errors.New("this one is refused")
)

func init() {
	RegisterSpecial(reflect.TypeFor[*deposit](), Special{
		Ext: 98,
		Append: func(dst []byte, v reflect.Value) ([]byte, error) {
			n := v.Interface().(*deposit).n
			if n == 0 {
				return append(dst, "half of i"...), errRefused
			}
			held[n] = true
			return append(dst, n), nil
		},
		Decode:  func([]byte, reflect.Value) error { return nil },
		Discard: func(payload []byte) { delete(held, payload[0]) },
	})
}

type deposits struct {
	First *deposit
	Some  []*deposit
	By    map[string]*deposit
	Any   any
	Long  string
}

// What Append has left behind is taken back if something behind it cannot be encoded.
func TestWhatWasLeftBehindIsTakenBack(t *testing.T) {
	defer clear(held)
	full := func() deposits {
		return deposits{First: &deposit{1}, Some: []*deposit{{2}, nil, {3}}, By: map[string]*deposit{"x": {4}}}
	}
	_, err := marshal(full())
	require.NoError(t, err)
	assert.Equal(t, map[byte]bool{1: true, 2: true, 3: true, 4: true}, held)

	clear(held)
	bad := full()
	bad.Any = make(chan int)
	_, err = marshal(bad)
	assert.ErrorContains(t, err, "Any")
	assert.Empty(t, held)

	bad = full()
	bad.By["y"] = new(deposit)
	_, err = marshal(bad)
	assert.ErrorIs(t, err, errRefused)
	assert.Empty(t, held)

	c, err := Of[deposits]()
	require.NoError(t, err)
	_, err = AppendItems(c, nil, []deposits{full(), {First: &deposit{9}}, bad})
	assert.ErrorIs(t, err, errRefused)
	assert.Empty(t, held)

	lower := maxMessage
	defer func() { maxMessage = lower }()
	maxMessage = 100
	bad = full()
	bad.Long = string(make([]byte, 101))
	_, err = marshal(bad)
	assert.ErrorContains(t, err, "larger than")
	assert.Empty(t, held)
	for maxMessage = 1; maxMessage < 20; maxMessage++ { // somewhere in the middle
		if _, err := marshal(full()); err != nil {
			assert.Empty(t, held)
		}
		clear(held)
	}

	other, err := marshal(deposits{First: &deposit{5}}) // nothing of the above is remembered
	require.NoError(t, err)
	assert.NotEmpty(t, other)
	assert.Equal(t, map[byte]bool{5: true}, held)
}

func TestTypesOfPackageNetSayWhatToImport(t *testing.T) {
	const remedy = "import github.com/multiproc/mp/mpnet"
	for _, v := range []any{
		struct{ L net.Listener }{}, struct{ C []net.Conn }{}, struct{ P net.PacketConn }{}, new(net.UDPConn),
		struct{ P *net.TCPListener }{}, new(net.UnixListener), new(net.TCPConn), new(net.UnixConn), struct{ C *net.Conn }{},
	} {
		_, err := For(reflect.TypeOf(v))
		assert.ErrorContains(t, err, remedy, "%T", v)
	}
	_, err := For(reflect.TypeFor[net.TCPConn]())
	assert.ErrorContains(t, err, "use a pointer to it")
	_, err = For(reflect.TypeFor[net.Error]())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), remedy)
	_, err = For(reflect.TypeFor[net.IPNet]())
	assert.NoError(t, err)
}
