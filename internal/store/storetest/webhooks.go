package storetest

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func webhookTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"what the receiver got is kept and announced":             testRecordWebhook,
		"a replay is recognised, of verified senders only":        testWebhookReplay,
		"the receiver's log is filtered and paged":                testListWebhooks,
		"the receiver's log is bounded, refused ones apart":       testWebhookBound,
		"an endpoint's secrets are found without its tenant":      testSignatureSecrets,
		"changes tell of webhooks to those who follow deliveries": testWebhookChanges,
	}
}

func (f *fixture) recordWebhook(w apier.Webhook) apier.Webhook {
	f.t.Helper()
	return must[apier.Webhook](f.t)(f.RecordWebhook(f.t.Context(), acme, w))
}

func webhook(message string) apier.Webhook {
	return apier.Webhook{Verified: true, StatusCode: 204, MessageID: message, Address: "10.0.0.1", Size: 2, Headers: map[string]string{"a": "b"}, Body: []byte("{}")}
}

func (f *fixture) webhooks(filter store.WebhookFilter) store.WebhookPage {
	f.t.Helper()
	if filter.Limit == 0 {
		filter.Limit = 1000
	}
	return must[store.WebhookPage](f.t)(f.ListWebhooks(f.t.Context(), acme, filter))
}

func testRecordWebhook(t *testing.T, open Opener) {
	f := newFixture(t, open)
	given := webhook("msg_1")
	given.Body = bytes.Repeat([]byte("x"), apier.MaxWebhookBody+1)
	given.Size = len(given.Body)
	got := f.recordWebhook(given)
	want := given
	want.ID, want.Seq, want.ReceivedAt, want.Body = got.ID, f.head(), apier.TimestampOf(f.clock.now()), given.Body[:apier.MaxWebhookBody]
	if !reflect.DeepEqual(got, want) || !got.Truncated() || got.ID == "" {
		t.Fatalf("recorded %+v", got)
	}
	f.reopen()
	page := f.webhooks(store.WebhookFilter{})
	if len(page.Webhooks) != 1 || !reflect.DeepEqual(page.Webhooks[0], want) || page.Seq != want.Seq {
		t.Fatalf("listed %+v", page)
	}
	announced := f.changesAnnounced()
	last := announced[len(announced)-1]
	if last.Kind != apier.WebhookReceived || last.Tenant != acme || last.Seq != want.Seq || !reflect.DeepEqual(*last.Webhook, want) {
		t.Fatalf("announced %+v", last)
	}
	if foreign := must[store.WebhookPage](t)(f.ListWebhooks(t.Context(), other, store.WebhookFilter{Limit: 10})); len(foreign.Webhooks) != 0 {
		t.Fatalf("another tenant sees %+v", foreign)
	}
}

func testWebhookReplay(t *testing.T, open Opener) {
	f := newFixture(t, open)
	refused := apier.Webhook{MessageID: "msg_1", StatusCode: 401, Reason: "no"}
	f.recordWebhook(refused) // claims nothing
	if f.recordWebhook(webhook("msg_1")).Replayed || !f.recordWebhook(webhook("msg_1")).Replayed || f.recordWebhook(webhook("msg_2")).Replayed || f.recordWebhook(refused).Replayed {
		t.Fatalf("%+v", f.webhooks(store.WebhookFilter{}))
	}
	elsewhere := webhook("msg_1")
	elsewhere.EndpointID = "ep_1"
	if f.recordWebhook(elsewhere).Replayed {
		t.Fatal("the same event for another endpoint is no replay")
	}
	if foreign := must[apier.Webhook](t)(f.RecordWebhook(t.Context(), other, webhook("msg_1"))); foreign.Replayed {
		t.Fatal("the ids of tenants met")
	}
}

func testListWebhooks(t *testing.T, open Opener) {
	f := newFixture(t, open)
	var all []apier.Webhook
	for i := range 6 {
		w := webhook(fmt.Sprintf("msg_%d", i%3))
		w.Verified, w.EndpointID = i%2 == 0, apier.EndpointID(fmt.Sprintf("ep_%d", i%2))
		all = append(all, f.recordWebhook(w))
		f.clock.advance(time.Second)
	}
	yes, no := true, false
	for name, c := range map[string]struct {
		filter store.WebhookFilter
		want   []int
	}{
		"all":      {store.WebhookFilter{}, []int{5, 4, 3, 2, 1, 0}},
		"verified": {store.WebhookFilter{Verified: &yes}, []int{4, 2, 0}},
		"refused":  {store.WebhookFilter{Verified: &no}, []int{5, 3, 1}},
		"endpoint": {store.WebhookFilter{Endpoint: "ep_1"}, []int{5, 3, 1}},
		"message":  {store.WebhookFilter{Message: "msg_2"}, []int{5, 2}},
		"both":     {store.WebhookFilter{Message: "msg_2", Verified: &yes, Endpoint: "ep_0"}, []int{2}},
		"since":    {store.WebhookFilter{Since: all[4].ReceivedAt}, []int{5, 4}},
		"after":    {store.WebhookFilter{StartingAfter: all[2].ID}, []int{1, 0}},
		"a page":   {store.WebhookFilter{Limit: 2, StartingAfter: all[5].ID}, []int{4, 3}},
	} {
		page := f.webhooks(c.filter)
		var got []int
		for _, w := range page.Webhooks {
			for i := range all {
				if all[i].ID == w.ID {
					got = append(got, i)
				}
			}
		}
		if !reflect.DeepEqual(got, c.want) || page.HasMore != (name == "a page") {
			t.Errorf("%s: got %v, more %v", name, got, page.HasMore)
		}
	}
	_, err := f.ListWebhooks(t.Context(), acme, store.WebhookFilter{StartingAfter: "whk_nothing", Limit: 1})
	wantCode(t, err, apier.CodeNotFound)
	_, err = f.ListWebhooks(t.Context(), other, store.WebhookFilter{StartingAfter: all[0].ID, Limit: 1})
	wantCode(t, err, apier.CodeNotFound)
}

func testWebhookBound(t *testing.T, open Opener) {
	f := newTunedFixture(t, open, func(o *store.Options) { o.WebhookLog = 20 })
	f.recordWebhook(webhook("first"))
	for i := range 50 {
		f.recordWebhook(apier.Webhook{MessageID: fmt.Sprint(i), StatusCode: 401})
	}
	if page := f.webhooks(store.WebhookFilter{}); len(page.Webhooks) != 3 || page.Webhooks[2].MessageID != "first" {
		t.Fatalf("%d lines: refused ones push out verified ones", len(page.Webhooks))
	}
	for i := range 30 {
		f.recordWebhook(webhook(fmt.Sprint(i)))
	}
	f.tune = func(o *store.Options) { o.WebhookLog = 10 }
	f.reopen()
	for i := range 20 { // a lowered bound is reached step by step
		f.recordWebhook(webhook(fmt.Sprint("again", i)))
	}
	yes := true
	if page := f.webhooks(store.WebhookFilter{Verified: &yes}); len(page.Webhooks) != 10 {
		t.Fatalf("%d lines", len(page.Webhooks))
	}
}

func testSignatureSecrets(t *testing.T, open Opener) {
	f := newFixture(t, open)
	endpoint := must[apier.Endpoint](t)(f.CreateEndpoint(t.Context(), acme, apier.Endpoint{URL: "https://shop.example"}.WithDefaults(), []byte("first")))
	check(t, f.RotateSecret(t.Context(), acme, endpoint.ID, []byte("second"), time.Hour))
	tenant, secrets, err := f.SignatureSecrets(t.Context(), endpoint.ID)
	if err != nil || tenant != acme || len(secrets) != 2 || string(secrets[0]) != "second" {
		t.Fatalf("%v %q %v", tenant, secrets, err)
	}
	f.clock.advance(time.Hour)
	if _, secrets, err = f.SignatureSecrets(t.Context(), endpoint.ID); err != nil || len(secrets) != 1 {
		t.Fatalf("%q %v", secrets, err)
	}
	for _, id := range []apier.EndpointID{"", "ep_x", apier.FormatEndpointID([16]byte{1})} {
		_, _, err = f.SignatureSecrets(t.Context(), id)
		wantCode(t, err, apier.CodeNotFound)
	}
}

func testWebhookChanges(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.add(newEvents(1)...)
	w := f.recordWebhook(webhook("msg_1"))
	f.add(newEvents(1)...)
	page := must[store.ChangePage](t)(f.Changes(t.Context(), acme, 0, 10, true))
	if len(page.Changes) != 3 || page.Changes[1].Kind != apier.WebhookReceived || !reflect.DeepEqual(*page.Changes[1].Webhook, w) {
		t.Fatalf("%+v", page)
	}
	if page = must[store.ChangePage](t)(f.Changes(t.Context(), acme, 0, 10, false)); len(page.Changes) != 2 {
		t.Fatalf("%+v", page)
	}
}
