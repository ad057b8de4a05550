//go:build linux

package travel

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/fdstore"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/shm"
)

// item is something under way: what its Append makes is fresh, as the object of a
// descriptor is. One without a number refers to nothing that there is.
type item struct{ n int }

var errUnlucky = errors.New("number 13")

func init() {
	codec.RegisterSpecial(reflect.TypeFor[*item](), codec.Special{
		Ext: ExtFile, Discard: Discard,
		Append: func(dst []byte, v reflect.Value) ([]byte, error) {
			switch v.Interface().(*item).n {
			case 0:
				return Append(dst, shm.Ref{Cell: 1, Generation: 1, Kind: fdstore.Kind}), nil
			case 13:
				return dst, errUnlucky
			}
			a, err := shm.Default()
			if err != nil {
				return dst, err
			}
			o, err := a.New(shm.Spec{Kind: fdstore.Kind})
			if err != nil {
				return dst, err
			}
			keep(o)
			return append(Append(dst, o.Ref()), "name"...), nil
		},
		Decode: func([]byte, reflect.Value) error { return nil },
	})
}

// inUse returns how many objects there are, and how many of them are fresh.
func inUse(t *testing.T) (objects, unpacked int) {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	_, cells := a.Heap()
	return cells, len(fresh.objects)
}

func TestPackTakesWhatIsFresh(t *testing.T) {
	c, err := codec.Of[[]*item]()
	require.NoError(t, err)
	pack := func(items ...*item) (Luggage, error) {
		encoded, err := codec.Append(c, nil, &items)
		if err != nil {
			return nil, err
		}
		return Pack(c, encoded)
	}
	l, err := pack(&item{1}, nil, &item{2})
	require.NoError(t, err)
	l.Drop() // the first ones leave a cell or two that are kept
	before, _ := inUse(t)

	l, err = pack(&item{1}, nil, &item{2}, &item{3})
	require.NoError(t, err)
	require.Len(t, l, 3)
	objects, unpacked := inUse(t)
	assert.Equal(t, before+3, objects)
	assert.Zero(t, unpacked)
	again, err := Pack(c, encodedRefs(t, l))
	require.NoError(t, err, "somebody who holds them may pack them anew")
	again.Drop()
	l.Drop()
	objects, _ = inUse(t)
	assert.Equal(t, before, objects, "the luggage has been all that held them")

	for _, items := range [][]*item{
		{{1}, {13}, {2}},      // fails while it is encoded
		{{1}, {2}, {0}, {3}},  // fails while it is packed
		{{0}, {1}, {2}, {13}}, // the first of both
	} {
		_, err = pack(items...)
		require.Error(t, err)
		objects, unpacked = inUse(t)
		assert.Equal(t, before, objects)
		assert.Zero(t, unpacked)
	}
}

// encodedRefs is a message that refers to the luggage.
func encodedRefs(t *testing.T, l Luggage) (msg []byte) {
	t.Helper()
	for _, o := range l {
		msg = append(append(msg, 0xc7, Size, ExtFile), Append(nil, o.Ref())...)
	}
	return msg
}

func TestDiscardOfWhatIsNotFresh(t *testing.T) {
	for _, payload := range [][]byte{nil, make([]byte, 3), make([]byte, Size), make([]byte, 100)} {
		Discard(payload)
	}
}

func TestPayloadsOfDescriptors(t *testing.T) {
	for _, r := range []shm.Ref{{}, {Cell: 1, Generation: 2, Kind: fdstore.Kind + 1}, {Cell: 1, Generation: 2, Kind: fdstore.Kind, Hash: 3}} {
		_, err := OpenDescriptor(Append(nil, r))
		assert.Error(t, err)
		_, err = OpenDescriptor(Append(nil, r)[:Size-1])
		assert.ErrorIs(t, err, errNoReference)
	}
	r := shm.Ref{Cell: 1, Generation: 2, Kind: fdstore.Kind}
	for ext, payload := range map[int8][]byte{
		ExtFile: append(Append(nil, r), "name"...), ExtConn: binary.BigEndian.AppendUint64(Append(nil, r), 9),
	} {
		refs, err := references(ext, payload)
		require.NoError(t, err)
		assert.Equal(t, []shm.Ref{r}, refs)
	}
	_, err := references(ExtFile, nil)
	assert.ErrorIs(t, err, errNoReference)
	assert.Equal(t, map[string]uint64{"file": ExtFile, "connection": ExtConn}, protocoltest.Numbers(t, "descriptor-extensions", "handle", "extension"))
	assert.Equal(t, map[string]uint64{"pipe": PipeSize, "socket": SocketSize}, protocoltest.Numbers(t, "conn-payloads", "over", "length"))
}
