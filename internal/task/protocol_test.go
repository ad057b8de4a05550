package task

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/internal/protocoltest"
)

func fields(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		names = append(names, t.Field(i).Name)
	}
	return names
}

func TestFailureIsAsDocumented(t *testing.T) {
	assert.Equal(t, fields(reflect.TypeFor[Failure]()), protocoltest.Words(t, "failure", "field"))
	assert.Equal(t, fields(reflect.TypeFor[TypedError]()), protocoltest.Words(t, "typed-error", "field"))
	assert.Equal(t, map[string]uint64{
		"returned": uint64(Returned), "panicked": uint64(Panicked), "goexited": uint64(Goexited), "timed out": uint64(TimedOut),
	}, protocoltest.Numbers(t, "failure-kinds", "kind", "value"))
	assert.Equal(t, map[string]uint64{"text": maxText, "stack": maxStack, "chain": maxChain, "typed": maxTyped, "known": maxKnown, "type": maxType, "entry": perName}, protocoltest.Numbers(t, "failure-limits", "limit", "value"))
}
