package apier_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
)

type golden struct {
	Direction, Dialect, About, Raw string
	Code                           apier.Code
	Frame                          json.RawMessage
}

func readGolden(t *testing.T, pattern string) map[string]golden {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files at %s: %v", pattern, err)
	}
	files := map[string]golden{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(raw, &g); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if g.About == "" || g.Direction != "client" && g.Direction != "server" {
			t.Errorf("%s: needs about and direction", path)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".json")] = g
	}
	return files
}

const (
	sampleID       = apier.EventID("evt_0636q3rrrw7h7b3m3r2v5t4w0g")
	sampleEndpoint = apier.EndpointID("ep_0636q3rrrw7h7b3m3r2v5t4w0g")
	sampleDelivery = apier.DeliveryID("dlv_0636q3rrrw7h7b3m3r2v5t4w0g")
	sampleAt       = apier.Timestamp(1763141400000) // 2025-11-14T17:30:00Z
)

func sampleEvent() apier.Event {
	return apier.Event{
		ID: sampleID, Type: "order.created", Source: "shop", Payload: json.RawMessage(`{"order":7,"note":"naïve <b>"}`),
		Status: apier.StatusPending, CreatedAt: sampleAt, UpdatedAt: sampleAt, DeliveryLatencyMS: -1,
	}
}

// serverFrames encodes one frame per golden file that the server sends.
func serverFrames() map[string][]byte {
	created := apier.EventChange("", apier.Created, sampleEvent())
	truncated := created
	truncated.Event.Payload = bytes.Repeat([]byte(" "), apier.MaxPayloadInFrame+1)
	delivered := apier.EventChange("", apier.Updated, sampleEvent())
	delivered.PreviousStatus = apier.StatusPending
	delivered.Event.Status, delivered.Event.DeliveryAttempts = apier.StatusDelivered, 1
	delivered.Event.LastDeliveryAttempt, delivered.Event.DeliveryLatencyMS = sampleAt, 150
	failed := apier.EventChange("", apier.Updated, sampleEvent())
	failed.Event.Status, failed.Event.DeliveryAttempts = apier.StatusFailed, 3
	failed.Event.LastDeliveryAttempt, failed.Event.ErrorMessage = sampleAt, "connection refused"
	erased := apier.EventChange("", apier.Updated, failed.Event)
	erased.PreviousStatus = apier.StatusPending
	erased.Event.Payload, erased.Event.Erased = []byte("{}"), true
	erased.Event.DeliveryAttempts, erased.Event.LastDeliveryAttempt, erased.Event.ErrorMessage = 0, 0, "erased before it was delivered"
	deleted := apier.EventChange("", apier.Deleted, apier.Event{ID: sampleID, Type: "order.created", UpdatedAt: sampleAt})
	metrics := apier.Metrics{
		Total: 1250, Pending: 5, Delivered: 1200, Failed: 45, SuccessRate: 96.39, EventsPerMinute: 12,
		LatencyMS: apier.LatencyQuantiles{P50: 110, P95: 480, P99: 900, SampleSize: 1200},
	}
	delivery := apier.Change{Kind: apier.DeliveryChanged, At: sampleAt, Event: apier.Event{ID: sampleID}, Delivery: &apier.Delivery{
		ID: sampleDelivery, EventID: sampleID, EventType: "order.created", EndpointID: sampleEndpoint, Status: apier.DeliveryPending,
		Attempts: 1, DueAt: sampleAt + 5000, StatusCode: 503, ErrorKind: apier.ErrorHTTP5xx, ErrorMessage: "503 Service Unavailable",
		CreatedAt: sampleAt, UpdatedAt: sampleAt, Seq: 45,
	}}
	endpoint := apier.Endpoint{
		ID: sampleEndpoint, URL: "https://shop.example/webhooks", Headers: map[string]string{"Authorization": "Bearer secret"},
		Delivered: 12, ConsecutiveFailures: 1, FailingSince: sampleAt, LastFailureAt: sampleAt, LastError: "503 Service Unavailable",
		CreatedAt: sampleAt, UpdatedAt: sampleAt, Seq: 46,
	}.WithDefaults()
	endpointChanged := apier.Change{Kind: apier.EndpointChanged, At: sampleAt, Endpoint: &endpoint}
	endpointGone := apier.Change{Kind: apier.EndpointChanged, At: sampleAt, Gone: sampleEndpoint}
	webhook := apier.Change{Kind: apier.WebhookReceived, At: sampleAt, Webhook: &apier.Webhook{
		ID: "whk_0636q3rrrw7h7b3m3r2v5t4w0g", ReceivedAt: sampleAt, Verified: true, StatusCode: 204, EndpointID: sampleEndpoint,
		MessageID: "evt_0636q3rrrw7h7b3m3r2v5t4w0g", EventType: "order.created", Address: "203.0.113.7", Size: 14,
		Headers: map[string]string{"content-type": "application/json"}, Body: []byte(`{"order":"A7"}`), Seq: 49,
	}}
	recovery := apier.Change{Kind: apier.RecoveryChanged, At: sampleAt, Recovery: &apier.Recovery{
		ID: "rec_0636q3rrrw7h7b3m3r2v5t4w0g", Kind: apier.RecoverFailed, EndpointID: sampleEndpoint, Since: sampleAt, Until: sampleAt,
		RatePerSecond: 50, Total: 200, Done: 50, Status: apier.RecoveryRunning, CreatedAt: sampleAt, UpdatedAt: sampleAt, Seq: 48,
	}}
	orders, _ := apier.ParseChannel("events:order.*")
	ofEvent, _ := apier.ParseChannel("event:" + string(sampleID))
	ofEndpoint, _ := apier.ParseChannel("endpoint:" + string(sampleEndpoint))
	metricsChannel, _ := apier.ParseChannel("metrics")
	subscribe := apier.ClientFrame{Type: apier.FrameSubscribe, ID: "s1"}
	at := func(channel string, seq apier.Seq) *apier.V1 { return &apier.V1{Channel: channel, Seq: seq} }
	inBatch := apier.AppendChange(nil, &deleted, at("events", 44))
	inBatch = apier.AppendMetrics(append(inBatch, ','), metrics, sampleAt, at("metrics", 0))

	return map[string][]byte{
		"pong":                    apier.AppendPong(nil, apier.ClientFrame{}, sampleAt, nil),
		"pong_v1":                 apier.AppendPong(nil, apier.ClientFrame{Echo: json.RawMessage(`"2025-11-14T17:30:00.000Z"`)}, sampleAt, at("", 42)),
		"event_created":           apier.AppendChange(nil, &created, nil),
		"event_created_v1":        apier.AppendChange(nil, &created, at("events", 42)),
		"event_created_truncated": apier.AppendChange(nil, &truncated, nil),
		"event_update":            apier.AppendChange(nil, &delivered, nil),
		"event_update_v1":         apier.AppendChange(nil, &delivered, at("events:order.*", 43)),
		"event_update_failed_v1":  apier.AppendChange(nil, &failed, at("events", 43)),
		"event_update_erased_v1":  apier.AppendChange(nil, &erased, at("events", 44)),
		"event_deleted":           apier.AppendChange(nil, &deleted, nil),
		"event_deleted_v1":        apier.AppendChange(nil, &deleted, at("events", 44)),
		"metrics_update":          apier.AppendMetrics(nil, metrics, sampleAt, nil),
		"metrics_update_v1":       apier.AppendMetrics(nil, metrics, sampleAt, at("metrics", 0)),
		"delivery_update":         apier.AppendChange(nil, &delivery, nil),
		"delivery_update_v1":      apier.AppendChange(nil, &delivery, at("endpoint:"+string(sampleEndpoint), 45)),
		"endpoint_update_v1":      apier.AppendChange(nil, &endpointChanged, at("endpoint:*", 46)),
		"endpoint_update_deleted": apier.AppendChange(nil, &endpointGone, at("endpoint:*", 47)),
		"webhook_received_v1":     apier.AppendChange(nil, &webhook, at("endpoint:*", 49)),
		"recovery_update_v1":      apier.AppendChange(nil, &recovery, at("endpoint:*", 48)),
		"subscribed":              apier.AppendSubscribed(nil, subscribe, orders, sampleAt, nil),
		"subscribed_v1":           apier.AppendSubscribed(nil, subscribe, orders, sampleAt, at("events:order.*", 42)),
		"unsubscribed":            apier.AppendSubscribed(nil, apier.ClientFrame{Type: apier.FrameUnsubscribe, ID: "s2"}, metricsChannel, sampleAt, nil),
		"error":                   apier.AppendError(nil, "s1", apier.Errorf(apier.CodeInvalidChannel, `There is no channel "orders".`), sampleAt, nil),
		"error_v1": apier.AppendError(nil, "s1", apier.Errorf(apier.CodeInvalidChannel, `There is no channel "orders".`), sampleAt,
			&apier.Refusal{Request: apier.FrameSubscribe, Channels: []string{"orders"}}),
		"error_rate_limited_v1": apier.AppendError(nil, "s2", apier.Errorf(apier.CodeRateLimited, "Slow down."), sampleAt,
			&apier.Refusal{Request: apier.FrameUnsubscribe, Channels: []string{"events:order.*", "metrics"}, RetryAfter: 450 * time.Millisecond}),
		"session": apier.AppendSession(nil, apier.Session{
			Session: "s_1f2e3d4c5b6a_k3j9x2", Epoch: "1f2e3d4c5b6a", Seq: 42, Channels: []string{"events", "metrics"},
			HeartbeatMS: 25000, TokenExpiresAt: sampleAt, ReconnectWindowMS: 5000,
		}, sampleAt),
		"batch":             apier.AppendBatch(nil, inBatch, sampleAt),
		"resync":            apier.AppendResync(nil, "events", 42, sampleAt),
		"snapshot":          apier.AppendSnapshot(nil, ofEvent, apier.Snapshot{Event: &delivered.Event, Seq: 43}, sampleAt),
		"snapshot_endpoint": apier.AppendSnapshot(nil, ofEndpoint, apier.Snapshot{Endpoint: &endpoint, Seq: 46}, sampleAt),
		"snapshot_nothing":  apier.AppendSnapshot(nil, ofEvent, apier.Snapshot{Seq: 44}, sampleAt),
		"reconnect":         apier.AppendReconnect(nil, 2300*time.Millisecond, sampleAt),
		"auth_ok":           apier.AppendAuth(nil, "a1", apier.AuthOK, sampleAt, sampleAt),
		"auth_ok_key":       apier.AppendAuth(nil, "a1", apier.AuthOK, 0, sampleAt),
		"session_key": apier.AppendSession(nil, apier.Session{
			Session: "s_1f2e3d4c5b6a_k3j9x2", Epoch: "1f2e3d4c5b6a", Seq: 42, Channels: []string{"events", "metrics"},
			HeartbeatMS: 25000, ReconnectWindowMS: 5000,
		}, sampleAt),
		"auth_expiring": apier.AppendAuth(nil, "", apier.AuthExpiring, sampleAt, sampleAt),
	}
}

func TestServerFramesAreTheGoldenOnes(t *testing.T) {
	t.Parallel()
	frames := serverFrames()
	for name, g := range readGolden(t, "protocol/frames/*.json") {
		if g.Direction != "server" {
			continue
		}
		got, ok := frames[name]
		if !ok {
			t.Errorf("protocol/frames/%s.json: no test encodes this frame", name)
			continue
		}
		delete(frames, name)
		if want, got := canonical(t, g.Frame), canonical(t, got); want != got {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	for name := range frames {
		t.Errorf("frame %s has no file in protocol/frames", name)
	}
}

func canonical(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("not JSON: %v: %s", err, raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestClientFramesDecode(t *testing.T) {
	t.Parallel()
	for name, g := range readGolden(t, "protocol/frames/*.json") {
		if g.Direction != "client" {
			continue
		}
		f, err := apier.DecodeClientFrame(g.Frame)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var want struct{ Type, ID string }
		if err := json.Unmarshal(g.Frame, &want); err != nil {
			t.Fatal(err)
		}
		if string(f.Type) != want.Type || f.ID != want.ID {
			t.Errorf("%s: got type %q id %q, want %q %q", name, f.Type, f.ID, want.Type, want.ID)
		}
		if strings.HasPrefix(want.Type, "sub") && len(f.Channels) == 0 {
			t.Errorf("%s: no channels", name)
		}
	}
}

func TestInvalidClientFramesAreRefused(t *testing.T) {
	t.Parallel()
	for name, g := range readGolden(t, "protocol/frames/invalid/*.json") {
		if g.Direction != "client" {
			continue
		}
		_, err := apier.DecodeClientFrame([]byte(g.Raw))
		if err == nil || err.Code != g.Code {
			t.Errorf("%s: got %v, want code %s", name, err, g.Code)
		}
	}
}

func TestAnInvalidFrameKeepsItsID(t *testing.T) {
	t.Parallel()
	f, err := apier.DecodeClientFrame([]byte(`{"type":"subscribe","id":"x","data":{"channel":"nope"}}`))
	if err == nil || f.ID != "x" {
		t.Fatalf("got id %q, error %v", f.ID, err)
	}
}

// A name that is no channel costs the others of its frame nothing, and is named in the answer (C1).
func TestOneBadNameOfAFrameIsRefusedAlone(t *testing.T) {
	t.Parallel()
	f, err := apier.DecodeClientFrame([]byte(`{"type":"subscribe","data":{"channels":["events","no such","metrics"]}}`))
	if err != nil || len(f.Channels) != 2 || len(f.Refused) != 1 || f.Refused[0].Name != "no such" || f.Refused[0].Err.Code != apier.CodeInvalidChannel {
		t.Fatalf("got %v of which %+v is refused, error %v", f.Channels, f.Refused, err)
	}
}

func FuzzDecodeClientFrame(f *testing.F) {
	paths, _ := filepath.Glob("protocol/frames/*.json")
	invalid, _ := filepath.Glob("protocol/frames/invalid/*.json")
	for _, path := range append(paths, invalid...) {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(raw, &g); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(g.Raw))
		f.Add([]byte(g.Frame))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		frame, err := apier.DecodeClientFrame(msg)
		if len(frame.ID) > apier.MaxFrameID {
			t.Fatalf("id of %d bytes", len(frame.ID))
		}
		if err != nil {
			if answer := apier.AppendError(nil, frame.ID, err, 0, &apier.Refusal{Request: frame.Type, Channels: frame.Names}); !json.Valid(answer) {
				t.Fatalf("the answer is not JSON: %s", answer)
			}
			return
		}
		if frame.Type == apier.FramePing {
			if pong := apier.AppendPong(nil, frame, 0, &apier.V1{Seq: 1}); !json.Valid(pong) {
				t.Fatalf("the pong is not JSON: %s", pong)
			}
		}
		for _, c := range frame.Channels {
			if echo := apier.AppendSubscribed(nil, frame, c, 0, &apier.V1{Channel: c.String()}); !json.Valid(echo) {
				t.Fatalf("the echo is not JSON: %s", echo)
			}
		}
	})
}

// FAULTS D6: a figure of nothing is not 0.
func TestMetricsOfNothingAreNull(t *testing.T) {
	t.Parallel()
	v1 := &apier.V1{Channel: "metrics"}
	got := string(apier.AppendMetrics(nil, apier.Metrics{Total: 3, Pending: 3}, sampleAt, v1))
	for _, want := range []string{`"success_rate":null`, `"p50":null,"p95":null,"p99":null,"sample_size":0`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	got = string(apier.AppendMetrics(nil, apier.Metrics{Total: 1, Failed: 1, LatencyMS: apier.LatencyQuantiles{SampleSize: 1}}, sampleAt, v1))
	if !strings.Contains(got, `"success_rate":0`) || !strings.Contains(got, `"p50":0`) {
		t.Errorf("a rate and a latency of 0: %s", got)
	}
}
