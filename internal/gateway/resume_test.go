package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

// refused is the data of an error frame in v1.
type refused struct {
	Request    string   `json:"request"`
	Channels   []string `json:"channels"`
	RetryAfter int64    `json:"retry_after_ms"`
}

func (a answer) refused(t *testing.T) (r refused) {
	t.Helper()
	if err := json.Unmarshal(a.Data, &r); err != nil {
		t.Fatalf("%v: %s", err, a.Data)
	}
	return r
}

// An error names what it is about, in v1 alone: the plain dialect keeps its shape (C1).
func TestAnErrorNamesTheChannelInV1(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MaxSubscriptions: 2})
	for _, query := range []string{"token=orders&channels=", "v=1&token=orders&channels="} {
		c := b.dial(t, query)
		v1 := strings.HasPrefix(query, "v=1")
		if v1 {
			c.expect(apier.FrameSession)
		}
		c.say(`{"type":"subscribe","id":"s","data":{"channels":["metrics","events:order.a","no such","events:order.b","events:order.c"]}}`)
		var errors []answer
		for len(errors) < 3 {
			if a := c.hear(); a.Type == "error" {
				errors = append(errors, a)
			}
		}
		for i, want := range []struct{ code, channel string }{
			{"invalid_channel", "no such"}, {"forbidden", "metrics"}, {"too_many_subscriptions", "events:order.c"},
		} {
			a := errors[i]
			if a.Code != want.code || a.ID != "s" {
				t.Errorf("%s: error %d is %+v, want %v", query, i, a, want)
			}
			if !v1 && (a.Channel != "" || a.Data != nil) {
				t.Errorf("the plain dialect has %q and %s", a.Channel, a.Data)
			}
			if v1 && (a.Channel != want.channel || fmt.Sprint(a.refused(t)) != fmt.Sprint(refused{"subscribe", []string{want.channel}, 0})) {
				t.Errorf("error %d names %q and %s, want %v", i, a.Channel, a.Data, want)
			}
		}
	}
}

// What is over the rate is refused with the channels of the frame and a wait; then it can be had (C1).
func TestAFrameOverTheRateNamesItsChannelsAndAWait(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBench(t, Options{MessagesPerSec: 1, MessageBurst: 1, Now: func() time.Time { return now }})
	c := b.dial(t, "v=1&token=good&channels=")
	c.expect(apier.FrameSession)
	c.say(`{"type":"ping"}`)
	c.expect(apier.FramePong)
	for _, verb := range []string{"subscribe", "unsubscribe", "auth"} {
		c.say(`{"type":"` + verb + `","id":"x","data":{"channels":["events","metrics"],"token":"good"}}`)
		a := c.expect(apier.FrameError)
		r := a.refused(t)
		if a.Code != "rate_limited" || a.ID != "x" || r.Request != verb || r.RetryAfter != 1000 {
			t.Errorf("%s is refused with %+v %+v", verb, a, r)
		}
		if verb != "auth" && strings.Join(r.Channels, ",") != "events,metrics" {
			t.Errorf("%s names %q", verb, r.Channels)
		}
	}
}

// The channels of an address that are over the limit are named, and so is the limit (C1).
func TestChannelsOfTheAddressOverTheLimitAreNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MaxSubscriptions: 1})
	c := b.dial(t, "v=1&token=good&channels=events:a,events:b,events:c")
	c.expect(apier.FrameSession)
	var told struct{ Error string }
	f, err := c.frame()
	if err != nil || json.Unmarshal(f.Payload, &told) != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(f.Payload), `"channels":["events:b","events:c"]`) || !strings.Contains(told.Error, "1 subscriptions") {
		t.Errorf("got %s", f.Payload)
	}
}

// 100 channels of 128 bytes and the place to go on from come as frames: nothing that changed meanwhile is lost (C3).
func TestResumeByFrame(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	var names []string
	for i := range 99 {
		names = append(names, fmt.Sprintf("events:%s%02d", strings.Repeat("x", apier.MaxChannelSize-9), i))
	}
	before := b.dial(t, "v=1&token=good&channels=events")
	var session struct{ Session string }
	if err := json.Unmarshal(before.expect(apier.FrameSession).Data, &session); err != nil {
		t.Fatal(err)
	}
	after := b.store.create("evt_1")
	before.expect(apier.FrameEventCreated)
	b.store.create("evt_2")

	first, _ := json.Marshal(map[string]any{"type": "resume", "data": map[string]any{"channels": names, "more": true}})
	last, _ := json.Marshal(map[string]any{"type": "resume", "data": map[string]any{
		"channels": []string{"events"}, "session": session.Session, "after": after,
	}})
	for _, query := range []string{"v=1&resume=message&token=good", "v=1&resume=message&auth=message"} {
		c := b.dial(t, query)
		if strings.Contains(query, "auth") {
			c.say(`{"type":"auth","data":{"token":"good"}}`)
		}
		c.write(ws.NewTextFrame(first), ws.NewTextFrame(last), ws.NewTextFrame([]byte(`{"type":"ping","id":"p"}`)))
		var got struct {
			Resumed  bool
			Channels []string
		}
		if err := json.Unmarshal(c.expect(apier.FrameSession).Data, &got); err != nil || !got.Resumed || len(got.Channels) != 100 {
			t.Fatalf("%s: resumed %v with %d channels, %v", query, got.Resumed, len(got.Channels), err)
		}
		seen := map[string]bool{}
		for !seen["event_created"] || !seen["pong"] {
			for _, a := range c.envelopes() {
				seen[a.Type] = true
			}
		}
	}
}

func TestWithoutItsResumeFrameAConnectionDoesNotBegin(t *testing.T) {
	t.Parallel()
	patient, b := newBench(t, Options{AuthTimeout: time.Hour}), newBench(t, Options{AuthTimeout: 50 * time.Millisecond})
	if reason := b.dial(t, "v=1&resume=message&token=good").expectClose(apier.CloseTimeout); reason != "resume_timeout" {
		t.Errorf("reason %q", reason)
	}
	for _, text := range []string{`{"type":"ping"}`, `{"type":"resume","data":{"after":-1}}`, `hello`} {
		c := patient.dial(t, "v=1&resume=message&token=good")
		c.say(text)
		if reason := c.expectClose(4400); reason != "resume_expected" {
			t.Errorf("%s: reason %q", text, reason)
		}
	}
	c := b.dial(t, "v=1&token=good&channels=")
	c.expect(apier.FrameSession)
	c.say(`{"type":"resume","id":"late","data":{}}`)
	if a := c.expect(apier.FrameError); a.Code != "invalid" || a.ID != "late" {
		t.Errorf("a late resume gets %+v", a)
	}
}

// A token that may not stand in a subprotocol comes encoded; the plain dialect has a subprotocol of its own (C7).
func TestSubprotocols(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	b.auth.set("a/b= c", "t1", "u9", "events")
	c, res := b.tryDial(t, "v=1", "Sec-WebSocket-Protocol: apier.v1, bearer64.YS9iPSBj")
	if c == nil || res.Header.Get("Sec-WebSocket-Protocol") != "apier.v1" {
		t.Fatalf("refused with %d, %v", res.StatusCode, res.Header)
	}
	c.expect(apier.FrameSession)
	plain, res := b.tryDial(t, "", "Sec-WebSocket-Protocol: apier.plain, bearer.good")
	if plain == nil || res.Header.Get("Sec-WebSocket-Protocol") != "apier.plain" {
		t.Fatalf("refused with %d, %v", res.StatusCode, res.Header)
	}
	plain.say(`{"type":"ping"}`)
	plain.expect(apier.FramePong) // and no session before it
	if c, res := b.tryDial(t, "v=1", "Sec-WebSocket-Protocol: apier.v1, bearer64.%%%"); c != nil || res.StatusCode != 401 {
		t.Errorf("what cannot be decoded gets %d", res.StatusCode)
	}
}
