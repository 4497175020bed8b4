package api

import (
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	day          = 24 * time.Hour
	topErrors    = 10
	defaultRange = "1h"
)

// summary answers GET /api/metrics/summary.
func (a *API) summary(c *call) error {
	s, err := a.store.Summary(c.ctx(), c.id.Tenant)
	if err != nil {
		return err
	}
	return answer(c.w, struct {
		Total       int64     `json:"total"`
		Pending     int64     `json:"pending"`
		Delivered   int64     `json:"delivered"`
		Failed      int64     `json:"failed"`
		SuccessRate *float64  `json:"success_rate"` // percent of delivered among delivered and failed
		Seq         apier.Seq `json:"seq"`
	}{s.Total, s.Pending, s.Delivered, s.Failed, apier.ValueOf(store.SuccessRate(s.Delivered, s.Failed), s.Delivered+s.Failed), s.Seq})
}

type latencyAnswer struct {
	P50 *float64 `json:"p50"` // seconds
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}

// seconds returns quantiles of n deliveries.
func seconds(q store.Quantiles, n int64) latencyAnswer {
	return latencyAnswer{apier.ValueOf(q.P50/1000, n), apier.ValueOf(q.P95/1000, n), apier.ValueOf(q.P99/1000, n)}
}

// latency answers GET /api/metrics/latency: created → delivered, in seconds.
func (a *API) latency(c *call) error {
	name, span, err := readRange(c, "24h")
	if err != nil {
		return err
	}
	l, err := a.store.Latency(c.ctx(), c.id.Tenant, a.opt.Now().Add(-span))
	if err != nil {
		return err
	}
	type point struct {
		At apier.Timestamp `json:"at"`
		latencyAnswer
		Count int64 `json:"count"`
	}
	series := make([]point, len(l.Series))
	for i, p := range l.Series {
		series[i] = point{p.At, seconds(p.Quantiles, p.Count), p.Count}
	}
	return answer(c.w, struct {
		latencyAnswer
		SampleSize int64     `json:"sample_size"`
		Range      string    `json:"range"`
		Series     []point   `json:"series"`
		Seq        apier.Seq `json:"seq"`
	}{seconds(l.Quantiles, l.Count), l.Count, name, series, l.Seq})
}

// throughput answers GET /api/metrics/throughput.
func (a *API) throughput(c *call) error {
	name, span, err := readRange(c, defaultRange)
	if err != nil {
		return err
	}
	now := a.opt.Now()
	t, err := a.store.Throughput(c.ctx(), c.id.Tenant, now.Add(-day))
	if err != nil {
		return err
	}
	type point struct {
		At            apier.Timestamp `json:"at"`
		Created       int64           `json:"created"`
		Delivered     int64           `json:"delivered"`
		Failed        int64           `json:"failed"`
		Reopened      int64           `json:"reopened"`
		Deleted       int64           `json:"deleted"`
		Expired       int64           `json:"expired"`
		LeftPending   int64           `json:"left_pending"`
		LeftDelivered int64           `json:"left_delivered"`
		LeftFailed    int64           `json:"left_failed"`
	}
	points := t.Series
	series := []point{}
	for _, p := range store.FillMinutes(points, now.Add(-span), now) {
		series = append(series, point(p))
	}
	return answer(c.w, struct {
		PerMinute float64   `json:"events_per_minute"`
		PerHour   int64     `json:"events_per_hour"`
		Total24h  int64     `json:"total_events_24h"`
		Range     string    `json:"time_range"`
		Series    []point   `json:"series"`
		Seq       apier.Seq `json:"seq"`
	}{store.PerMinute(points, now), store.CreatedSince(points, now.Add(-time.Hour)), store.CreatedSince(points, now.Add(-day)), name, series, t.Seq})
}

// errorCounts answers GET /api/metrics/errors, over the last 24 hours.
func (a *API) errorCounts(c *call) error {
	since := a.opt.Now().Add(-day)
	throughput, err := a.store.Throughput(c.ctx(), c.id.Tenant, since)
	if err != nil {
		return err
	}
	top, err := a.store.TopErrors(c.ctx(), c.id.Tenant, since, topErrors)
	if err != nil {
		return err
	}
	current, err := a.store.Summary(c.ctx(), c.id.Tenant)
	if err != nil {
		return err
	}
	retries, err := a.store.PendingRetries(c.ctx(), c.id.Tenant)
	if err != nil {
		return err
	}
	type count struct {
		Message  string          `json:"message"`
		Count    int64           `json:"count"`
		Type     string          `json:"type"`
		LastSeen apier.Timestamp `json:"last_seen"`
	}
	counts := make([]count, len(top))
	for i, e := range top {
		counts[i] = count{e.Message, e.Count, e.Type, e.LastSeen}
	}
	var delivered, failed int64
	for _, p := range throughput.Series {
		delivered, failed = delivered+p.Delivered, failed+p.Failed
	}
	return answer(c.w, struct {
		TotalErrors      int64    `json:"total_errors"`      // failures in 24 h
		ErrorRate        *float64 `json:"error_rate"`        // percent of failures among all ends in 24 h
		FailedDeliveries int64    `json:"failed_deliveries"` // events that stand as failed now
		PendingRetries   int64    `json:"pending_retries"`   // deliveries that were attempted and are to be again
		TopErrors        []count  `json:"top_errors"`
	}{failed, apier.ValueOf(store.SuccessRate(failed, delivered), failed+delivered), current.Failed, retries, counts})
}

func readRange(c *call, fallback string) (string, time.Duration, error) {
	spans := map[string]time.Duration{"15m": 15 * time.Minute, "1h": time.Hour, "24h": day}
	q, err := readQuery(c)
	if err != nil {
		return "", 0, err
	}
	if faults := unknownParameters(q, []string{"range"}); len(faults) > 0 {
		return "", 0, badQuery(faults)
	}
	name := q.Get("range")
	if name == "" {
		name = fallback
	}
	span, ok := spans[name]
	if !ok {
		return "", 0, badQuery([]apier.FieldError{{Field: "range", Reason: "must be 15m, 1h or 24h"}})
	}
	return name, span, nil
}
