package bench

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   Summary
	}{
		{"none", nil, Summary{}},
		{"one", []float64{3}, Summary{3, 3, 3, 1}},
		{"two", []float64{4, 2}, Summary{2.5, 3, 3.5, 2}},
		{"odd", []float64{5, 1, 3, 2, 4}, Summary{2, 3, 4, 5}},
		{"seven with an outlier", []float64{7, 1, 2, 3, 900, 5, 6}, Summary{2.5, 5, 6.5, 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, Summarize(tt.values))
		})
	}
}

func TestSummarizeLeavesItsInputAlone(t *testing.T) {
	values := []float64{3, 1, 2}
	Summarize(values)
	assert.Equal(t, []float64{3, 1, 2}, values)
}

func TestQuantile(t *testing.T) {
	sorted := []float64{0, 10, 20, 30, 40}
	assert.Equal(t, 0.0, Quantile(sorted, 0))
	assert.Equal(t, 20.0, Quantile(sorted, 0.5))
	assert.InDelta(t, 39.6, Quantile(sorted, 0.99), 1e-9)
	assert.Equal(t, 40.0, Quantile(sorted, 1))
}

func TestSpread(t *testing.T) {
	assert.Equal(t, 0.5, Summary{Q1: 8, Median: 10, Q3: 13}.Spread())
	assert.Equal(t, 0.0, Summary{}.Spread())
}

func TestRatioIsAboveOneWhenWeAreAhead(t *testing.T) {
	assert.Equal(t, 25.0, Lower.Ratio(2, 50))
	assert.Equal(t, 0.5, Lower.Ratio(2, 1))
	assert.Equal(t, 25.0, Higher.Ratio(50, 2))
	assert.Equal(t, 0.5, Higher.Ratio(1, 2))
	assert.True(t, Lower.beats(1, 2))
	assert.True(t, Higher.beats(2, 1))
	assert.False(t, Higher.beats(1, 1))
}
