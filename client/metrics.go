package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/apier/apier"
)

// Summary counts events by status.
type Summary struct {
	Total       int64     `json:"total"`
	Pending     int64     `json:"pending"`
	Delivered   int64     `json:"delivered"`
	Failed      int64     `json:"failed"`
	SuccessRate float64   `json:"success_rate"` // percent of delivered among delivered and failed; 0 where there is neither, which JSON has as null
	Seq         apier.Seq `json:"seq"`
}

// Range is how far a figure looks back.
type Range string

// The ranges.
const (
	Range15m Range = "15m"
	Range1h  Range = "1h"
	Range24h Range = "24h"
)

// Latency is the time from creation to delivery, in seconds.
type Latency struct {
	P50        float64        `json:"p50"`
	P95        float64        `json:"p95"`
	P99        float64        `json:"p99"`
	SampleSize int64          `json:"sample_size"` // the quantiles are 0 where it is 0
	Range      Range          `json:"range"`
	Series     []LatencyPoint `json:"series"` // the minutes with a delivery, oldest first
	Seq        apier.Seq      `json:"seq"`    // what has changed up to it is counted
}

// LatencyPoint is one minute of Latency.
type LatencyPoint struct {
	At    apier.Timestamp `json:"at"`
	P50   float64         `json:"p50"`
	P95   float64         `json:"p95"`
	P99   float64         `json:"p99"`
	Count int64           `json:"count"`
}

// Throughput says how many events come and go.
type Throughput struct {
	EventsPerMinute float64           `json:"events_per_minute"`
	EventsPerHour   int64             `json:"events_per_hour"`
	TotalEvents24h  int64             `json:"total_events_24h"`
	TimeRange       Range             `json:"time_range"`
	Series          []ThroughputPoint `json:"series"` // one for each minute, oldest first
	Seq             apier.Seq         `json:"seq"`    // what has changed up to it is counted
}

// ThroughputPoint is one minute of Throughput. Summary follows from it: the total grows by Created and loses Deleted
// and Expired, pending grows by Created and Reopened and loses LeftPending, and so on.
type ThroughputPoint struct {
	At            apier.Timestamp `json:"at"`
	Created       int64           `json:"created"`
	Delivered     int64           `json:"delivered"`
	Failed        int64           `json:"failed"`
	Reopened      int64           `json:"reopened"` // back to pending
	Deleted       int64           `json:"deleted"`  // by hand
	Expired       int64           `json:"expired"`  // by retention, or for the disk budget
	LeftPending   int64           `json:"left_pending"`
	LeftDelivered int64           `json:"left_delivered"`
	LeftFailed    int64           `json:"left_failed"`
}

// Failures say what failed in the last 24 hours.
type Failures struct {
	TotalErrors      int64          `json:"total_errors"`
	ErrorRate        float64        `json:"error_rate"` // percent of failures among deliveries that ended
	FailedDeliveries int64          `json:"failed_deliveries"`
	PendingRetries   int64          `json:"pending_retries"`
	TopErrors        []FailureCount `json:"top_errors"` // the most frequent first
}

// FailureCount is one message of Failures.
type FailureCount struct {
	Message  string          `json:"message"`
	Count    int64           `json:"count"`
	Type     string          `json:"type"` // of the latest event that failed so
	LastSeen apier.Timestamp `json:"last_seen"`
}

// Summary gives the events by status.
func (c *Client) Summary(ctx context.Context) (Summary, error) {
	var s Summary
	err := c.get(ctx, "/api/metrics/summary", "", &s)
	return s, err
}

// Latency gives the times from creation to delivery. "": the server's choice of range.
func (c *Client) Latency(ctx context.Context, r Range) (Latency, error) {
	var l Latency
	err := c.get(ctx, "/api/metrics/latency", r, &l)
	return l, err
}

// Throughput gives how many events come and go. "": the server's choice of range.
func (c *Client) Throughput(ctx context.Context, r Range) (Throughput, error) {
	var t Throughput
	err := c.get(ctx, "/api/metrics/throughput", r, &t)
	return t, err
}

// Failures gives what failed.
func (c *Client) Failures(ctx context.Context) (Failures, error) {
	var f Failures
	err := c.get(ctx, "/api/metrics/errors", "", &f)
	return f, err
}

func (c *Client) get(ctx context.Context, path string, r Range, out any) error {
	q := url.Values{}
	setText(q, "range", string(r))
	return c.do(ctx, request{method: http.MethodGet, path: path, query: q}, out)
}
