package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// frame is a frame of either dialect.
type frame struct {
	Type string          `json:"type"`
	Seq  int64           `json:"seq"`
	Data json.RawMessage `json:"data"`
}

// view is a v1 client that keeps the state it is shown, and resumes where it was.
type view struct {
	token   string
	session string
	seq     int64
	status  map[string]string
	seqs    map[string]int64
	metrics int
	follows time.Duration // for how long at most
}

func newView(token string) *view {
	return &view{token: token, status: map[string]string{}, seqs: map[string]int64{}, follows: patience}
}

// follow connects and applies frames until the connection is lost or done says so. It answers whether the
// server resumed.
func (v *view) follow(t *testing.T, s *process, done func() bool) (resumed bool, err error) {
	t.Helper()
	target := strings.Replace(s.url, "http", "ws", 1) + "/ws?v=1&token=" + url.QueryEscape(v.token)
	if v.session != "" {
		target += "&session=" + v.session + "&after=" + strconv.FormatInt(v.seq, 10)
	}
	conn, buffered, _, err := ws.Dial(t.Context(), target)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(v.follows))
	var in io.Reader = conn
	if buffered != nil { // frames that came together with the answer to the handshake
		in = buffered // reads on from conn
	}
	for !done() {
		raw, err := readText(in)
		if err != nil {
			return resumed, err
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Errorf("not JSON: %s", raw)
			return resumed, err
		}
		resumed = v.apply(t, f) || resumed
	}
	return resumed, nil
}

// readText gives the next text message; a close frame is an error that tells its code.
func readText(in io.Reader) ([]byte, error) {
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return nil, err
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(in, payload); err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpText:
			return payload, nil
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			return nil, fmt.Errorf("closed with %d %s", code, reason)
		}
	}
}

// apply takes one frame; true for a session that was resumed.
func (v *view) apply(t *testing.T, f frame) (resumed bool) {
	t.Helper()
	var data struct {
		ID, Status, Session string
		Seq                 int64
		Resumed             bool
	}
	if f.Type != "batch" && f.Data != nil {
		if err := json.Unmarshal(f.Data, &data); err != nil {
			t.Errorf("%s: %v", f.Data, err)
		}
	}
	switch f.Type {
	case "session":
		v.session = data.Session
		if !data.Resumed {
			v.seq = data.Seq
		}
		return data.Resumed
	case "batch":
		var parts []frame
		if err := json.Unmarshal(f.Data, &parts); err != nil {
			t.Errorf("%s: %v", f.Data, err)
		}
		for _, part := range parts {
			v.apply(t, part)
		}
		return false
	case "event_created", "event_update":
		v.status[data.ID], v.seqs[data.ID] = data.Status, f.Seq
	case "event_deleted":
		delete(v.status, data.ID)
		delete(v.seqs, data.ID)
	case "metrics_update":
		v.metrics++
		return false
	case "resync":
		t.Error("the server asks for a resync, though it can tell all")
	default:
		return false
	}
	if f.Seq <= v.seq {
		t.Errorf("seq %d after %d", f.Seq, v.seq)
	}
	v.seq = f.Seq
	return false
}

// stored reads the store's state through the API.
func stored(t *testing.T, s *process, token string) (status map[string]string, seqs map[string]int64) {
	t.Helper()
	status, seqs = map[string]string{}, map[string]int64{}
	for after := ""; ; {
		var page struct {
			Events []struct {
				ID, Status string
				Seq        int64
			}
			HasMore bool `json:"has_more"`
		}
		s.must(token, "GET", "/api/events?limit=100&starting_after="+after, "", &page)
		for _, e := range page.Events {
			status[e.ID], seqs[e.ID] = e.Status, e.Seq
			after = e.ID
		}
		if !page.HasMore {
			return status, seqs
		}
	}
}
