package stat

import (
	"slices"
	"testing"
)

func TestSummarise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values           []float64
		median, low, top float64
	}{
		{nil, 0, 0, 0},
		{[]float64{3}, 3, 3, 3},
		{[]float64{9, 1, 5}, 5, 1, 9},
		{[]float64{4, 1, 2, 8}, 3, 1, 8},
	} {
		s := Summarise(c.values)
		if s.Median != c.median || s.Min != c.low || s.Max != c.top {
			t.Errorf("Summarise(%v) = %+v", c.values, s)
		}
		if !slices.Equal(s.Rounds, c.values) {
			t.Errorf("Summarise(%v) changed the order of the rounds: %v", c.values, s.Rounds)
		}
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]uint32, 100)
	for i := range hundred {
		hundred[i] = uint32(100 - i)
	}
	for _, c := range []struct {
		samples []uint32
		p       float64
		want    uint32
	}{
		{nil, 50, 0},
		{[]uint32{7}, 1, 7},
		{[]uint32{7}, 100, 7},
		{[]uint32{2, 1}, 50, 1},
		{[]uint32{1, 2, 3}, 50, 2},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 0, 1},
	} {
		if got := Percentile(slices.Clone(c.samples), c.p); got != c.want {
			t.Errorf("Percentile(%d samples, %v) = %d, want %d", len(c.samples), c.p, got, c.want)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	if got := Ratios([]float64{6, 8, 1, 5}, []float64{3, 2, 0}); !slices.Equal(got, []float64{2, 4}) {
		t.Errorf("got %v", got)
	}
}
