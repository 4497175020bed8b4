package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/apier/apier"
)

// fakeWorld is a network and a clock that a test owns, of one goroutine. Its wires record what a client does.
type fakeWorld struct {
	core    *core
	elapsed int64   // since the beginning, milliseconds
	jumped  int64   // what the wall clock jumped besides
	timer   instant // when the tick is due, in elapsed; never: none
	options *scriptOptions
	tokens  []*string
	later   []func() // what happens once the step at hand is done
	wires   []*fakeWire

	calls   []string
	settled map[string]string
	result  string
}

type fakeWire struct {
	link         *link
	asked        map[string]any
	sent         [][]byte
	closed       []apier.CloseCode
	sentBefore   int
	closedBefore int
}

const fakeStart = 1_700_000_000_000

func newFakeWorld(o *scriptOptions) *fakeWorld {
	return &fakeWorld{timer: never, options: o, tokens: o.Tokens}
}

func (f *fakeWire) send(text []byte) bool {
	f.sent = append(f.sent, text)
	return true
}

func (f *fakeWire) close(code apier.CloseCode) { f.closed = append(f.closed, code) }

func (w *fakeWorld) now() instant    { return instant(fakeStart + w.elapsed + w.jumped) }
func (w *fakeWorld) random() float64 { return w.options.Random }

func (w *fakeWorld) arm(at instant) {
	w.timer = never
	if at != never {
		w.timer = instant(w.elapsed) + max(0, at-w.now())
	}
}

func (w *fakeWorld) dial(l *link, reason TokenReason) {
	wire := &fakeWire{link: l, asked: map[string]any{"session": nil, "after": nil, "channels": nil, "token": nil}}
	l.wire = wire
	w.wires = append(w.wires, wire)
	q, _ := url.ParseQuery(l.query)
	for _, name := range []string{"session", "after", "channels", "resume"} {
		wire.asked[name] = nil
		if !q.Has(name) {
			continue
		}
		wire.asked[name] = q.Get(name)
		switch name {
		case "after":
			wire.asked[name], _ = strconv.Atoi(q.Get(name))
		case "channels":
			wire.asked[name] = slices.DeleteFunc(strings.Split(q.Get(name), ","), func(s string) bool { return s == "" })
		}
	}
	wire.asked["reason"] = reason
	token, err := w.nextToken()
	if err != nil {
		w.later = append(w.later, func() { w.core.noToken(l, err) })
		return
	}
	l.renewal.inForce = token
	if token != "" {
		wire.asked["token"] = token
	}
}

func (w *fakeWorld) nextToken() (string, error) {
	if !w.hasTokenSource() {
		return w.core.token, nil
	}
	if len(w.tokens) == 0 {
		return "", errors.New("the script gives no more tokens")
	}
	token := w.tokens[0]
	w.tokens = w.tokens[1:]
	if token == nil {
		return "", errors.New("no token")
	}
	return *token, nil
}

func (w *fakeWorld) renewToken(l *link) {
	token, _ := w.nextToken()
	w.later = append(w.later, func() { w.core.tokenRenewed(l, token) })
}

func (w *fakeWorld) soon() { w.later = append(w.later, w.core.sync) }

func (w *fakeWorld) hasTokenSource() bool { return w.options.Tokens != nil }

func (w *fakeWorld) notify(n notice) {
	switch {
	case n.opened:
		w.calls = append(w.calls, "open")
	case n.closed:
		w.calls = append(w.calls, "close")
	case n.refused != nil:
		w.calls = append(w.calls, fmt.Sprintf("refused %s %s", n.refused.Channel, n.refused.Err.Code))
	case n.resync != "":
		w.calls = append(w.calls, fmt.Sprintf("resync %s", n.resync))
	case n.frame != nil:
		if call := callOf(n.frame); call != "" {
			w.calls = append(w.calls, call)
		}
	}
}

func callOf(f *Frame) string {
	switch data := f.decoded.(type) {
	case metricsData:
		return "metrics"
	case Change:
		if !data.IsEvent() {
			return ""
		}
		return map[apier.ChangeKind]string{apier.Created: "created ", apier.Updated: "updated ", apier.Deleted: "deleted "}[data.Kind] +
			string(data.Event.ID)
	}
	return ""
}

func (w *fakeWorld) last() *fakeWire { return w.wires[len(w.wires)-1] }

func (w *fakeWorld) beginStep() {
	w.calls, w.settled, w.result = []string{}, map[string]string{}, ""
	for _, wire := range w.wires {
		wire.sentBefore, wire.closedBefore = len(wire.sent), len(wire.closed)
	}
}

// advanceTo lets what falls due on the way happen, in order.
func (w *fakeWorld) advanceTo(at int64) {
	for w.timer <= instant(at) {
		w.elapsed = int64(w.timer)
		w.timer = never
		w.core.tick()
		w.settleDown()
	}
	w.elapsed = at
}

func (w *fakeWorld) settleDown() {
	for len(w.later) > 0 {
		first := w.later[0]
		w.later = w.later[1:]
		first()
	}
}
