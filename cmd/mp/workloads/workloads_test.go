package workloads

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/cmd/mp/bench"
)

// quick are parameters for runs whose figures nobody looks at.
func quick(w *bench.Workload) bench.Params {
	p := bench.Params{Workers: 2, Budget: time.Millisecond}
	if w == map100us {
		p.Steps = 10
		results, _ := grindSplit(grinds(p.Steps), 1)
		p.Checksum = checksum(results)
	}
	if w == arraySum1g {
		p.Size = 4 << 20
	}
	return p
}

func TestEveryRoleHasAllFigures(t *testing.T) {
	for _, w := range All() {
		for role, measure := range map[bench.Role]bench.Measure{
			bench.Ours: w.Ours, bench.Goroutines: w.Goroutines, bench.Limit: w.Limit,
		} {
			if measure == nil {
				continue
			}
			t.Run(w.Name+"/"+string(role), func(t *testing.T) {
				values, err := measure(t.Context(), quick(w))
				require.NoError(t, err)
				for name, v := range values {
					// Only a fresh process, which a measurement is, has an arena without
					// room for the values of the time before.
					assert.True(t, v > 0 || v == 0 && w == values100k, "%s is %v", name, v)
				}
				assert.ElementsMatch(t, metricNames(w), slices.Collect(maps.Keys(values)))
			})
		}
	}
}

func metricNames(w *bench.Workload) (names []string) {
	for _, m := range w.Metrics {
		names = append(names, m.Name)
	}
	return names
}

func TestNamesAreUnique(t *testing.T) {
	seen := make(map[string]bool)
	for _, w := range All() {
		assert.NotEmpty(t, w.Doc)
		for _, name := range metricNames(w) {
			assert.False(t, seen[name], name)
			seen[name] = true
		}
	}
}

func TestRepeatReturnsTheBest(t *testing.T) {
	calls := 0
	best, err := repeat(time.Hour, func() (time.Duration, error) {
		calls++
		if calls > 3 {
			return 0, errors.New("enough")
		}
		return 5, nil
	})
	assert.EqualError(t, err, "enough")
	assert.Zero(t, best)
	best, err = repeat(0, func() (time.Duration, error) { return 5, nil })
	require.NoError(t, err)
	assert.Equal(t, time.Duration(5), best, "once at least")
}

func TestUnits(t *testing.T) {
	assert.Equal(t, 2.5, each(5*time.Microsecond, 2))
	assert.Equal(t, 4.0, perSecond(500*time.Millisecond, 2))
}

func TestCheckSquares(t *testing.T) {
	assert.NoError(t, checkSquares([]int{0, 1, 4}, 3))
	assert.EqualError(t, checkSquares([]int{0, 1, 3}, 3), "wrong result: the square of 2 is 3, not 4")
	assert.EqualError(t, checkSquares([]int{0, 1}, 3), "wrong result: the number of results is 2, not 3")
}
