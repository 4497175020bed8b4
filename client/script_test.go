package client

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/apier/apier"
)

type script struct {
	Name    string        `json:"name"`
	Options scriptOptions `json:"options"`
	Steps   []scriptStep  `json:"steps"`
}

type scriptOptions struct {
	Reconnect         *bool     `json:"reconnect"`
	MaxAttempts       *int      `json:"max_reconnect_attempts"`
	InitialDelay      *int64    `json:"initial_reconnect_delay_ms"`
	MaxDelay          *int64    `json:"max_reconnect_delay_ms"`
	Jitter            string    `json:"jitter"`
	HeartbeatInterval *int64    `json:"heartbeat_interval_ms"`
	HeartbeatTimeout  *int64    `json:"heartbeat_timeout_ms"`
	ConnectTimeout    *int64    `json:"connect_timeout_ms"`
	Channels          []string  `json:"channels"`
	Token             string    `json:"token"`
	Tokens            []*string `json:"tokens"`
	Random            float64   `json:"random"`
	Outbox            struct {
		Messages *int   `json:"max_messages"`
		Bytes    *int   `json:"max_bytes"`
		Age      *int64 `json:"max_age_ms"`
	} `json:"outbox"`
}

type scriptStep struct {
	At      *int64                     `json:"at_ms"`
	Do      string                     `json:"do"`
	Expect  map[string]json.RawMessage `json:"expect"`
	Channel string                     `json:"channel"`
	Names   []string                   `json:"channels"`
	Code    apier.CloseCode            `json:"code"`
	Reason  string                     `json:"reason"`
	Frame   json.RawMessage            `json:"frame"`
	Message *struct {
		Type apier.FrameType `json:"type"`
		ID   string          `json:"id"`
		Data json.RawMessage `json:"data"`
	} `json:"message"`
	MS    int64  `json:"ms"`
	Text  string `json:"text"`
	Token string `json:"token"`
}

func (o *scriptOptions) settings(t *testing.T) settings {
	s := defaultSettings()
	set(&s.reconnect, o.Reconnect)
	set(&s.maxAttempts, o.MaxAttempts)
	set(&s.initialDelay, o.InitialDelay)
	set(&s.maxDelay, o.MaxDelay)
	set(&s.heartbeatInterval, o.HeartbeatInterval)
	set(&s.heartbeatTimeout, o.HeartbeatTimeout)
	set(&s.connectTimeout, o.ConnectTimeout)
	set(&s.outbox.messages, o.Outbox.Messages)
	set(&s.outbox.bytes, o.Outbox.Bytes)
	set(&s.outbox.age, o.Outbox.Age)
	s.jitter = jitterNamed(t, o.Jitter)
	return s
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func runScript(t *testing.T, raw []byte) {
	s := strictly[script](t, raw)
	w := newFakeWorld(&s.Options)
	c := newCore(w, s.Options.settings(t), s.Options.Channels)
	c.token = s.Options.Token
	w.core = c
	for i, step := range s.Steps {
		w.beginStep()
		if step.At != nil {
			w.advanceTo(*step.At)
		}
		w.perform(t, &step)
		w.settleDown()
		for key, raw := range step.Expect {
			var want any
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if got := asJSON(t, w.observe(t, key, want)); !reflect.DeepEqual(got, want) {
				t.Fatalf("step %d (%s at %v): %s is %v, want %v", i, step.Do, w.elapsed, key, got, want)
			}
		}
	}
	c.disconnect()
	if w.timer != never {
		t.Errorf("a timer was left behind")
	}
}

// asJSON gives a value as encoding/json would read it back, so that both sides compare alike.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func (w *fakeWorld) perform(t *testing.T, s *scriptStep) {
	c := w.core
	switch s.Do {
	case "":
	case "connect":
		c.connect()
	case "disconnect":
		c.disconnect()
	case "reconnect":
		c.reconnect()
	case "token":
		c.setToken(s.Token)
	case "send":
		w.result = string(c.send(Message{Type: s.Message.Type, ID: s.Message.ID, Data: s.Message.Data}, nil))
	case "send_with_ack":
		id := s.Message.ID
		settle := func(d Outcome) { w.settled[id] = string(d) }
		if c.send(Message{Type: s.Message.Type, ID: id, Data: s.Message.Data}, settle) == Refused {
			settle(Dropped)
		}
	case "subscribe":
		for _, name := range s.names() {
			c.subscribe(name)
		}
	case "unsubscribe":
		for _, name := range s.names() {
			c.unsubscribe(name)
		}
	case "hidden":
		c.signal(Hidden)
	case "visible", "wake":
		c.signal(Wake)
	case "offline":
		c.signal(Offline)
	case "suspend":
		c.signal(Suspend)
	case "sleep":
		w.jumped += s.MS
	default:
		w.performServer(t, s)
	}
}

func (s *scriptStep) names() []string {
	if s.Names != nil {
		return s.Names
	}
	return []string{s.Channel}
}

func (w *fakeWorld) performServer(t *testing.T, s *scriptStep) {
	l := w.last().link
	switch s.Do {
	case "open":
		w.core.opened(l)
	case "frame":
		w.core.received(l, s.Frame)
	case "text":
		w.core.received(l, []byte(s.Text))
	case "close":
		w.core.closed(l, s.Code, s.Reason, nil)
	default:
		t.Fatalf("this side does not know how to do %q", s.Do)
	}
}

func (w *fakeWorld) observe(t *testing.T, key string, want any) any {
	status := w.core.status()
	switch key {
	case "state":
		return status.State
	case "attempt":
		return status.Attempt
	case "delay_ms":
		return status.Delay.Milliseconds()
	case "next_retry_in_ms":
		if status.NextRetryAt.IsZero() {
			return nil
		}
		return status.NextRetryAt.UnixMilli() - int64(w.now())
	case "error":
		if status.Err == nil {
			return nil
		}
		return status.Err.Kind
	case "resumed":
		if !status.HasSession {
			return nil
		}
		return status.Resumed
	case "dials":
		return len(w.wires)
	case "dial":
		return only(want, w.last().asked)
	case "sent":
		return w.sent()
	case "closed":
		return w.closedWith()
	case "calls":
		return w.calls
	case "result":
		return w.result
	case "settled":
		return w.settled
	case "stats":
		s := w.core.stats
		return map[string]int{"unknown": s.Unknown, "refused": s.Refused, "duplicates": s.Duplicates}
	case "channels":
		return w.subscriptions()
	case "quality":
		return only(want, w.quality())
	}
	t.Fatalf("this side does not know how to expect %q", key)
	return nil
}

func (w *fakeWorld) subscriptions() []map[string]any {
	var all []map[string]any
	for _, s := range w.core.channels.states() {
		one := map[string]any{"channel": s.Channel, "is_live": s.Live, "seq": nil}
		if s.Live {
			one["seq"] = s.Seq
		}
		all = append(all, one)
	}
	return all
}

func (w *fakeWorld) quality() map[string]any {
	q := w.core.meter.quality()
	shown := map[string]any{"level": nil, "rtt_ms": nil, "jitter_ms": nil, "missed_pongs": q.MissedPongs}
	if q.Level != "" {
		shown["level"] = q.Level
	}
	if q.Measured {
		shown["rtt_ms"], shown["jitter_ms"] = w.core.meter.rtt, w.core.meter.jitter
	}
	return shown
}

// only gives the keys of actual that want names.
func only(want any, actual map[string]any) map[string]any {
	named := map[string]any{}
	for key := range want.(map[string]any) {
		value, known := actual[key]
		if !known {
			value = "this side does not know " + key
		}
		named[key] = value
	}
	return named
}

func (w *fakeWorld) sent() []map[string]any {
	frames := []map[string]any{}
	for _, wire := range w.wires {
		for _, text := range wire.sent[wire.sentBefore:] {
			frame := map[string]any{}
			_ = json.Unmarshal(text, &frame)
			delete(frame, "timestamp")
			frames = append(frames, frame)
		}
	}
	return frames
}

func (w *fakeWorld) closedWith() []apier.CloseCode {
	codes := []apier.CloseCode{}
	for _, wire := range w.wires {
		codes = append(codes, wire.closed[wire.closedBefore:]...)
	}
	return slices.Clip(codes)
}
