package gateway

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/apier/apier"
)

func who(b *bench, tenant apier.TenantID) []apier.Connection {
	all, _ := b.g.Who(tenant, apier.ConnectionFilter{Limit: 100})
	return all
}

func TestConnectionsByPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for _, token := range []string{"good", "other", "good", "foreign", "good"} {
		b.dial(t, "token="+token).sync()
	}
	all := who(b, "t1")
	for _, c := range []struct {
		filter apier.ConnectionFilter
		page   []apier.Connection
		total  int
	}{
		{apier.ConnectionFilter{Limit: 2}, all[:2], 4},
		{apier.ConnectionFilter{Limit: 2, StartingAfter: all[1].ID}, all[2:], 4},
		{apier.ConnectionFilter{Limit: 2, StartingAfter: all[3].ID}, nil, 4},
		{apier.ConnectionFilter{Limit: 9, StartingAfter: "conn_0"}, all, 4},
		{apier.ConnectionFilter{Limit: 9, User: "u2"}, all[1:2], 1},
		{apier.ConnectionFilter{Limit: 9, User: "nobody"}, nil, 0},
	} {
		page, total := b.g.Who("t1", c.filter)
		same := slices.EqualFunc(page, c.page, func(a, b apier.Connection) bool { return a.ID == b.ID })
		if !same || total != c.total {
			t.Errorf("%+v gives %d of %d: %+v", c.filter, len(page), total, page)
		}
	}
}

// An id tells a time, and not how many connections came before: those of all tenants come to one process.
func TestConnectionIDsTellNoNumber(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for range 3 {
		b.dial(t, "token=good").sync()
	}
	all := who(b, "t1")
	for i, c := range all {
		digits, ok := strings.CutPrefix(c.ID, "conn_")
		if _, isEvent := apier.ParseEventID("evt_" + digits); !ok || !isEvent || i > 0 && c.ID <= all[i-1].ID {
			t.Errorf("%d: the id is %s", i, c.ID)
		}
	}
}

func TestWhoIsConnected(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{PingAfter: time.Nanosecond, SweepEvery: 5 * time.Millisecond})
	long := strings.Repeat("browser ", 40)
	one := b.dial(t, "v=1&token=good&channels=events", "User-Agent: "+long)
	one.expect(apier.FrameSession)
	two := b.dial(t, "token=other")
	two.sync()
	b.dial(t, "token=foreign").sync()
	b.store.create("evt_1")
	one.expect(apier.FrameEventCreated)
	all := who(b, "t1")
	if len(all) != 2 || all[0].User != "u1" || all[1].User != "u2" || len(who(b, "t2")) != 1 || len(who(b, "t3")) != 0 {
		t.Fatalf("connected are %+v", all)
	}
	c := all[0]
	if c.Dialect != "v1" || all[1].Dialect != "plain" || !slices.Equal(c.Subscriptions, []string{"events"}) || c.Client != long[:apier.MaxClientName] ||
		c.Seq != 1 || c.Lag != 0 || c.SentFrames < 2 || c.SentBytes == 0 || c.QueueBytes != 0 || c.Address != "127.0.0.1" || c.ConnectedAt == 0 {
		t.Errorf("connection is %+v", c)
	}
	one.awaitPing()
	for deadline := time.Now().Add(patience); who(b, "t1")[0].RTTMS == nil; {
		if time.Now().After(deadline) {
			t.Fatal("a pong tells no round trip")
		}
		one.sync()
	}

	for _, id := range []string{"conn_", "conn_x", "conn_999", strings.TrimPrefix(c.ID, "conn_"), who(b, "t2")[0].ID} {
		if b.g.Disconnect("t1", id, "kicked") {
			t.Errorf("%q of nobody here was disconnected", id)
		}
	}
	if !b.g.Disconnect("t1", c.ID, "kicked") {
		t.Fatal("not found")
	}
	if reason := one.expectClose(apier.CloseForbidden); reason != "kicked" {
		t.Errorf("reason %q", reason)
	}
	two.sync() // is none the wiser
}

// awaitPing reads until the server pings, and answers.
func (c *client) awaitPing() {
	c.t.Helper()
	for {
		f, err := c.frame()
		if err != nil {
			c.t.Fatal(err)
		}
		if f.Header.OpCode == ws.OpPing {
			c.write(ws.NewPongFrame(f.Payload))
			return
		}
	}
}

// figure gives the value of a metric, of all its labels together; of a histogram the number of samples.
func (b *bench) figure(t *testing.T, name string, labels ...string) (sum float64) {
	t.Helper()
	return b.gather(t, name, labels, func(m *dto.Metric) float64 {
		return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	})
}

// sum is of all that a histogram was told.
func (b *bench) sum(t *testing.T, name string) float64 {
	t.Helper()
	return b.gather(t, name, nil, func(m *dto.Metric) float64 { return m.GetHistogram().GetSampleSum() })
}

func (b *bench) gather(t *testing.T, name string, labels []string, value func(*dto.Metric) float64) (sum float64) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(b.g)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if has(m, labels) {
				found = true
				sum += value(m)
			}
		}
	}
	if !found {
		return -1
	}
	return sum
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == labels[i] && l.GetValue() == labels[i+1] }) {
			return false
		}
	}
	return true
}

func TestFigures(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	one := b.dial(t, "v=1&token=good")
	one.expect(apier.FrameSession)
	plain := b.dial(t, "token=other")
	b.tryDial(t, "token=wrong")
	late := b.dial(t, "auth=message")
	late.say(`{"type":"auth","data":{"token":"wrong"}}`)
	late.expectClose(apier.CloseUnauthorized)
	b.store.create("evt_1")
	one.expect(apier.FrameEventCreated)
	plain.expect(apier.FrameEventCreated)
	plain.sync()
	for _, want := range []struct {
		name   string
		labels []string
		value  float64
	}{
		{"apier_ws_connections", []string{"dialect", "v1"}, 1},
		{"apier_ws_connections", []string{"dialect", "plain"}, 1},
		{"apier_ws_frames_total", []string{"direction", "sent"}, 4}, // session, twice the event, pong
		{"apier_ws_frames_total", []string{"direction", "received"}, 1},
		{"apier_ws_refused_total", []string{"reason", "unauthorized"}, 2},
		{"apier_ws_queue_bytes", nil, 0},
		{"apier_ws_conflated_total", nil, 0},
		{"apier_ws_resyncs_total", nil, 0},
	} {
		if got := b.figure(t, want.name, want.labels...); got != want.value {
			t.Errorf("%s%v is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	b.until(t, "a pass is measured", func() bool { return b.figure(t, "apier_ws_fanout_seconds") > 0 })
	sent := b.figure(t, "apier_ws_bytes_total", "direction", "sent")
	one.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	b.until(t, "the end is counted", func() bool { return b.figure(t, "apier_ws_closed_total", "code", "1000") == 1 })
	if after := b.figure(t, "apier_ws_bytes_total", "direction", "sent"); after < sent {
		t.Errorf("a counter went back from %v to %v", sent, after)
	}

	back := b.dial(t, "v=1&token=good&session=s_old&after=0")
	back.expect(apier.FrameSession)
	back.expect(apier.FrameResync)
	if got := b.figure(t, "apier_ws_resyncs_total"); got != 1 {
		t.Errorf("%v resyncs", got)
	}
}

// A commit that nobody reads is not written, and so not late when somebody comes.
// Prometheus takes a counter that goes back for a restart.
func TestCountersStandWhileConnectionsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	var clients []*client
	for range 200 {
		c := b.dial(t, "v=1&token=good")
		c.expect(apier.FrameSession)
		clients = append(clients, c)
	}
	go func() {
		for _, c := range clients {
			_ = c.conn.Close()
		}
	}()
	for latest, left := 0.0, true; left; {
		left = b.g.Connections() > 0
		sent := b.figure(t, "apier_ws_frames_total", "direction", "sent")
		if sent < latest {
			t.Fatalf("a counter went back from %v to %v", latest, sent)
		}
		latest = sent
	}
}

func TestTheFanoutIsOfWhatIsRead(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	change := apier.EventChange("t1", apier.Created, apier.Event{ID: "evt_1", Type: "a.b", Source: "test", Payload: []byte(`{}`), Seq: 1})
	b.g.Publish(commitsOf(change), time.Now().Add(-time.Hour))
	c := b.dial(t, "token=good")
	c.sync()
	change.Seq = 2
	b.g.Publish(commitsOf(change), time.Now())
	c.expect(apier.FrameEventCreated)
	b.until(t, "a pass is measured", func() bool { return b.figure(t, "apier_ws_fanout_seconds") > 0 })
	if sum := b.sum(t, "apier_ws_fanout_seconds"); sum > time.Minute.Seconds() {
		t.Errorf("what took no time is measured as %v s", sum)
	}
}

// However many codes clients think up, there are few to count by.
func TestCodesOfClientsAreCountedTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	for _, code := range []ws.StatusCode{3000, 3999, 4000, 4099, 4444, 17} {
		c := b.dial(t, "token=good")
		c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
	}
	b.until(t, "all ends are counted", func() bool { return b.figure(t, "apier_ws_closed_total", "code", "other") == 6 })
}

func (b *bench) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}
