package api

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func TestMetricsOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for path, want := range map[string]string{
		"summary": `{"total":0,"pending":0,"delivered":0,"failed":0,"success_rate":null,"seq":0}`,
		"latency": `{"p50":null,"p95":null,"p99":null,"sample_size":0,"range":"24h","series":[],"seq":0}`,
		"errors":  `{"total_errors":0,"error_rate":null,"failed_deliveries":0,"pending_retries":0,"top_errors":[]}`,
	} {
		if got := w.do(t, "GET", "/api/metrics/"+path, ""); got.status != 200 || string(got.body) != want {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

// busy stores three events at once; after two seconds one is acknowledged and one fails.
func busy(t *testing.T, w *world) {
	t.Helper()
	w.clock.advance(30 * time.Second)
	first, second := w.create(t, "order.created", "shop", "{}"), w.create(t, "order.paid", "shop", "{}")
	w.create(t, "order.sent", "shop", "{}")
	w.clock.advance(2 * time.Second)
	w.do(t, "POST", "/api/inbox/"+string(first.ID)+"/ack", "").want(t, 200, nil)
	w.fail(t, second.ID, "connection refused")
}

func TestMetricsSummary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	busy(t, w)
	got := w.do(t, "GET", "/api/metrics/summary", "")
	if want := `{"total":3,"pending":1,"delivered":1,"failed":1,"success_rate":50,"seq":5}`; string(got.body) != want {
		t.Errorf("%s", got.body)
	}
}

func TestMetricsLatency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	busy(t, w)
	type quantiles struct{ P50, P95, P99 float64 }
	var l struct {
		quantiles
		SampleSize int64 `json:"sample_size"`
		Range      string
		Series     []struct {
			quantiles
			At    apier.Timestamp
			Count int64
		}
	}
	w.do(t, "GET", "/api/metrics/latency?range=15m", "").want(t, 200, &l)
	if l.P50 < 2 || l.P50 > 2*1.09+0.001 || l.P95 != l.P50 || l.P99 != l.P50 || l.SampleSize != 1 || l.Range != "15m" {
		t.Errorf("two seconds are %+v", l)
	}
	if len(l.Series) != 1 || l.Series[0].quantiles != l.quantiles || l.Series[0].Count != 1 || l.Series[0].At.String() != "2025-11-14T17:30:00.000Z" {
		t.Errorf("series %+v", l.Series)
	}
	w.clock.advance(16 * time.Minute)
	l.quantiles = quantiles{} // null leaves them
	w.do(t, "GET", "/api/metrics/latency?range=15m", "").want(t, 200, &l)
	if l.SampleSize != 0 || len(l.Series) != 0 || l.P99 != 0 {
		t.Errorf("after the range: %+v", l)
	}
}

func TestMetricsThroughput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	busy(t, w)
	for name, points := range map[string]int{"": 60, "15m": 15, "1h": 60, "24h": 1440} {
		var m struct {
			PerMinute float64 `json:"events_per_minute"`
			PerHour   int64   `json:"events_per_hour"`
			Total24h  int64   `json:"total_events_24h"`
			Range     string  `json:"time_range"`
			Series    []struct {
				At                         apier.Timestamp
				Created, Delivered, Failed int64
			}
		}
		w.do(t, "GET", "/api/metrics/throughput?range="+name, "").want(t, 200, &m)
		if m.PerMinute != 3 || m.PerHour != 3 || m.Total24h != 3 || len(m.Series) != points || name != "" && m.Range != name {
			t.Errorf("%s: %v %v %v, %d points of %s", name, m.PerMinute, m.PerHour, m.Total24h, len(m.Series), m.Range)
			continue
		}
		last := m.Series[points-1]
		if last.At.String() != "2025-11-14T17:30:00.000Z" || last.Created != 3 || last.Delivered != 1 || last.Failed != 1 {
			t.Errorf("%s: the last minute is %+v", name, last)
		}
		if first := m.Series[0]; last.At-first.At != apier.Timestamp((time.Duration(points-1) * time.Minute).Milliseconds()) {
			t.Errorf("%s: from %s to %s", name, first.At, last.At)
		}
	}
}

func TestMetricsErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	busy(t, w)
	w.fail(t, w.create(t, "order.lost", "shop", "{}").ID, "connection refused")
	got := w.do(t, "GET", "/api/metrics/errors", "")
	want := `{"total_errors":2,"error_rate":66.67,"failed_deliveries":2,"pending_retries":0,"top_errors":[` +
		`{"message":"connection refused","count":2,"type":"order.lost","last_seen":"2025-11-14T17:30:32.000Z"}]}`
	if string(got.body) != want {
		t.Errorf("%s", got.body)
	}
}

// counting counts the calls that could walk over events.
type counting struct {
	store.Store
	t *testing.T
}

func (s counting) List(context.Context, apier.TenantID, store.Filter) (store.Page, error) {
	s.t.Error("a metric lists events")
	return store.Page{}, nil
}

func TestMetricsDoNotList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{wrap: func(s store.Store) store.Store { return counting{s, t} }})
	for _, name := range []string{"summary", "latency", "throughput", "errors"} {
		w.do(t, "GET", "/api/metrics/"+name, "").want(t, 200, &json.RawMessage{})
	}
}

func TestConfigAndHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{api: Options{Config: map[string]any{"version": "1.2.3", "max_payload_bytes": 262144}}})
	if got := w.do(t, "GET", "/api/config", ""); string(got.body) != `{"max_payload_bytes":262144,"version":"1.2.3"}` {
		t.Errorf("config %s", got.body)
	}
	if got := w.do(t, "GET", "/api/health", "", "Authorization", ""); string(got.body) != `{"status":"healthy"}` {
		t.Errorf("health %s", got.body)
	}
}
