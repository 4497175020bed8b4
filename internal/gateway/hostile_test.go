package gateway

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
)

// hostile is a client that means harm: it begins, and goes on for as long as others are served.
type hostile struct {
	begin func(t *testing.T, b *bench) []*client
	next  func(c *client) // once for each event that the bystander gets; nil: nothing
}

func hostiles() map[string]hostile {
	dial := func(n int, query string, headers ...string) func(*testing.T, *bench) []*client {
		return func(t *testing.T, b *bench) []*client {
			t.Helper()
			var all []*client
			for range n {
				c := b.dial(t, query, headers...)
				c.narrow()
				all = append(all, c)
			}
			return all
		}
	}
	write := func(text string) func(*client) {
		return func(c *client) { _, _ = io.WriteString(c.conn, text) } // it may be ended already
	}
	frame := string(frameOf(finBit|1, `{"type":"ping"}`))
	return map[string]hostile{
		"never reads":                     {begin: dial(3, "token=good&v=1")},
		"reads a byte at a time":          {begin: dial(3, "token=good"), next: func(c *client) { _, _ = c.r.ReadByte() }},
		"sends half a header":             {begin: dial(20, "token=good&channels="), next: nil},
		"sends a byte at a time":          {begin: dial(3, "token=good&channels="), next: write("\x81")},
		"floods with pings":               {begin: dial(3, "token=good&channels="), next: write(strings.Repeat(string(frameOf(finBit|9, "x")), 200))},
		"floods with messages":            {begin: dial(3, "token=good&channels="), next: write(strings.Repeat(frame, 200))},
		"floods with nonsense":            {begin: dial(3, "token=good&channels="), next: write(strings.Repeat("\xff\x00", 2000))},
		"floods and never reads":          {begin: dial(3, "token=good&v=1"), next: write(strings.Repeat(frame, 200))},
		"comes and goes":                  {begin: dial(1, "token=good&v=1"), next: func(c *client) { c.conn.Close() }},
		"opens many, says nothing":        {begin: dial(300, "token=good")},
		"says not who it is":              {begin: dial(100, "auth=message")},
		"floods before it says who it is": {begin: dial(10, "auth=message"), next: write(strings.Repeat(string(frameOf(finBit|9, "x")), 200))},
		"subscribes again and again": {
			begin: dial(3, "token=good&v=1&channels="),
			next: write(string(frameOf(finBit|1, `{"type":"subscribe","data":{"channels":["event:evt_1","metrics","events"]}}`)) +
				string(frameOf(finBit|1, `{"type":"unsubscribe","data":{"channels":["event:evt_1","metrics","events"]}}`))),
		},
		"sends bombs": {begin: dial(2, "token=good&channels=", offerDeflate), next: write(string(frameOf(finBit|0x40|1, packed(strings.Repeat(" ", 100_000)))))},
		"half an upgrade": {begin: func(t *testing.T, b *bench) []*client {
			t.Helper()
			for range 50 {
				nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { nc.Close() })
				_, _ = io.WriteString(nc, "GET /ws?token=good HTTP/1.1\r\nHost: x\r\nUpgr")
			}
			return nil
		}},
	}
}

// Whatever a hostile client does, a bystander is sent every event, in order, once each, and its pings are answered.
func TestAHostileClientCostsOthersNothing(t *testing.T) {
	t.Parallel()
	for name, h := range hostiles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, Options{Compression: true, MaxQueue: 64 << 10, WriteTimeout: time.Second, MessageBurst: 20, FloodTime: time.Minute})
			bystander := b.dial(t, "token=other&v=1&channels=events")
			bystander.expect(apier.FrameSession)
			all := h.begin(t, b)
			if name == "sends half a header" {
				for _, c := range all {
					_, _ = io.WriteString(c.conn, "\x81\xfe\x40")
				}
			}
			const rounds, each = 30, 10
			payload := fmt.Sprintf(`{"x":%q}`, strings.Repeat("y", 2000))
			last := apier.Seq(0)
			for range rounds {
				for range each {
					b.store.commit("t1", apier.Created, fmt.Sprint("evt_", last), "a.b", payload)
				}
				for _, a := range bystander.collect(each) {
					if last++; a.Seq != last {
						t.Fatalf("the bystander got %d, want %d", a.Seq, last)
					}
				}
				if h.next != nil {
					for _, c := range all {
						_ = c.conn.SetDeadline(time.Now().Add(100 * time.Millisecond)) // it waits for nobody
						h.next(c)
					}
				}
			}
			bystander.sync()
		})
	}
}

// The ladder of a slow reader, as its client sees it: at once, then late but whole, then the newest state of each event
// alone, then the word that state was skipped; and at each step it can come back up.
func TestTheLadderOfASlowReader(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MaxQueue: 256 << 10, CatchUpPage: 10})
	c := b.dial(t, "token=good&v=1&channels=events,event:evt_3")
	c.expect(apier.FrameSession)
	c.expect(apier.FrameSnapshot)
	c.sync()
	if seq := b.store.create("evt_0"); c.expect(apier.FrameEventCreated).Seq != seq {
		t.Error("an event did not come at once")
	}
	payload := fmt.Sprintf(`{"x":%q}`, strings.Repeat("y", 3000))

	// Within the log it is late, and nothing is left out.
	for i := range 40 {
		b.store.commit("t1", apier.Created, fmt.Sprint("evt_", i%4), "a.b", payload)
	}
	for i, a := range c.collect(40) {
		if a.Seq != apier.Seq(i+2) {
			t.Fatalf("envelope %d has seq %d", i, a.Seq)
		}
	}

	// Off the end of the log it gets the newest of each event, in order.
	const many = 5000 // some 15 MB, more than the sockets' buffers hold
	for i := range many {
		b.store.commit("t1", apier.Created, fmt.Sprint("evt_", i%20), "a.b", payload)
	}
	end, count, last := b.store.create("evt_end"), 0, apier.Seq(41)
	for last < end {
		for _, a := range c.envelopes() {
			if a.Type != "event_created" && a.Type != "event_update" || a.Seq <= last {
				t.Fatalf("%s %d after %d", a.Type, a.Seq, last)
			}
			last = a.Seq
			count++
		}
	}
	if count >= many {
		t.Errorf("%d envelopes for %d changes: nothing was conflated", count, many)
	}
	c.sync()

	// What the store cannot tell any more is said to be missing.
	b.store.forget()
	for i := range many {
		b.store.commit("t1", apier.Created, fmt.Sprint("evt_", i%20), "a.b", payload)
	}
	skipped := map[string]bool{}
	for len(skipped) < 2 {
		for _, a := range c.envelopes() {
			if a.Type == string(apier.FrameResync) {
				skipped[string(a.Data)] = true
			}
		}
	}
	waitFor(t, b.caughtUp)
	after := b.store.create("evt_after")
	for last < after { // then it goes on: behind the word, what is new
		for _, a := range c.envelopes() {
			last = max(last, a.Seq)
		}
	}
	c.sync()
}

// caughtUp reports whether every connection stands at the head of the log.
func (b *bench) caughtUp() bool {
	for _, c := range b.g.snapshot() {
		c.mu.Lock()
		behind := c.writing || c.catchUp || c.cursor.Seq != c.log.Head().Seq
		c.mu.Unlock()
		if behind {
			return false
		}
	}
	return true
}
