package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/apier/apier"
)

// modelServer is what a server holds for one connection, and what it has not read yet.
type modelServer struct {
	held  map[string]bool
	read  int // frames of the wire that were handled
	limit int
}

// TestWhatIsHeldIsWhatIsWanted churns subscriptions while requests are refused and connections are lost, in any order.
// In the end requested, confirmed and what the server holds are the same; over the limit, as many as it allows.
func TestWhatIsHeldIsWhatIsWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newFakeWorld(&scriptOptions{})
		settings := defaultSettings()
		settings.maxAttempts, settings.connectTimeout, settings.heartbeatInterval = Forever, 1<<40, 0
		c := newCore(w, settings, []string{"events"})
		w.core = c
		server := &modelServer{limit: rapid.IntRange(3, 12).Draw(t, "limit")}
		names := []string{"events", "metrics", "no such", "event:long" + strings.Repeat("x", 200)}
		for i := range 10 {
			names = append(names, fmt.Sprintf("event:%d", i))
		}
		wanted := map[string]bool{"events": true}
		c.connect()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2:
				c.subscribe(name)
				wanted[name] = true
			case 3, 4:
				c.unsubscribe(name)
				delete(wanted, name)
			case 5:
				w.settleDown()
			case 6, 7:
				server.step(w, rapid.SampledFrom([]string{"", "", "rate_limited", "unavailable"}).Draw(t, "refusal"))
			case 8:
				w.advanceTo(w.elapsed + int64(rapid.IntRange(0, 3000).Draw(t, "ms")))
			case 9:
				server.lose(w)
			}
			if c.status().State != Connected && c.machine.link == linkDialling {
				server.greet(w)
			}
		}
		server.finish(w)
		confirmed := map[string]bool{}
		for name := range c.channels.held {
			confirmed[name] = true
		}
		if len(c.channels.asked) > 0 || len(c.channels.left) > 0 || len(c.channels.before) > len(names) {
			t.Fatalf("%v are unanswered, %v left", c.channels.asked, c.channels.left)
		}
		if !sameSet(confirmed, server.held) {
			t.Fatalf("confirmed are %v, the server holds %v", confirmed, server.held)
		}
		for name := range server.held {
			if !wanted[name] {
				t.Fatalf("the server holds %s, which nobody wants", name)
			}
		}
		for name := range wanted {
			if !server.held[name] && c.channels.refused[name] == nil {
				t.Fatalf("%s is wanted, and neither held nor refused", name)
			}
		}
		delete(wanted, "no such")
		delete(wanted, names[3])
		if len(server.held) != min(len(wanted), server.limit) {
			t.Fatalf("%d are held of %d, with a limit of %d", len(server.held), len(wanted), server.limit)
		}
	})
}

func sameSet(a, b map[string]bool) bool {
	return len(a) == len(b) && !slices.ContainsFunc(keys(a), func(name string) bool { return !b[name] })
}

func keys(set map[string]bool) (all []string) {
	for name := range set {
		all = append(all, name)
	}
	return all
}

// greet opens the attempt under way: the server holds what the address, or the resume frame, names.
func (s *modelServer) greet(w *fakeWorld) {
	l := w.last().link
	w.core.opened(l)
	s.read, s.held = len(w.last().sent), map[string]bool{}
	channels, _ := w.last().asked["channels"].([]string)
	for _, name := range channels {
		if len(s.held) < s.limit {
			s.held[name] = true
		}
	}
	session, _ := json.Marshal(map[string]any{"type": "session", "data": map[string]any{
		"session": "s", "seq": 1, "resumed": true, "channels": append([]string{}, keys(s.held)...),
	}})
	w.core.received(l, session)
}

func (s *modelServer) lose(w *fakeWorld) {
	if w.core.machine.link == linkReady {
		w.core.closed(w.last().link, 1006, "", nil)
	}
	w.advanceTo(w.elapsed + 40_000)
}

// step answers the frames that came since, each with a refusal where one is given.
func (s *modelServer) step(w *fakeWorld, refusal string) {
	w.settleDown()
	wire := w.last()
	for w.core.link == wire.link && s.read < len(wire.sent) {
		var f struct {
			Type, ID string
			Data     struct {
				Channel  string
				Channels []string
			}
		}
		_ = json.Unmarshal(wire.sent[s.read], &f)
		s.read++
		names := f.Data.Channels
		if f.Data.Channel != "" {
			names = []string{f.Data.Channel}
		}
		if refusal != "" {
			s.say(w, map[string]any{"type": "error", "id": f.ID, "error": "-", "code": refusal, "data": map[string]any{"request": f.Type, "channels": names}})
			continue
		}
		for _, name := range names {
			_, problem := apier.ParseChannel(name)
			switch {
			case problem != nil:
				s.say(w, map[string]any{"type": "error", "id": f.ID, "error": "-", "code": "invalid_channel", "channel": name, "data": map[string]any{"channels": []string{name}}})
				continue
			case f.Type == "unsubscribe":
				delete(s.held, name)
			case len(s.held) >= s.limit && !s.held[name]:
				s.say(w, map[string]any{"type": "error", "id": f.ID, "error": "-", "code": "too_many_subscriptions", "data": map[string]any{"channels": []string{name}}})
				continue
			case f.Type == "subscribe":
				s.held[name] = true
			}
			s.say(w, map[string]any{"type": f.Type, "id": f.ID, "data": map[string]any{"channel": name, "status": f.Type + "d"}})
		}
	}
}

func (s *modelServer) say(w *fakeWorld, frame map[string]any) {
	text, _ := json.Marshal(frame)
	w.core.received(w.last().link, text)
}

// finish has the connection mended, and everything answered.
func (s *modelServer) finish(w *fakeWorld) {
	for range 20 {
		if w.core.machine.link == linkDialling {
			s.greet(w)
		}
		s.step(w, "")
		w.settleDown()
		w.advanceTo(w.elapsed + 40_000)
		s.step(w, "")
	}
}
