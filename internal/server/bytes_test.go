package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/client"
	"github.com/apier/apier/internal/server"
	"github.com/apier/apier/internal/store"
	"github.com/apier/apier/internal/store/sqlite"
)

// What a sender wrote is what every reader gets, byte for byte: live, leased, listed, exported, sent as a webhook, and in
// a backup.
func TestAPayloadIsTheSameOnEveryWay(t *testing.T) {
	payload := `{"id":18446744073709551615,"order_id":9007199254740993,"amount":12345678901234567.89,"z":1.0,"e":1E2,"x":1e400,` +
		`"dup":1,"dup":2,"b":{"10":1,"2":2},"s":"\ud800 \u0000 M\u00fcller https:\/\/x <&>", "sp" :  [ ] }`
	bodies := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
	}))
	defer receiver.Close()

	var at address
	data := t.TempDir()
	stop := at.run(t, data, func(o *server.Options) { o.AllowPrivateEndpoints = true })
	defer stop()
	c := at.client(t, client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check := func(way, got string) {
		t.Helper()
		if got != payload {
			t.Errorf("%s: %s", way, got)
		}
	}
	if _, _, err := c.CreateEndpoint(ctx, client.NewEndpoint{URL: receiver.URL, Types: []string{"hook.*"}}); err != nil {
		t.Fatal(err)
	}
	publish := func(typ string) apier.EventID {
		made, err := c.Publish(ctx, apier.NewEvent{Type: typ, Source: "s", Payload: json.RawMessage(payload)})
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	for item, err := range c.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if item.Resync == client.ResyncStart {
			publish("order.seen")
			continue
		}
		check("live", string(item.Event.Payload))
		break
	}
	id := publish("hook.sent")
	select {
	case body := <-bodies:
		check("webhook", body)
	case <-ctx.Done():
		t.Fatal("no webhook came")
	}
	leased, err := c.Lease(ctx, client.LeaseOptions{})
	if err != nil || len(leased) != 1 {
		t.Fatalf("%d leased, %v", len(leased), err)
	}
	check("lease", string(leased[0].Payload))
	e, err := c.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	check("get", string(e.Payload))
	page, err := c.ListPage(ctx, client.EventFilter{}, "", 0)
	if err != nil || len(page.Events) != 2 {
		t.Fatalf("%d listed, %v", len(page.Events), err)
	}
	check("list", string(page.Events[0].Payload))
	var exported strings.Builder
	if err := c.Export(ctx, &exported, client.EventFilter{}, client.ExportNDJSON); err != nil || strings.Count(exported.String(), payload) != 2 {
		t.Errorf("export: %v %s", err, exported.String())
	}
	check("backup", backedUp(t, data, id))
}

// backedUp returns the payload of an event in a copy of a data directory.
func backedUp(t *testing.T, data string, id apier.EventID) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := server.Backup(t.Context(), data, copied, nil); err != nil {
		t.Fatal(err)
	}
	path, err := server.FindDatabase(copied)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	e, err := s.Event(t.Context(), "default", id)
	if err != nil {
		t.Fatal(err)
	}
	return string(e.Payload)
}
