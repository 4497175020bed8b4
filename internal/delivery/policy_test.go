package delivery

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
)

const day = 24 * time.Hour

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	in := func(d time.Duration) apier.Timestamp { return apier.TimestampOf(now.Add(d)) }
	failure := func(kind apier.ErrorKind, status int) apier.Attempt {
		return apier.Attempt{ErrorKind: kind, StatusCode: status}
	}
	unavailable := failure(apier.ErrorHTTP5xx, 503)
	cases := map[string]struct {
		endpoint apier.Endpoint // its schedule is 0, 10 s, 100 s
		tries    int
		attempt  apier.Attempt
		header   http.Header
		status   apier.DeliveryStatus
		due      time.Duration // 0: none
		hold     time.Duration // 0: none
		disabled string
		innocent bool
	}{
		"success":                        {attempt: apier.Attempt{StatusCode: 200}, status: "delivered"},
		"success, and no more":           {attempt: apier.Attempt{StatusCode: 200}, header: http.Header{"Webhook-Delivery": {"disable"}}, status: "delivered", disabled: "webhook-delivery"},
		"first failure":                  {attempt: unavailable, status: "pending", due: 10 * time.Second},
		"second failure":                 {attempt: unavailable, tries: 1, status: "pending", due: 100 * time.Second},
		"last failure":                   {attempt: unavailable, tries: 2, status: "failed"},
		"beyond the schedule":            {attempt: unavailable, tries: 7, status: "failed"},
		"dns is tried again":             {attempt: failure(apier.ErrorDNS, 0), status: "pending", due: 10 * time.Second},
		"tls is tried again":             {attempt: failure(apier.ErrorTLS, 0), status: "pending", due: 10 * time.Second},
		"a refusal is tried again":       {attempt: failure(apier.ErrorHTTP4xx, 404), status: "pending", due: 10 * time.Second},
		"blocked is tried again":         {attempt: failure(apier.ErrorBlocked, 0), status: "pending", due: 10 * time.Second},
		"retry-after":                    {attempt: failure(apier.ErrorHTTP5xx, 500), header: http.Header{"Retry-After": {"60"}}, status: "pending", due: time.Minute},
		"retry-after holds the endpoint": {attempt: unavailable, header: http.Header{"Retry-After": {"60"}}, status: "pending", due: time.Minute, hold: time.Minute},
		"too many requests":              {attempt: failure(apier.ErrorHTTP4xx, 429), header: http.Header{"Retry-After": {"60"}}, status: "pending", due: time.Minute, hold: time.Minute},
		"retry-after as a date":          {attempt: unavailable, header: http.Header{"Retry-After": {now.Add(time.Minute).Format(http.TimeFormat)}}, status: "pending", due: time.Minute, hold: time.Minute},
		"retry-after earlier than due":   {attempt: unavailable, header: http.Header{"Retry-After": {"1"}}, status: "pending", due: 10 * time.Second, hold: time.Second},
		"retry-after in the past":        {attempt: unavailable, header: http.Header{"Retry-After": {now.Add(-day).Format(http.TimeFormat)}}, status: "pending", due: 10 * time.Second},
		"retry-after of years":           {attempt: unavailable, header: http.Header{"Retry-After": {"999999999"}}, status: "pending", due: time.Hour, hold: time.Hour},
		"retry-after of nonsense":        {attempt: unavailable, header: http.Header{"Retry-After": {"soon"}}, status: "pending", due: 10 * time.Second},
		"retry-after below zero":         {attempt: unavailable, header: http.Header{"Retry-After": {"-5"}}, status: "pending", due: 10 * time.Second},
		"retry-after at the end":         {attempt: unavailable, tries: 2, header: http.Header{"Retry-After": {"60"}}, status: "failed", hold: time.Minute},
		"gone":                           {attempt: failure(apier.ErrorHTTP4xx, 410), status: "failed", disabled: "410 Gone"},
		"failed, and no more":            {attempt: unavailable, header: http.Header{"Webhook-Delivery": {" Disable "}}, status: "failed", disabled: "webhook-delivery"},
		"not this one again":             {attempt: unavailable, header: http.Header{"Webhook-Delivery": {"abort-message"}}, status: "failed"},
		"another word":                   {attempt: unavailable, header: http.Header{"Webhook-Delivery": {"hurry"}}, status: "pending", due: 10 * time.Second},
		"four failures":                  {endpoint: apier.Endpoint{ConsecutiveFailures: 3}, attempt: unavailable, status: "pending", due: 10 * time.Second},
		"five failures hold":             {endpoint: apier.Endpoint{ConsecutiveFailures: 4, FailingSince: in(-time.Second)}, attempt: unavailable, status: "pending", due: 10 * time.Second, hold: 5 * time.Second},
		"many at once hold no longer":    {endpoint: apier.Endpoint{ConsecutiveFailures: 900, FailingSince: in(-time.Second)}, attempt: unavailable, status: "pending", due: 10 * time.Second, hold: 5 * time.Second},
		"failing for 20 s holds for 20":  {endpoint: apier.Endpoint{ConsecutiveFailures: 6, FailingSince: in(-20 * time.Second)}, attempt: unavailable, status: "pending", due: 10 * time.Second, hold: 20 * time.Second},
		"for an hour, five minutes":      {endpoint: apier.Endpoint{ConsecutiveFailures: 4, FailingSince: in(-time.Hour)}, attempt: unavailable, status: "pending", due: 10 * time.Second, hold: 5 * time.Minute},
		"one event refused holds none":   {endpoint: apier.Endpoint{ConsecutiveFailures: 50, FailingSince: in(-time.Hour)}, attempt: failure(apier.ErrorHTTP4xx, 422), status: "pending", due: 10 * time.Second},
		"days of failure disable":        {endpoint: apier.Endpoint{ConsecutiveFailures: 9, FailingSince: in(-5 * day)}, attempt: unavailable, status: "failed", hold: 5 * time.Minute, disabled: "5 days"},
		"not before that":                {endpoint: apier.Endpoint{ConsecutiveFailures: 90, FailingSince: in(-5*day + time.Second)}, attempt: unavailable, status: "pending", due: 10 * time.Second, hold: 5 * time.Minute},
		"few failures disable nothing":   {endpoint: apier.Endpoint{ConsecutiveFailures: 3, FailingSince: in(-9 * day)}, attempt: unavailable, status: "pending", due: 10 * time.Second},
		"our fault blames nobody":        {endpoint: apier.Endpoint{ConsecutiveFailures: 90, FailingSince: in(-9 * day)}, attempt: failure(apier.ErrorInternal, 0), status: "failed", innocent: true},
	}
	for name, c := range cases {
		c.endpoint.RetryScheduleMS = []int64{0, 10_000, 100_000}
		for luck, factor := range map[float64]float64{0: 1, 0.5: 1.1, 1: 1.2} {
			v := decide(c.endpoint, apier.Delivery{Tries: c.tries}, c.attempt, c.header, policy{now, 5 * day, func() float64 { return luck }})
			at := func(d time.Duration) apier.Timestamp {
				if d == 0 {
					return 0
				}
				return in(time.Duration(float64(d) * factor))
			}
			if v.Status != c.status || v.DueAt != at(c.due) || v.HoldUntil != at(c.hold) || v.Blameless != c.innocent ||
				(v.DisableReason == "") != (c.disabled == "") || !strings.Contains(v.DisableReason, c.disabled) {
				t.Errorf("%s, luck %v: %+v (due in %v, hold %v)", name, luck, v, v.DueAt.Time().Sub(now), v.HoldUntil.Time().Sub(now))
			}
		}
	}
}

func TestNextWindow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		window, limit int
		ok            bool
		want          int
	}{
		{1000, 10, true, 10},
		{1000, 10, false, 5},
		{5, 10, false, 2},
		{1, 10, false, 1},
		{1, 10, true, 2},
		{4, 10, true, 8},
		{8, 10, true, 10},
		{8, 3, true, 3},
		{1, 1, false, 1},
		{1, 0, true, 1},
		{1, 0, false, 1},
	} {
		if got := nextWindow(c.window, c.limit, c.ok); got != c.want {
			t.Errorf("nextWindow(%d, %d, %v) = %d, want %d", c.window, c.limit, c.ok, got, c.want)
		}
	}
}

// However greedy some lanes are, they come down to equal shares, and one that comes later finds as much.
func TestGateLeavesAShare(t *testing.T) {
	t.Parallel()
	for _, greedy := range []int{1, 2, 5, 20} {
		g := newGate(512)
		held := make([]int, greedy)
		for range 200 { // attempts end, and the lanes want as many again and more
			for i := range held {
				ended := (held[i] + 3) / 4
				g.give(tenantOf(i), ended)
				held[i] += g.take(tenantOf(i), held[i]-ended, 1000) - ended
			}
		}
		fair := 512 / (greedy + 1)
		if got := g.take("late", 0, 1000); got < fair/2 {
			t.Errorf("beside %d greedy lanes %v one gets %d, want %d at least", greedy, held, got, fair/2)
		}
	}
	g := newGate(1)
	if g.take("a", 0, 5) != 1 || g.take("a", 0, 1) != 0 || g.take("b", 0, 0) != 0 || g.take("a", 1, 5) != 0 {
		t.Error("the only place is not given once")
	}
	g.give("a", 1)
	if g.take("a", 0, -1) != 0 || g.take("a", 0, 1) != 1 {
		t.Error("a place that was given back is lost")
	}
	if g.give("a", 1); len(g.held) != 0 {
		t.Errorf("it remembers %v", g.held)
	}
}

func tenantOf(i int) apier.TenantID { return apier.TenantID(fmt.Sprint("t", i)) }

// However many endpoints of one tenant hang, others find a quarter of the places, and a lane of theirs half of that.
func TestGateLeavesAShareToOtherTenants(t *testing.T) {
	t.Parallel()
	for _, hanging := range []int{1, 10, 100, 1000} {
		g := newGate(512)
		held := make([]int, hanging)
		for took := 1; took > 0; { // none of them ever ends
			took = 0
			for i := range held {
				n := g.take("greedy", held[i], 1)
				held[i], took = held[i]+n, took+n
			}
		}
		if got := g.take("other", 0, 1000); got < 512/4/2 || g.held["greedy"] > 512*3/4 {
			t.Errorf("beside %d lanes of a tenant that hold %d, another gets %d", hanging, g.held["greedy"], got)
		}
	}
}

func TestStepsOfARecovery(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]struct {
		n     int
		every time.Duration
	}{
		10: {2, 200 * time.Millisecond}, 1: {1, time.Second}, 0.5: {1, 2 * time.Second}, 2000: {400, 200 * time.Millisecond}, 7: {1, time.Second / 7},
		0: {1, 1000 * time.Second}, -1: {1, 1000 * time.Second}, 1e-300: {1, 1000 * time.Second}, 1e300: {400, 200 * time.Millisecond},
	} {
		if n, every := step(rate); n != want.n || every != want.every {
			t.Errorf("step(%v) = %d, %v, want %d, %v", rate, n, every, want.n, want.every)
		}
	}
}
