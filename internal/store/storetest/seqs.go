package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

func seqTests() map[string]func(*testing.T, Opener) {
	return map[string]func(*testing.T, Opener){
		"a tenant's seqs do not move by what others do":   testSeqsOfOneTenant,
		"every tenant's history is told from any place":   testSeqsOfMany,
		"commits of a tenant are told without a gap":      testCommitsWithoutGap,
		"a group's position is in the seqs of its tenant": testPositionOfTenant,
	}
}

// everySeq reads all that a tenant is told of its place.
func (f *fixture) everySeq(tenant apier.TenantID) []apier.Seq {
	f.t.Helper()
	ctx := f.t.Context()
	seqs := []apier.Seq{
		must[apier.Seq](f.t)(f.Head(ctx, tenant)),
		must[map[apier.TenantID]apier.Seq](f.t)(f.Heads(ctx))[tenant],
		must[store.Page](f.t)(f.List(ctx, tenant, store.Filter{Limit: 10})).Seq,
		must[store.ChangePage](f.t)(f.Changes(ctx, tenant, 0, 100, true)).Seq,
		must[store.Summary](f.t)(f.Summary(ctx, tenant)).Seq,
		must[store.Latency](f.t)(f.Latency(ctx, tenant, time.Time{})).Seq,
		must[store.Throughput](f.t)(f.Throughput(ctx, tenant, time.Time{})).Seq,
		must[store.EndpointPage](f.t)(f.Endpoints(ctx, tenant, store.PageOf[apier.EndpointID]{Limit: 10})).Seq,
		must[store.HealthPage](f.t)(f.EndpointHealth(ctx, tenant, store.PageOf[apier.EndpointID]{Limit: 10})).Seq,
		must[store.WebhookPage](f.t)(f.ListWebhooks(ctx, tenant, store.WebhookFilter{Limit: 10})).Seq,
	}
	return seqs
}

func testSeqsOfOneTenant(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx := t.Context()
	f.add(newEvents(2)...)
	before := f.everySeq(acme)
	for range 5 { // whatever another does
		r := must[store.Receipts](t)(f.Append(ctx, other, newEvents(20), nil))
		check(t, f.Delete(ctx, other, r.Events[0].ID))
		must[apier.Event](t)(f.Settle(ctx, other, r.Events[1].ID, store.Outcome{Status: apier.StatusDelivered}))
		must[store.Leases](t)(f.Lease(ctx, other, store.LeaseRequest{Holder: holder("", "x"), Limit: 3, For: time.Minute}))
	}
	if after := f.everySeq(acme); !slices.Equal(after, before) || before[0] != 2 {
		t.Errorf("seqs were %v, are %v", before, after)
	}
	if r := must[store.Receipts](t)(f.Append(ctx, acme, newEvents(2), nil)); r.Events[0].Seq != 3 || r.Events[1].Seq != 4 {
		t.Errorf("the next events got %+v", r.Events)
	}
	if r := must[store.Receipts](t)(f.Append(ctx, "third", newEvents(1), nil)); r.Events[0].Seq != 1 {
		t.Errorf("the first event of another tenant got %+v", r.Events)
	}
	f.reopen()
	if r := must[store.Receipts](t)(f.Append(ctx, acme, newEvents(1), nil)); r.Events[0].Seq != 5 {
		t.Errorf("after a restart: %+v", r.Events)
	}
}

// testSeqsOfMany has three tenants do things in turns, and compares what each is told from every place with what was
// announced to it.
func testSeqsOfMany(t *testing.T, open Opener) {
	f := newFixture(t, open)
	tenants := []apier.TenantID{acme, other, "third"}
	random := rand.New(rand.NewPCG(1, 2))
	live := map[apier.TenantID][]apier.EventID{}
	for range 120 {
		tenant := tenants[random.IntN(len(tenants))]
		f.someDeed(tenant, random, live)
	}
	for _, tenant := range tenants {
		var born, told []apier.Change
		for _, c := range f.changesAnnounced() {
			if c.Tenant == tenant {
				told = append(told, c)
			}
			if c.Tenant == tenant && c.Kind == apier.Created && slices.Contains(live[tenant], c.Event.ID) {
				born = append(born, c)
			}
		}
		for i := range told {
			if told[i].Seq != apier.Seq(i+1) {
				t.Fatalf("%s: change %d has seq %d", tenant, i+1, told[i].Seq)
			}
		}
		for after := range apier.Seq(len(told) + 1) {
			f.checkFrom(tenant, after, born, told[after:])
		}
	}
}

func (f *fixture) someDeed(tenant apier.TenantID, random *rand.Rand, live map[apier.TenantID][]apier.EventID) {
	f.t.Helper()
	ctx := f.t.Context()
	n := len(live[tenant])
	switch deed := random.IntN(4); {
	case deed == 0 && n > 2:
		i := random.IntN(n)
		check(f.t, f.Delete(ctx, tenant, live[tenant][i]))
		live[tenant] = slices.Delete(live[tenant], i, i+1)
	case deed == 1 && n > 0:
		must[apier.Event](f.t)(f.Settle(ctx, tenant, live[tenant][random.IntN(n)], store.Outcome{Status: apier.StatusFailed, ErrorMessage: "x"}))
	case deed == 2:
		must[apier.Webhook](f.t)(f.RecordWebhook(ctx, tenant, apier.Webhook{StatusCode: 204}))
	default:
		for _, r := range must[store.Receipts](f.t)(f.Append(ctx, tenant, newEvents(1+random.IntN(3)), nil)).Events {
			live[tenant] = append(live[tenant], r.ID)
		}
	}
}

// checkFrom holds what a tenant is told after a seq against what came after it: the latest of each thing, each once or,
// of what was created since, at its creation too.
func (f *fixture) checkFrom(tenant apier.TenantID, after apier.Seq, born, since []apier.Change) {
	f.t.Helper()
	latest := map[string]apier.Seq{}
	created := map[apier.Seq]bool{}
	nameOf := func(c apier.Change) string {
		if c.Webhook != nil {
			return string(c.Webhook.ID)
		}
		return string(c.Event.ID)
	}
	for _, c := range since {
		latest[nameOf(c)] = c.Seq
	}
	for _, c := range born {
		if c.Seq > after {
			created[c.Seq] = true
		}
	}
	want := map[apier.Seq]bool{}
	for _, seq := range latest {
		want[seq] = true
	}
	for seq := range created {
		want[seq] = true
	}
	got := map[apier.Seq]bool{}
	place := after
	for more := true; more; {
		page := must[store.ChangePage](f.t)(f.Changes(f.t.Context(), tenant, place, 5, true))
		for _, c := range page.Changes {
			if c.Seq <= place || c.Tenant != tenant {
				f.t.Fatalf("%s after %d: %+v", tenant, place, c)
			}
			got[c.Seq], place = true, c.Seq
		}
		more, place = page.More, page.Seq
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.t.Errorf("%s after %d is told %v, want %v", tenant, after, got, want)
	}
	f.checkBorn(tenant, after, created)
}

func (f *fixture) checkBorn(tenant apier.TenantID, after apier.Seq, created map[apier.Seq]bool) {
	f.t.Helper()
	followed, place := 0, after
	for more := true; more; {
		page := must[store.FollowPage](f.t)(f.Follow(f.t.Context(), tenant, place, 4))
		followed += len(page.Events)
		if len(page.Events) > 0 && !created[page.Next] {
			f.t.Errorf("%s follows from %d to %d, where nothing was created", tenant, place, page.Next)
		}
		more, place = page.HasMore, page.Next
	}
	if followed != len(created) {
		f.t.Errorf("%s after %d follows %d events, want %d", tenant, after, followed, len(created))
	}
	for _, filter := range []store.Filter{{FromSeq: after + 1, Limit: 1000}, {FromSeq: 1, BelowSeq: after + 1, Limit: 1000}} {
		page := must[store.Page](f.t)(f.List(f.t.Context(), tenant, filter))
		all := must[store.Page](f.t)(f.List(f.t.Context(), tenant, store.Filter{Limit: 1000}))
		want := len(created)
		if filter.BelowSeq > 0 {
			want = len(all.Events) - len(created)
		}
		if len(page.Events) != want {
			f.t.Errorf("%s lists %d events in %+v, want %d", tenant, len(page.Events), filter, want)
		}
	}
}

func testCommitsWithoutGap(t *testing.T, open Opener) {
	heads := map[apier.TenantID]apier.Seq{}
	f := newTunedFixture(t, open, func(o *store.Options) {
		o.Announce = func(commits []apier.Commit) {
			for _, c := range commits {
				if c.After != heads[c.Tenant] || c.Upto < c.After || len(c.Changes) > 0 && c.Changes[len(c.Changes)-1].Seq != c.Upto {
					t.Errorf("%s: a commit from %d to %d with %d changes, after %d", c.Tenant, c.After, c.Upto, len(c.Changes), heads[c.Tenant])
				}
				heads[c.Tenant] = c.Upto
			}
		}
	})
	random := rand.New(rand.NewPCG(3, 4))
	live := map[apier.TenantID][]apier.EventID{}
	for i := range 60 {
		f.someDeed([]apier.TenantID{acme, other}[i%2], random, live)
	}
	must[store.Group](t)(f.PutGroup(t.Context(), acme, store.NewGroup{Name: "g"})) // which gets no seq
	if heads[acme] != f.head() || heads[other] == 0 {
		t.Errorf("the commits end at %v, the head is %d", heads, f.head())
	}
}

func testPositionOfTenant(t *testing.T, open Opener) {
	f := newFixture(t, open)
	ctx := t.Context()
	position := func() apier.Seq { return must[[]store.Group](t)(f.Groups(ctx, acme))[0].Position }
	must[store.Receipts](t)(f.Append(ctx, other, newEvents(50), nil))
	f.add(newEvents(3)...)
	if g := must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "g", FromStart: true})); g.Position != 0 || position() != 0 {
		t.Errorf("at the start: %d, %d", g.Position, position())
	}
	must[store.Receipts](t)(f.Append(ctx, other, newEvents(50), nil))
	for want := range apier.Seq(3) {
		f.lease(holder("g", "a"), 1, time.Minute)
		if got := position(); got != want+1 {
			t.Errorf("after %d events: %d", want+1, got)
		}
	}
	if g := must[store.Group](t)(f.PutGroup(ctx, acme, store.NewGroup{Name: "now"})); g.Position != 3 {
		t.Errorf("from now on: %d", g.Position)
	}
}
