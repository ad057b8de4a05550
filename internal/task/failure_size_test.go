package task

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// greedy is every registered error, and has a long text.
type greedy struct{}

func (greedy) Error() string { return strings.Repeat("x", 2*maxText) }
func (greedy) Is(error) bool { return true }

func init() {
	for i := range 300 {
		RegisterError(fmt.Sprintf("task.%d.%s", i, strings.Repeat("n", 300)), fmt.Errorf("number %d", i))
	}
}

// A failure that does not fit into a pipe would keep its process from ending.
func TestAnyFailureFitsIntoAPipe(t *testing.T) {
	const pipe = 64 << 10
	long := strings.Repeat("s", 2*pipe)
	typ := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: reflect.StructTag(long)}})
	for name, err := range map[string]error{
		"typed": errors.Join(append(manyTyped()[1:], errors.New(long))...),
		"known": greedy{},
		"type":  &abnormal{kind: Panicked, value: reflect.Zero(typ).Interface()},
		"all":   &abnormal{kind: Panicked, value: errors.Join(append(manyTyped()[1:], greedy{})...), stack: long},
	} {
		body := Encode(err)
		assert.Less(t, len(body), pipe-1024, name)
		f, err := Decode(body)
		require.NoError(t, err, name)
		assert.Equal(t, name != "type", len(f.Causes()) > 10, name)
	}
}

// manyTyped returns as many errors of a registered type as are looked at, less the
// one that joins them.
func manyTyped() []error {
	errs := make([]error, maxChain-2)
	for i := range errs {
		errs[i] = typed{i}
	}
	return errs
}

func TestCancelled(t *testing.T) {
	assert.True(t, arrive(t, fmt.Errorf("it ends: %w", context.Canceled)).Cancelled())
	assert.False(t, arrive(t, context.DeadlineExceeded).Cancelled())
}
