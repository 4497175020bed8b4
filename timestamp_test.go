package apier_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
)

// However it is written, it is what package time makes of a layout with three decimals.
func TestTimestampText(t *testing.T) {
	t.Parallel()
	const layout = "2006-01-02T15:04:05.000Z07:00"
	rapid.Check(t, func(t *rapid.T) {
		ms := apier.Timestamp(rapid.Int64Range(-1<<47, 1<<47).Draw(t, "ms")) // years below 0 and beyond 9999 too
		if got, want := ms.String(), ms.Time().Format(layout); got != want {
			t.Errorf("%d is %s, want %s", int64(ms), got, want)
		}
		if got, want := string(ms.AppendJSON([]byte{'x'})), `x"`+ms.Time().Format(layout)+`"`; got != want {
			t.Errorf("%d is %s in JSON, want %s", int64(ms), got, want)
		}
	})
	for _, ms := range []apier.Timestamp{0, 1, 999, 1000, -1, apier.TimestampOf(time.Now())} {
		if got, want := ms.String(), ms.Time().Format(layout); got != want {
			t.Errorf("%d is %s, want %s", int64(ms), got, want)
		}
	}
}
