package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apier/apier"
)

type snapshotData struct {
	Channel string
	Seq     apier.Seq
	State   *struct {
		ID               string
		DeliveryAttempts int `json:"delivery_attempts"`
	}
}

func (c *client) expectSnapshot() snapshotData {
	c.t.Helper()
	a := c.expect(apier.FrameSnapshot)
	var d snapshotData
	if err := json.Unmarshal(a.Data, &d); err != nil {
		c.t.Fatal(err)
	}
	if a.Seq != 0 {
		c.t.Errorf("a snapshot is no position in the stream: %d", a.Seq)
	}
	return d
}

func TestSubscribersAreToldTheStateFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	b.store.counts = true
	seq := b.store.create("evt_1")
	b.store.commit("t2", apier.Created, "evt_2", "a.b", `{}`)
	c := b.dial(t, "token=good&v=1&channels=")
	c.expect(apier.FrameSession)
	c.say(`{"type":"subscribe","id":"s","data":{"channels":["metrics","event:evt_1","event:evt_2","event:*","events"]}}`)
	c.expect(apier.FrameMetricsUpdate)
	c.expect(apier.FrameSubscribe)
	if d := c.expectSnapshot(); d.Channel != "event:evt_1" || d.Seq != seq || d.State == nil || d.State.ID != "evt_1" {
		t.Errorf("got %+v", d)
	}
	if a := c.expect(apier.FrameSubscribe); a.ID != "s" || a.Channel != "event:evt_1" {
		t.Errorf("got %+v", a)
	}
	if d := c.expectSnapshot(); d.State != nil {
		t.Errorf("an event of another tenant: %+v", d)
	}
	for range 3 { // event:evt_2, event:* and events, which have no state of one thing
		c.expect(apier.FrameSubscribe)
	}
	c.say(`{"type":"subscribe","data":{"channel":"event:evt_1"}}`) // again: for whoever wants it anew
	c.expectSnapshot()
	c.expect(apier.FrameSubscribe)

	first := b.dial(t, "token=good&v=1&channels=event:evt_1,metrics")
	first.expect(apier.FrameSession)
	first.expect(apier.FrameMetricsUpdate)
	if d := first.expectSnapshot(); d.State == nil {
		t.Errorf("got %+v", d)
	}
	plain := b.dial(t, "token=good&channels=")
	plain.say(`{"type":"subscribe","data":{"channels":["metrics","event:evt_1"]}}`)
	plain.expect(apier.FrameSubscribe)
	plain.expect(apier.FrameSubscribe)
}

func TestAResumedConnectionIsNotToldTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	seq := b.store.create("evt_1")
	c := b.dial(t, "token=good&v=1&channels=event:evt_1")
	var s apier.Session
	_ = json.Unmarshal(c.expect(apier.FrameSession).Data, &s)
	c.expectSnapshot()
	b.store.commit("t1", apier.Updated, "evt_1", "a.b", `{}`)
	again := b.dial(t, fmt.Sprintf("token=good&v=1&channels=event:evt_1&session=%s&after=%d", s.Session, seq))
	again.expect(apier.FrameSession)
	again.expect(apier.FrameEventUpdate)
	again.sync()
}

// Changes are committed while the snapshot is on its way: those that are in it do not come again, the others
// come behind it, and none is missing.
func TestSnapshotAndStreamAreJoinedExactly(t *testing.T) {
	t.Parallel()
	c, at := subscribeMeanwhile(t, "events:other.*")
	if d := c.expectSnapshot(); d.Seq != at.inIt {
		t.Errorf("snapshot at %d, want %d", d.Seq, at.inIt)
	}
	c.expect(apier.FrameSubscribe)
	if got := c.collect(1); got[0].Seq != at.after || got[0].Channel != "event:evt_1" {
		t.Errorf("got %+v", got)
	}
	c.sync() // and nothing else
}

// A change that a snapshot holds is a change to those who follow events, too, and look at no snapshot.
func TestASnapshotTakesNothingFromOtherChannels(t *testing.T) {
	t.Parallel()
	for _, other := range []string{"events", "events:a.*", "event:*"} {
		c, at := subscribeMeanwhile(t, other)
		c.expectSnapshot()
		c.expect(apier.FrameSubscribe)
		if got := c.collect(2); got[0].Seq != at.inIt || got[1].Seq != at.after {
			t.Errorf("%s: got %+v", other, got)
		}
		c.sync()
	}
}

// seqs are those of two changes: one behind the registration, so that it is in the snapshot, one behind the look at
// the store.
type seqs struct{ inIt, after apier.Seq }

// subscribeMeanwhile subscribes a client of another channel to an event that changes twice meanwhile.
func subscribeMeanwhile(t *testing.T, other string) (*client, *seqs) {
	t.Helper()
	b, at := newBench(t, Options{}), &seqs{}
	b.store.create("evt_1")
	c := b.dial(t, "token=good&v=1&channels="+other)
	c.expect(apier.FrameSession)
	b.store.before = func() { at.inIt = b.store.commit("t1", apier.Updated, "evt_1", "a.b", `{}`) }
	b.store.meanwhile = func() { at.after = b.store.commit("t1", apier.Updated, "evt_1", "a.b", `{}`) }
	c.say(`{"type":"subscribe","data":{"channel":"event:evt_1"}}`)
	return c, at
}

// Metrics that are published while others are read are the newer ones, and come last.
func TestMetricsAreJoinedToo(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c := b.dial(t, "token=good&v=1&channels=")
	c.expect(apier.FrameSession)
	var others []*client
	for range b.g.shards { // one of them is visited behind c, in the same pass
		o := b.dial(t, "token=good&channels=metrics")
		o.sync()
		others = append(others, o)
	}
	counted, give := make(chan struct{}), make(chan struct{})
	b.store.mu.Lock()
	b.store.counts = true
	b.store.counting = func() { close(counted); <-give }
	b.store.mu.Unlock()
	c.say(`{"type":"subscribe","data":{"channel":"metrics"}}`)
	<-counted
	b.g.hub.PublishMetrics("t1", apier.Metrics{Total: 99}, apier.TimestampOf(time.Now()))
	for _, o := range others {
		o.expect(apier.FrameMetricsUpdate)
	}
	close(give)
	c.say(`{"type":"ping"}`)
	var last apier.Metrics
	for a := c.hear(); a.Type != string(apier.FramePong); a = c.hear() {
		if a.Type == string(apier.FrameMetricsUpdate) {
			_ = json.Unmarshal(a.Data, &last)
		}
	}
	if last.Total != 99 {
		t.Errorf("the last metrics are %+v", last)
	}
}

// Rates and what has outlived its retention change without a change: who comes later is not told old numbers.
func TestMetricsAreNotOld(t *testing.T) {
	t.Parallel()
	var hours atomic.Int64
	b := newBench(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(hours.Load()) * time.Hour) }})
	b.store.counts = true
	b.store.create("evt_1")
	total := func() int64 {
		c := b.dial(t, "token=good&v=1&channels=metrics")
		c.expect(apier.FrameSession)
		var m apier.Metrics
		_ = json.Unmarshal(c.expect(apier.FrameMetricsUpdate).Data, &m)
		return m.Total
	}
	if n := total(); n != 1 {
		t.Errorf("the first is told of %d", n)
	}
	b.store.mu.Lock()
	clear(b.store.latest)
	b.store.mu.Unlock()
	hours.Store(1)
	if n := total(); n != 0 {
		t.Errorf("an hour later, one is told of %d", n)
	}
	b.store.fail(errors.New("disk on fire"))
	hours.Store(2)
	if n := total(); n != 0 { // the latest there are
		t.Errorf("without a store, one is told of %d", n)
	}
}

func TestASnapshotThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c := b.dial(t, "token=good&v=1&channels=")
	c.expect(apier.FrameSession)
	b.store.fail(fmt.Errorf("disk on fire"))
	c.say(`{"type":"subscribe","data":{"channel":"event:evt_1"}}`)
	c.expectClose(apier.CloseTryAgainLater)
}
