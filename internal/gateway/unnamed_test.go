package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/apier/apier"
)

func TestATicketLetsInOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	b.dial(t, "ticket=Tgood&token=bad").sync()
	if c, res := b.tryDial(t, "ticket=Tgood"); c != nil || res.StatusCode != 401 {
		t.Errorf("a used ticket got %d", res.StatusCode)
	}
	if reason := b.dial(t, "v=1&ticket=Tgood", "Origin: http://"+b.addr).expectClose(apier.CloseUnauthorized); reason != "unauthorized" {
		t.Errorf("reason %q", reason)
	}
}

func TestTheCredentialAsFirstMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	plain := b.dial(t, "auth=message")
	plain.write(ws.NewPingFrame([]byte("x")), ws.NewPongFrame(nil)) // nobody answers yet
	plain.say(`{"type":"auth","id":"a1","data":{"token":"good"}}`)
	if a := plain.expect(apier.FrameAuth); a.ID != "a1" || !strings.Contains(string(a.Data), `"ok"`) {
		t.Errorf("got %+v", a)
	}
	plain.sync()
	b.store.create("evt_1")
	plain.expect(apier.FrameEventCreated)

	v1 := b.dial(t, "v=1&auth=message&channels=events")
	v1.say(`{"type":"auth","data":{"token":"good"}}`)
	v1.expect(apier.FrameSession)
	v1.expect(apier.FrameAuth)
	v1.sync()

	b.dial(t, "auth=message&token=good").sync() // a credential that is there already is enough
}

// What came together with the credential is handled, in order, once the client is known.
func TestWhatFollowsTheCredential(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	c := b.dial(t, "auth=message&channels=")
	c.write(ws.NewTextFrame([]byte(`{"type":"auth","data":{"token":"good"}}`)),
		ws.NewTextFrame([]byte(`{"type":"subscribe","data":{"channel":"events"}}`)))
	c.expect(apier.FrameAuth)
	c.expect(apier.FrameSubscribe)
}

func TestWithoutACredentialNothingIsHandled(t *testing.T) {
	t.Parallel()
	patient, b := newBench(t, Options{AuthTimeout: time.Hour}), newBench(t, Options{AuthTimeout: 50 * time.Millisecond})
	for name, tc := range map[string]struct {
		say    string
		code   apier.CloseCode
		reason string
		words  bool // an error frame comes before the end
	}{
		"nothing":       {"", apier.CloseTimeout, "auth_timeout", false},
		"a ping first":  {`{"type":"ping"}`, apier.CloseUnauthorized, "auth_expected", false},
		"no JSON":       {`hello`, apier.CloseUnauthorized, "auth_expected", false},
		"no token":      {`{"type":"auth","data":{}}`, apier.CloseUnauthorized, "auth_expected", false},
		"a bad token":   {`{"type":"auth","id":"a","data":{"token":"bad"}}`, apier.CloseUnauthorized, "unauthorized", true},
		"no permission": {`{"type":"auth","id":"a","data":{"token":"writer"}}`, apier.CloseForbidden, "forbidden", true},
		"too much":      {`{"type":"auth","data":{"token":"` + strings.Repeat("x", maxFirstMessage) + `"}}`, apier.CloseTooBig, "message_too_big", false},
	} {
		server := b
		if tc.say != "" { // however busy the machine is, there is time to say it
			server = patient
		}
		c := server.dial(t, "auth=message")
		if tc.say != "" {
			c.say(tc.say)
		}
		if tc.words {
			if a := c.expect(apier.FrameError); a.ID != "a" || a.Code == "" {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if reason := c.expectClose(tc.code); reason != tc.reason {
			t.Errorf("%s: reason %q", name, reason)
		}
	}
}

func TestConnectionsWithoutACredentialAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{MaxUnauthenticated: 2, MaxConnectionsPerIP: 4, MaxConnectionsPerUser: 1})
	mute := []*client{b.dial(t, "auth=message"), b.dial(t, "auth=message")}
	if c, res := b.tryDial(t, "auth=message"); c != nil || res.StatusCode != 503 {
		t.Errorf("a third one got %d", res.StatusCode)
	}
	known := b.dial(t, "token=good") // whoever says who it is is let in still
	known.sync()
	mute[0].say(`{"type":"auth","data":{"token":"good"}}`)
	mute[0].expect(apier.FrameError)
	mute[0].expectClose(apier.CloseTooManyRequests)
	b.dial(t, "auth=message") // its place is free again
	if c, res := b.tryDial(t, "auth=message"); c != nil || res.StatusCode != 503 {
		t.Errorf("one too many got %d", res.StatusCode)
	}
	b.dial(t, "token=other").sync()
	if c, res := b.tryDial(t, "token=orders"); c != nil || res.StatusCode != 429 {
		t.Errorf("those that wait do not count for their address: %d", res.StatusCode)
	}
	known.sync()
}

func TestDrainEndsThoseThatWait(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{AuthTimeout: time.Hour})
	c := b.dial(t, "auth=message")
	drained := make(chan struct{})
	go func() { defer close(drained); b.g.Drain(t.Context()) }()
	if reason := c.expectClose(apier.CloseServiceRestart); !strings.HasPrefix(reason, "restart retry_after_ms=") {
		t.Errorf("reason %q", reason)
	}
	<-drained
}

// The user stays; the permissions change, and what they do not cover any more ends with a word.
func TestPermissionsChangeOnTheLiveConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	b.auth.set("narrow", "t1", "u1", "events:order.*", "metrics")
	b.auth.set("blind", "t1", "u1")
	c := b.dial(t, "token=good&v=1")
	c.expect(apier.FrameSession)
	c.say(`{"type":"auth","id":"a","data":{"token":"narrow"}}`)
	if a := c.expect(apier.FrameUnsubscribe); a.ID != "a" || !strings.Contains(string(a.Data), `{"channel":"events","status":"unsubscribed"}`) {
		t.Errorf("got %+v", a)
	}
	if a := c.expect(apier.FrameError); a.Code != string(apier.CodeForbidden) || a.ID != "a" {
		t.Errorf("got %+v", a)
	}
	c.expect(apier.FrameAuth)
	seq := b.store.create("evt_1")
	b.until(t, "what is not subscribed is passed over", func() bool { return who(b, "t1")[0].Seq == seq })
	c.say(`{"type":"subscribe","data":{"channels":["events","events:order.created"]}}`)
	c.expect(apier.FrameError)
	c.expect(apier.FrameSubscribe)
	for _, token := range []string{"other", "foreign", "bad"} {
		c.say(`{"type":"auth","id":"b","data":{"token":"` + token + `"}}`)
		if a := c.expect(apier.FrameError); a.ID != "b" {
			t.Errorf("%s: %+v", token, a)
		}
	}
	b.store.create("evt_2")
	c.expect(apier.FrameEventCreated)
}
