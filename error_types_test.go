//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// What is embedded has to be exported.
type (
	Plain = plainError
	Coded = codedError
)

// Two types of one name: Go tells them apart, and so must we.
var firstTwin, secondTwin = func() (func() error, func(error) bool) {
	type twin struct{ Plain }
	mp.RegisterErrorType[*twin]()
	return func() error { return &twin{Plain{"first"}} }, func(err error) bool { var t *twin; return errors.As(err, &t) }
}, func() (func() error, func(error) bool) {
	type twin struct{ Coded }
	mp.RegisterErrorType[*twin]()
	return func() error { return &twin{Coded{Code: 9}} }, func(err error) bool { var t *twin; return errors.As(err, &t) }
}

var twins [2]struct {
	make func() error
	is   func(error) bool
}

func init() {
	twins[0].make, twins[0].is = firstTwin()
	twins[1].make, twins[1].is = secondTwin()
	failures["twin 0"] = func(context.Context) error { return twins[0].make() }
	failures["twin 1"] = func(context.Context) error { return twins[1].make() }
}

func TestErrorTypesOfOneNameAreNotConfused(t *testing.T) {
	for i, twin := range twins {
		_, err := mp.Run(bounded(t), failAs.With(fmt.Sprint("twin ", i)))
		assert.True(t, twin.is(err), "twin %d", i)
		assert.False(t, twins[1-i].is(err), "twin %d", i)
	}
}

func TestRegisterErrorRefusesWhatCannotWork(t *testing.T) {
	const late = "is registered after mp.Init"
	for _, test := range []struct {
		register func()
		says     string
	}{
		{func() { mp.RegisterError("mp_test.own", errors.New("another")) }, "taken"},
		{func() { mp.RegisterError("", errUnknown) }, "needs a name"},
		{func() { mp.RegisterError("mp_test.nil", nil) }, "needs a name and an error"},
		{func() { mp.RegisterError("mp_test.late", errUnknown) }, `mp: RegisterError("mp_test.late") ` + late},
		{mp.RegisterErrorType[*lateError], "mp: RegisterErrorType[*mp_test.lateError] " + late},
	} {
		func() {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), test.says) }()
			test.register()
		}()
	}
}

type lateError struct{}

func (*lateError) Error() string { return "" }

func TestErrTimeoutIsADeadline(t *testing.T) {
	require.ErrorIs(t, mp.ErrTimeout, context.DeadlineExceeded)
	var timeout interface{ Timeout() bool }
	require.ErrorAs(t, mp.ErrTimeout, &timeout)
	assert.True(t, timeout.Timeout())
}
