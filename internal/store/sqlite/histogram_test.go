package sqlite

import (
	"fmt"
	"testing"
)

// A quantile is read by people: no more digits than the buckets are fine, and still within a bucket of the truth.
func TestQuantilesAreShort(t *testing.T) {
	t.Parallel()
	for ms := int64(1); ms < 1<<30; ms = ms*33/32 + 1 {
		var h histogram
		h.add(bucketOf(ms), 1)
		got := h.quantile(0.5)
		if text := fmt.Sprint(got); len(text) > 9 || got < float64(ms) || got > 1.1*float64(ms) {
			t.Errorf("%d ms is given as %s", ms, text)
		}
	}
}
