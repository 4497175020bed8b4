package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/apier/apier"
)

// SuccessRate is the percentage of good among good and bad, to two decimals; 0 where there is neither. It is 0 or 100
// only where that is exact: one failure among a million is 99.99.
func SuccessRate(good, bad int64) float64 {
	if good+bad == 0 {
		return 0
	}
	rate := math.Round(10_000*float64(good)/float64(good+bad)) / 100
	switch {
	case rate == 100 && bad > 0:
		return 99.99
	case rate == 0 && good > 0:
		return 0.01
	}
	return rate
}

// PerMinute is the rate of creation over the last 60 seconds, taken from minute counters: the current
// minute, and the share of the one before that the 60 seconds still reach into.
func PerMinute(points []MinutePoint, now time.Time) float64 {
	minute := now.Truncate(time.Minute)
	elapsed := now.Sub(minute).Seconds() / 60
	var rate float64
	for _, p := range points {
		switch p.At.Time() {
		case minute.UTC():
			rate += float64(p.Created)
		case minute.Add(-time.Minute).UTC():
			rate += float64(p.Created) * (1 - elapsed)
		}
	}
	return math.Round(10*rate) / 10
}

// CreatedSince counts what was created in the minutes that begin after a time.
func CreatedSince(points []MinutePoint, since time.Time) int64 {
	var n int64
	for _, p := range points {
		if p.At.Time().After(since) {
			n += p.Created
		}
	}
	return n
}

// FillMinutes gives a point for each minute after from, up to that of to, zeros where nothing happened.
func FillMinutes(points []MinutePoint, from, to time.Time) []MinutePoint {
	known := make(map[apier.Timestamp]MinutePoint, len(points))
	for _, p := range points {
		known[p.At] = p
	}
	var filled []MinutePoint
	for at := from.Truncate(time.Minute).Add(time.Minute); !at.After(to); at = at.Add(time.Minute) {
		p := known[apier.TimestampOf(at)]
		p.At = apier.TimestampOf(at)
		filled = append(filled, p)
	}
	return filled
}

// Snapshot gives the figures of a tenant as metrics_update shows them.
func Snapshot(ctx context.Context, m Metrics, tenant apier.TenantID, now time.Time) (apier.Metrics, error) {
	s, err := m.Summary(ctx, tenant)
	if err != nil {
		return apier.Metrics{}, fmt.Errorf("snapshot of metrics: %w", err)
	}
	throughput, err := m.Throughput(ctx, tenant, now.Add(-2*time.Minute))
	if err != nil {
		return apier.Metrics{}, fmt.Errorf("snapshot of metrics: %w", err)
	}
	l, err := m.Latency(ctx, tenant, now.Add(-time.Hour))
	if err != nil {
		return apier.Metrics{}, fmt.Errorf("snapshot of metrics: %w", err)
	}
	return apier.Metrics{
		Total: s.Total, Pending: s.Pending, Delivered: s.Delivered, Failed: s.Failed,
		SuccessRate: SuccessRate(s.Delivered, s.Failed), EventsPerMinute: PerMinute(throughput.Series, now),
		LatencyMS: apier.LatencyQuantiles{P50: l.P50, P95: l.P95, P99: l.P99, SampleSize: l.Count},
	}, nil
}
