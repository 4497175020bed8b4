package storetest

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func metricsTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"latency quantiles are exact up to their bucket": testLatency,
		"latency and throughput by minute":               testMinutes,
		"minutes equal a recount":                        testMinutesRecount,
		"top errors":                                     testTopErrors,
		"minutes add up to the summary":                  testMinutesAddUp,
		"metrics say the seq they were read at":          testMetricsSeq,
		"old metrics go":                                 testOldMetrics,
		"metrics of nothing":                             testNoMetrics,
	}
}

func testLatency(t *testing.T, open Opener) {
	f := newFixture(t, open)
	start := f.clock.now()
	rapid.Check(t, func(r *rapid.T) {
		f.clock.advance(48 * time.Hour) // each run alone in its span
		since := f.clock.now()
		waits := rapid.SliceOfN(rapid.Int64Range(0, 20_000), 1, 12).Draw(r, "milliseconds")
		for _, ms := range waits {
			id := f.add(newEvents(1)...)[0]
			f.clock.advance(time.Duration(ms) * time.Millisecond)
			f.deliver(id)
		}
		slices.Sort(waits)
		latency := must[store.Latency](r)(f.Latency(t.Context(), acme, since))
		if latency.Count != int64(len(waits)) {
			r.Fatalf("count is %d, want %d", latency.Count, len(waits))
		}
		for q, got := range map[float64]float64{0.50: latency.P50, 0.95: latency.P95, 0.99: latency.P99} {
			exact := max(float64(waits[int(math.Ceil(q*float64(len(waits))))-1]), 1)
			if got < exact || got > exact*1.092 { // a bucket is 2^(1/8) wide, and its bound is given to four digits
				r.Fatalf("quantile %v is %v, exactly %v", q, got, exact)
			}
		}
	})
	if f.clock.now().Before(start) {
		t.Fatal("the clock ran back")
	}
}

func testMinutes(t *testing.T, open Opener) {
	f := newFixture(t, open)
	since := f.clock.now()
	first := f.add(newEvents(3)...)
	f.clock.advance(2 * time.Minute)
	f.deliver(first[0])
	f.deliver(first[1])
	f.fail(first[2], "x")
	f.clock.advance(time.Minute)
	f.deliver(first[2])
	at := func(minutes int) apier.Timestamp {
		return apier.TimestampOf(since.Add(time.Duration(minutes) * time.Minute))
	}
	points := must[store.Throughput](t)(f.Throughput(t.Context(), acme, since)).Series
	want := []store.MinutePoint{{At: at(0), Created: 3}, {At: at(2), Delivered: 2, Failed: 1, LeftPending: 3}, {At: at(3), Delivered: 1, LeftFailed: 1}}
	if !reflect.DeepEqual(points, want) {
		t.Errorf("throughput is %+v, want %+v", points, want)
	}
	latency := must[store.Latency](t)(f.Latency(t.Context(), acme, since))
	if len(latency.Series) != 2 || latency.Series[0].At != at(2) || latency.Series[0].Count != 2 ||
		latency.Series[1].At != at(3) || latency.Series[1].Count != 1 || latency.Count != 3 {
		t.Errorf("latency is %+v", latency)
	}
	latency = must[store.Latency](t)(f.Latency(t.Context(), acme, since.Add(3*time.Minute)))
	if latency.Count != 1 || latency.P50 < 180_000 || latency.P50 > 180_000*1.0906 {
		t.Errorf("latency of the last minute is %+v", latency)
	}
}

func testMinutesRecount(t *testing.T, open Opener) {
	f := newFixture(t, open)
	rapid.Check(t, func(r *rapid.T) {
		f.clock.advance(48 * time.Hour)
		since := f.clock.now()
		want := map[apier.Timestamp]store.MinutePoint{}
		count := func(add func(*store.MinutePoint)) {
			at := apier.TimestampOf(f.clock.now().Truncate(time.Minute))
			p := want[at]
			p.At = at
			add(&p)
			want[at] = p
		}
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 3), 1, 20).Draw(r, "steps") {
			id := f.add(newEvents(1)...)[0]
			count(func(p *store.MinutePoint) { p.Created++ })
			switch step {
			case 1:
				f.deliver(id)
				count(func(p *store.MinutePoint) { p.Delivered++; p.LeftPending++ })
			case 2:
				f.fail(id, "x")
				count(func(p *store.MinutePoint) { p.Failed++; p.LeftPending++ })
			case 3:
				f.clock.advance(30 * time.Second)
			}
		}
		got := map[apier.Timestamp]store.MinutePoint{}
		for _, p := range must[store.Throughput](r)(f.Throughput(t.Context(), acme, since)).Series {
			got[p.At] = p
		}
		if !reflect.DeepEqual(got, want) {
			r.Fatalf("throughput is %+v, a recount gives %+v", got, want)
		}
	})
}

func testTopErrors(t *testing.T, open Opener) {
	f := newFixture(t, open)
	since := f.clock.now()
	long := strings.Repeat("ü", 150) // 300 bytes
	ids := f.add(newEvent("a.a", "s"), newEvent("b.b", "s"), newEvent("c.c", "s"), newEvent("d.d", "s"))
	f.fail(ids[0], "timeout")
	f.clock.advance(time.Hour)
	f.fail(ids[1], "timeout")
	f.fail(ids[2], "refused")
	if e := f.fail(ids[3], long); e.ErrorMessage != long {
		t.Error("the message of an event was cut")
	}
	f.fail(ids[3], long+"!")
	f.fail(ids[3], long)
	now := apier.TimestampOf(f.clock.now())
	top := must[[]store.ErrorCount](t)(f.TopErrors(t.Context(), acme, since, 10))
	want := []store.ErrorCount{
		{Message: long[:200], Type: "d.d", Count: 3, LastSeen: now},
		{Message: "timeout", Type: "b.b", Count: 2, LastSeen: now},
		{Message: "refused", Type: "c.c", Count: 1, LastSeen: now},
	}
	if !reflect.DeepEqual(top, want) || !utf8.ValidString(top[0].Message) {
		t.Errorf("top errors are %+v, want %+v", top, want)
	}
	if top := must[[]store.ErrorCount](t)(f.TopErrors(t.Context(), acme, since, 1)); len(top) != 1 {
		t.Errorf("one was asked for, %d came", len(top))
	}
	if top := must[[]store.ErrorCount](t)(f.TopErrors(t.Context(), acme, since.Add(time.Hour), 10)); top[1].Count != 1 {
		t.Errorf("of the last hour: %+v", top)
	}
}

// testMinutesAddUp reckons every counter of the summary from the minutes, whatever happened to the events.
func testMinutesAddUp(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.EventRetention = time.Hour })
	rapid.Check(t, func(r *rapid.T) {
		f.clock.advance(rapid.SampledFrom([]time.Duration{0, 25 * time.Minute}).Draw(r, "later"))
		check(r, f.Housekeep(t.Context())) // what is old leaves
		ids := f.add(newEvents(5)...)
		for i, step := range rapid.SliceOfN(rapid.IntRange(0, 4), 5, 5).Draw(r, "steps") {
			switch step {
			case 1:
				f.deliver(ids[i])
			case 2:
				f.fail(ids[i], "x")
			case 3:
				f.fail(ids[i], "x")
				f.deliver(ids[i])
			case 4:
				check(r, f.Delete(t.Context(), acme, ids[i]))
			}
		}
		var sum store.Summary
		for _, p := range must[store.Throughput](r)(f.Throughput(t.Context(), acme, time.Time{})).Series {
			sum.Total += p.Created - p.Deleted - p.Expired
			sum.Pending += p.Created + p.Reopened - p.LeftPending
			sum.Delivered += p.Delivered - p.LeftDelivered
			sum.Failed += p.Failed - p.LeftFailed
		}
		want := must[store.Summary](r)(f.Summary(t.Context(), acme))
		if sum.Seq = want.Seq; sum != want {
			r.Fatalf("the minutes add up to %+v, the summary is %+v", sum, want)
		}
	})
}

// testMetricsSeq: what is read with the minutes is what has happened up to their seq, so that a follower who adds what
// comes after it counts each change once.
func testMetricsSeq(t *testing.T, open Opener) {
	f := newFixture(t, open)
	before := must[store.Throughput](t)(f.Throughput(t.Context(), acme, time.Time{}))
	ids := f.add(newEvents(2)...)
	f.deliver(ids[0])
	after := must[store.Throughput](t)(f.Throughput(t.Context(), acme, time.Time{}))
	latency := must[store.Latency](t)(f.Latency(t.Context(), acme, time.Time{}))
	head := f.head()
	if before.Seq != 0 || after.Seq != head || latency.Seq != head {
		t.Errorf("seqs are %d, %d and %d, want 0 and %d", before.Seq, after.Seq, latency.Seq, head)
	}
}

func testOldMetrics(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ids := f.add(newEvents(2)...)
	f.deliver(ids[0])
	f.fail(ids[1], "x")
	count := func() int {
		l := must[store.Latency](t)(f.Latency(t.Context(), acme, time.Time{}))
		p := must[store.Throughput](t)(f.Throughput(t.Context(), acme, time.Time{})).Series
		e := must[[]store.ErrorCount](t)(f.TopErrors(t.Context(), acme, time.Time{}, 10))
		return len(l.Series) + len(p) + len(e)
	}
	f.clock.advance(7 * 24 * time.Hour)
	check(t, f.Housekeep(t.Context()))
	if n := count(); n != 3 {
		t.Errorf("after 7 days %d rows of 3 are left", n)
	}
	f.clock.advance(2 * 24 * time.Hour)
	check(t, f.Housekeep(t.Context()))
	if n := count(); n != 0 {
		t.Errorf("after 9 days %d rows are left", n)
	}
	if sum := must[store.Summary](t)(f.Summary(t.Context(), acme)); sum.Total != 2 {
		t.Errorf("the summary lost events: %+v", sum)
	}
}

func testNoMetrics(t *testing.T, open Opener) {
	f := newFixture(t, open)
	if l := must[store.Latency](t)(f.Latency(t.Context(), acme, time.Time{})); !reflect.DeepEqual(l, store.Latency{}) {
		t.Errorf("latency of nothing is %+v", l)
	}
	if s := must[store.Summary](t)(f.Summary(t.Context(), acme)); s != (store.Summary{}) {
		t.Errorf("summary of nothing is %+v", s)
	}
}
