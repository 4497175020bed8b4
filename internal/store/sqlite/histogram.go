package sqlite

import (
	"math"
	"strconv"

	"github.com/apier/apier/internal/store"
)

// The buckets of the latency histogram grow by 2^(1/8), about 9 %: bucket i holds what is above
// 2^((i-1)/8) and at most 2^(i/8) milliseconds; bucket 0 all up to 1 ms, the last all above.
const (
	bucketsPerDoubling = 8
	lastBucket         = 36 * bucketsPerDoubling // 2^36 ms: 2 years
)

func bucketOf(ms int64) int {
	if ms <= 1 {
		return 0
	}
	bucket := int(math.Ceil(bucketsPerDoubling * math.Log2(float64(ms))))
	return min(bucket, lastBucket)
}

// upperBound of a bucket, in milliseconds.
func upperBound(bucket int) float64 { return math.Exp2(float64(bucket) / bucketsPerDoubling) }

// histogram counts values by bucket.
type histogram struct {
	counts [lastBucket + 1]int64
	total  int64
}

func (h *histogram) add(bucket int, n int64) {
	h.counts[min(max(bucket, 0), lastBucket)] += n
	h.total += n
}

func (h *histogram) quantiles() store.Quantiles {
	return store.Quantiles{P50: h.quantile(0.50), P95: h.quantile(0.95), P99: h.quantile(0.99), Count: h.total}
}

// quantile is the upper bound of the bucket that holds the value of rank ⌈q·total⌉, to four digits: the buckets are
// wider than that.
func (h *histogram) quantile(q float64) float64 {
	if h.total == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(q*float64(h.total))), 1)
	for bucket, n := range h.counts {
		if rank -= n; rank <= 0 {
			return shortened(upperBound(bucket))
		}
	}
	return shortened(upperBound(lastBucket))
}

// shortened rounds up: an upper bound stays one.
func shortened(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x))-3)
	short, _ := strconv.ParseFloat(strconv.FormatFloat(math.Ceil(x/unit)*unit, 'g', 4, 64), 64) // of a number
	return short
}
