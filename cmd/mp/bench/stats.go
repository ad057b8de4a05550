package bench

import (
	"math"
	"slices"
)

// Summary describes the figures of several rounds.
type Summary struct {
	Q1, Median, Q3 float64
	N              int
}

// Summarize returns the quartiles of values, in any order; all zero for none.
func Summarize(values []float64) Summary {
	sorted := slices.Sorted(slices.Values(values))
	return Summary{
		Q1:     Quantile(sorted, 0.25),
		Median: Quantile(sorted, 0.5),
		Q3:     Quantile(sorted, 0.75),
		N:      len(sorted),
	}
}

// Spread is the distance of the quartiles as a share of the median.
func (s Summary) Spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return (s.Q3 - s.Q1) / s.Median
}

// Quantile returns the q-quantile of sorted values, linear between neighbours; 0
// for none. The script for CPython computes it in the same way.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	below := int(math.Floor(at))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// Median returns the middle of values, in any order.
func Median(values []float64) float64 { return Summarize(values).Median }

// Better says in which direction a figure gets better.
type Better string

// The two directions.
const (
	Lower  Better = "lower"
	Higher Better = "higher"
)

// Ratio compares our figure with a rival's: above 1 means that ours is better,
// whichever direction that is.
func (b Better) Ratio(ours, rival float64) float64 {
	if b == Lower {
		return rival / ours
	}
	return ours / rival
}

// beats says whether a is better than b.
func (b Better) beats(a, other float64) bool { return b.Ratio(a, other) > 1 }
