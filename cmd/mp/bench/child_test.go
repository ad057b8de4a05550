package bench

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answers is a measurement that returns what it is told to.
func answers(v Values, err error) Measure {
	return func(context.Context, Params) (Values, error) { return v, err }
}

func TestChildPrintsAResultThatTheParentUnderstands(t *testing.T) {
	var got Params
	w := &Workload{Name: "w", Metrics: metric("w", "us", Lower), Ours: func(_ context.Context, p Params) (Values, error) {
		got = p
		return Values{"w": 2.5}, nil
	}}
	var out bytes.Buffer
	args := []string{"w", "ours", `{"workers":2,"budget":1000,"steps":7,"checksum":18446744073709551615}`}
	require.NoError(t, Child(t.Context(), []*Workload{w}, args, &out))
	assert.Equal(t, Params{Workers: 2, Budget: 1000, Steps: 7, Checksum: math.MaxUint64}, got)
	r, err := parseResult(append([]byte("a line of somebody else's\n"), out.Bytes()...))
	require.NoError(t, err)
	assert.NoError(t, r.check(w))
	assert.Equal(t, Result{Values: Values{"w": 2.5}, Checked: true}, r)
}

func TestChildPrintsNothingWhenSomethingIsWrong(t *testing.T) {
	workloads := []*Workload{
		{Name: "bad", Ours: answers(nil, errors.New("wrong result"))},
		{Name: "nan", Ours: answers(Values{"nan": math.NaN()}, nil)},
	}
	for want, args := range map[string][]string{
		"want a workload, a role": {"bad"},
		`no workload "x"`:         {"x", "ours", "{}"},
		`no role "limit"`:         {"bad", "limit", "{}"},
		`no role "nobody"`:        {"bad", "nobody", "{}"},
		"parameters:":             {"bad", "ours", "{"},
		"wrong result":            {"bad", "ours", "{}"},
		"no number":               {"nan", "ours", "{}"},
	} {
		var out bytes.Buffer
		assert.ErrorContains(t, Child(t.Context(), workloads, args, &out), want)
		assert.Empty(t, out.String())
	}
}

func TestParseResultRefuses(t *testing.T) {
	for want, out := range map[string]string{
		"printed no result":            " \n",
		`printed "hello" instead`:      "{}\nhello\n",
		`printed "[1,2]" instead of a`: "[1,2]",
	} {
		_, err := parseResult([]byte(out))
		assert.ErrorContains(t, err, want)
	}
}

func TestCheckRefuses(t *testing.T) {
	w := &Workload{Metrics: metric("w", "us", Lower)}
	for want, r := range map[string]Result{
		"were not checked": {Values: Values{"w": 1}},
		"no figure for w":  {Values: Values{"v": 1}, Checked: true},
		"cannot be":        {Values: Values{"w": 0}, Checked: true},
	} {
		assert.ErrorContains(t, r.check(w), want)
	}
}
