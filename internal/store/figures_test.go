package store

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/apier/apier"
)

func TestSuccessRate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		good, bad int64
		want      float64
	}{
		{0, 0, 0}, {1, 0, 100}, {0, 1, 0}, {1, 1, 50}, {2, 1, 66.67}, {1, 2, 33.33}, {99_999, 1, 99.99}, {9_999, 1, 99.99}, {1, 1_000_000_000_000, 0.01}, {1_000_000_000_000, 1, 99.99},
	} {
		if got := SuccessRate(tc.good, tc.bad); got != tc.want {
			t.Errorf("%d good, %d bad: %v, want %v", tc.good, tc.bad, got, tc.want)
		}
	}
}

func at(clock string) time.Time {
	parsed, err := time.Parse("15:04:05.999", clock)
	if err != nil {
		panic(err)
	}
	return parsed.AddDate(2025, 10, 13)
}

func point(clock string, created int64) MinutePoint {
	return MinutePoint{At: apier.TimestampOf(at(clock)), Created: created}
}

func TestPerMinute(t *testing.T) {
	t.Parallel()
	points := []MinutePoint{point("17:28:00", 1000), point("17:29:00", 60), point("17:30:00", 10)}
	for clock, want := range map[string]float64{
		"17:30:00": 70, "17:30:15": 55, "17:30:30": 40, "17:30:59.999": 10, "17:31:00": 10, "17:31:30": 5, "17:32:00": 0, "17:29:30": 560,
	} {
		if got := PerMinute(points, at(clock)); got != want {
			t.Errorf("%s: %v, want %v", clock, got, want)
		}
	}
	elsewhere := at("17:30:15").In(time.FixedZone("elsewhere", 5*3600+1800))
	if got := PerMinute(points, elsewhere); got != 55 {
		t.Errorf("in another zone: %v", got)
	}
	if got := PerMinute(nil, at("17:30:00")); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestCreatedSince(t *testing.T) {
	t.Parallel()
	points := []MinutePoint{point("16:30:00", 1), point("16:31:00", 10), point("17:30:00", 100)}
	for clock, want := range map[string]int64{"16:29:59": 111, "16:30:00": 110, "16:30:30": 110, "16:31:00": 100, "17:30:00": 0} {
		if got := CreatedSince(points, at(clock)); got != want {
			t.Errorf("%s: %d, want %d", clock, got, want)
		}
	}
}

func TestFillMinutes(t *testing.T) {
	t.Parallel()
	busy := MinutePoint{At: apier.TimestampOf(at("17:29:00")), Created: 3, Delivered: 2, Failed: 1}
	points := []MinutePoint{point("17:26:00", 99), busy}
	got := FillMinutes(points, at("17:27:30"), at("17:30:30"))
	if want := []MinutePoint{point("17:28:00", 0), busy, point("17:30:00", 0)}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := FillMinutes(nil, at("16:30:00"), at("17:30:00")); len(got) != 60 || got[59].At != apier.TimestampOf(at("17:30:00")) {
		t.Errorf("an hour has %d points", len(got))
	}
	if got := FillMinutes(points, at("17:30:30"), at("17:30:40")); got != nil {
		t.Errorf("no minute begins there: %+v", got)
	}
}

// fixed are metrics that fail at the named method.
type fixed struct {
	Metrics
	fails  string
	t      *testing.T
	before time.Time
}

var errDisk = errors.New("disk on fire")

func (m fixed) err(method string) error {
	if m.fails == method {
		return errDisk
	}
	return nil
}

func (m fixed) Summary(_ context.Context, tenant apier.TenantID) (Summary, error) {
	if tenant != "acme" {
		m.t.Errorf("tenant %s", tenant)
	}
	return Summary{Total: 6, Pending: 2, Delivered: 3, Failed: 1, Seq: 9}, m.err("Summary")
}

func (m fixed) Throughput(_ context.Context, _ apier.TenantID, since time.Time) (Throughput, error) {
	if since.After(m.before) {
		m.t.Errorf("since %s misses the minute before", since)
	}
	return Throughput{Series: []MinutePoint{point("17:29:00", 60), point("17:30:00", 10)}}, m.err("Throughput")
}

func (m fixed) Latency(context.Context, apier.TenantID, time.Time) (Latency, error) {
	return Latency{Quantiles: Quantiles{P50: 1.5, P95: 2.5, P99: 3.5, Count: 3}}, m.err("Latency")
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	now := at("17:30:30")
	got, err := Snapshot(t.Context(), fixed{t: t, before: at("17:29:00")}, "acme", now)
	want := apier.Metrics{
		Total: 6, Pending: 2, Delivered: 3, Failed: 1, SuccessRate: 75, EventsPerMinute: 40,
		LatencyMS: apier.LatencyQuantiles{P50: 1.5, P95: 2.5, P99: 3.5, SampleSize: 3},
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, method := range []string{"Summary", "Throughput", "Latency"} {
		got, err := Snapshot(t.Context(), fixed{t: t, before: now, fails: method}, "acme", now)
		if !errors.Is(err, errDisk) || got != (apier.Metrics{}) {
			t.Errorf("%s fails: %+v, %v", method, got, err)
		}
	}
}
