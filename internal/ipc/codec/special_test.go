package codec

import (
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ticket is a type of a family that travels by a rule.
type ticket[T any] struct{ n byte }

func (t *ticket[T]) number() byte { return t.n }

func init() {
	RegisterSpecials(func(t reflect.Type) (Special, bool) {
		if t.Kind() != reflect.Pointer || !t.Implements(reflect.TypeFor[interface{ number() byte }]()) {
			return Special{}, false
		}
		return Special{
			Ext: 99,
			Append: func(dst []byte, v reflect.Value) ([]byte, error) {
				return append(dst, v.Interface().(interface{ number() byte }).number()), nil
			},
			Decode: func(payload []byte, v reflect.Value) error {
				if len(payload) != 1 {
					return errors.New("not a number")
				}
				v.Set(reflect.New(v.Type().Elem()))
				return nil
			},
		}, true
	})
}

type tickets struct {
	One   *ticket[int]
	Words []string
	Many  []*ticket[string]
	By    map[string]*ticket[[]byte]
	Blob  []byte
}

func TestTypesTravelByRules(t *testing.T) {
	data, err := marshal(tickets{One: &ticket[int]{1}, Many: []*ticket[string]{{2}, nil}})
	require.NoError(t, err)
	got, err := unmarshal[tickets](data)
	require.NoError(t, err)
	assert.NotNil(t, got.One)
	assert.Len(t, got.Many, 2)
	assert.Nil(t, got.Many[1])
}

func TestEachSpecialFindsAll(t *testing.T) {
	c, err := Of[tickets]()
	require.NoError(t, err)
	assert.True(t, c.Carries())
	other, err := Of[[]string]()
	require.NoError(t, err)
	assert.False(t, other.Carries())

	data, err := marshal(tickets{
		One:   &ticket[int]{1},
		Words: []string{"a", "\xc7\x01\x63\x09"}, // what looks like an extension inside a string is none
		Many:  []*ticket[string]{{2}, nil, {3}},
		By:    map[string]*ticket[[]byte]{"x": {4}},
		Blob:  []byte{0xc7, 1, 99, 8},
	})
	require.NoError(t, err)
	var found []byte
	require.NoError(t, EachSpecial(data, func(ext int8, payload []byte) error {
		assert.Equal(t, int8(99), ext)
		found = append(found, payload...)
		return nil
	}))
	assert.Equal(t, []byte{1, 2, 3, 4}, found)

	stop := errors.New("stop")
	assert.ErrorIs(t, EachSpecial(data, func(int8, []byte) error { return stop }), stop)
	for cut := range data {
		if err := EachSpecial(data[:cut], func(int8, []byte) error { return nil }); err != nil {
			assert.ErrorIs(t, err, ErrMalformed)
		}
	}
}
