// Package stat does the arithmetic of the report.
package stat

import (
	"math"
	"slices"
)

// Summary is what several rounds of one figure come to.
type Summary struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"` // in the order they were measured
}

// Summarise gives the summary of one or more values.
func Summarise(values []float64) Summary {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return Summary{}
	}
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	return Summary{Median: (low + high) / 2, Min: sorted[0], Max: sorted[len(sorted)-1], Rounds: values}
}

// Percentile gives the smallest sample that at least p percent of the samples do not exceed (nearest
// rank). It sorts samples in place; no samples give 0.
func Percentile(samples []uint32, p float64) uint32 {
	if len(samples) == 0 {
		return 0
	}
	slices.Sort(samples)
	rank := int(math.Ceil(p / 100 * float64(len(samples))))
	return samples[min(max(rank, 1), len(samples))-1]
}

// Ratios divides round by round, since rounds next to each other met the same machine.
func Ratios(a, b []float64) []float64 {
	ratios := make([]float64, 0, len(a))
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return ratios
}
