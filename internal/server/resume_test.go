package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store/sqlite"
)

// A client that was away over a restart is told what changed meanwhile, and by whatever server runs on the data; every
// pong tells the head.
func TestResumeOverARestart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first, stop := start(t, Options{Data: data})
	t.Cleanup(stop)
	key := first.FirstKey
	post := func(s *Server, n int) (made struct {
		ID  string
		Seq apier.Seq
	},
	) {
		t.Helper()
		call(t, s, "/api/events", key, fmt.Sprintf(`{"type":"order.created","source":"shop","payload":{"n":%d}}`, n), &made)
		return made
	}
	before := post(first, 1)
	session := connect(t, first, key, "")
	seen := session.data.Seq
	if seen != before.Seq || session.data.Resumed {
		t.Fatalf("session %+v, head %d", session.data, before.Seq)
	}
	if err := session.peer.leave(); err != nil {
		t.Error(err)
	}
	missed := post(first, 2)
	call(t, first, "/api/inbox/"+before.ID+"/ack", key, "", &struct{}{})
	stop()

	second, stop := start(t, Options{Data: data})
	t.Cleanup(stop)
	again := connect(t, second, key, fmt.Sprintf("&session=%s&after=%d", session.data.Session, seen))
	if !again.data.Resumed || again.data.Epoch != session.data.Epoch {
		t.Fatalf("session %+v", again.data)
	}
	told := ""
	for !strings.Contains(told, missed.ID) || !strings.Contains(told, `"event_update"`) {
		text, err := again.peer.hear()
		if err != nil {
			t.Fatalf("%v; so far %s", err, told)
		}
		told += text
	}
	if strings.Count(told, before.ID) != 1 || strings.Contains(told, "resync") {
		t.Errorf("told %s", told)
	}
	last := post(second, 3)
	expect(t, again.peer, apier.FrameEventCreated)
	if err := again.peer.say(`{"type":"ping"}`); err != nil {
		t.Fatal(err)
	}
	if pong := expect(t, again.peer, apier.FramePong); !strings.Contains(pong, fmt.Sprintf(`"seq":%d}`, last.Seq)) {
		t.Errorf("%s, the head is %d", pong, last.Seq)
	}
	lost := connect(t, second, key, fmt.Sprintf("&session=%s&after=%d", "s_another_"+session.data.Session, seen))
	if lost.data.Resumed {
		t.Errorf("resumed a history that is another: %+v", lost.data)
	}
	expect(t, lost.peer, apier.FrameResync)
}

// An older database is put back. Its seqs are given again, to other changes: who saw those that are lost must fetch
// anew, also once the new history has passed the place where it was.
func TestAHistoryThatWasPutBackResumesNobodyOfTheLostOne(t *testing.T) {
	t.Parallel()
	const key = "apier_key_for_the_test_of_a_backup"
	data, backup := t.TempDir(), t.TempDir()
	post := func(s *Server, n int) {
		for i := range n {
			call(t, s, "/api/events", key, fmt.Sprintf(`{"type":"order.created","source":"shop","payload":{"n":%d}}`, i), &struct{}{})
		}
	}
	session := func(s *Server, query string) apier.Session {
		c := connect(t, s, key, query)
		if err := c.peer.leave(); err != nil {
			t.Error(err)
		}
		return c.data
	}
	first, stop := start(t, Options{Data: data, APIKey: key})
	post(first, 2)
	shared := session(first, "")
	if err := sqlite.Backup(t.Context(), DatabasePath(data), DatabasePath(backup), nil); err != nil {
		t.Fatal(err)
	}
	post(first, 2)
	lost := session(first, "")
	stop()
	second, stop := start(t, Options{Data: data, APIKey: key})
	post(second, 1)
	later := session(second, "")
	stop()

	restored, stop := start(t, Options{Data: backup, APIKey: key})
	t.Cleanup(stop)
	post(restored, 5)
	for name, c := range map[string]struct {
		of      apier.Session
		resumes bool
	}{"seen before the backup": {shared, true}, "seen after it": {lost, false}, "of a run after it": {later, false}} {
		if got := session(restored, fmt.Sprintf("&session=%s&after=%d", c.of.Session, c.of.Seq)); got.Resumed != c.resumes {
			t.Errorf("%s, at seq %d of %d: resumed %v", name, c.of.Seq, got.Seq, got.Resumed)
		}
	}
}

type connected struct {
	peer peer
	data apier.Session
}

// connect opens a v1 connection and reads its session.
func connect(t *testing.T, s *Server, key, query string) connected {
	t.Helper()
	url := "ws" + strings.TrimPrefix(s.LocalURL(), "http") + "/ws?v=1&token=" + key + query
	p, _, err := dialGorilla(t, url, nil, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	var frame struct{ Data json.RawMessage }
	var data struct {
		Session, Epoch string
		Seq            apier.Seq
		Resumed        bool
	}
	if err := json.Unmarshal([]byte(expect(t, p, apier.FrameSession)), &frame); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(frame.Data, &data); err != nil {
		t.Fatal(err)
	}
	return connected{p, apier.Session{Session: data.Session, Epoch: data.Epoch, Seq: data.Seq, Resumed: data.Resumed}}
}
