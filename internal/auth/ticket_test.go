package auth

import (
	"fmt"
	"testing"
	"time"

	"github.com/apier/apier"
)

func TestATicketIsGoodOnceAndForHalfAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	a := New(nil, []byte(secret), Options{Now: func() time.Time { return now }})
	want := Identity{Tenant: "t1", Subject: "u1", Scopes: []string{ScopeRead}, Channels: []string{"metrics"}, ExpiresAt: now.Add(time.Hour)}
	issue := func(id Identity) string {
		t.Helper()
		text, err := a.IssueTicket(id)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	refused := func(what, text string) {
		t.Helper()
		if _, err := a.Ticket(t.Context(), text); apier.AsError(err).Code != apier.CodeUnauthorized {
			t.Errorf("%s: %v", what, err)
		}
	}
	text := issue(want)
	if got, err := a.Ticket(t.Context(), text); err != nil || got.Tenant != want.Tenant || got.Subject != want.Subject ||
		fmt.Sprint(got.Channels) != "[metrics]" || !got.ExpiresAt.Equal(want.ExpiresAt) {
		t.Errorf("got %+v, %v", got, err)
	}
	refused("used", text)
	refused("unknown", "nothing")
	late := issue(want)
	now = now.Add(TicketTTL)
	refused("late", late)
	refused("late and used", late)
	want.ExpiresAt = now.Add(time.Second)
	short := issue(want)
	now = now.Add(2 * time.Second)
	refused("of a token that has expired", short)
	if len(a.tickets.live) != 0 || len(a.tickets.users) != 0 {
		t.Errorf("tickets are left: %v", a.tickets.users)
	}
}

func TestTicketsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	a := New(nil, []byte(secret), Options{Now: func() time.Time { return now }})
	for range maxTicketsPerUser {
		if _, err := a.IssueTicket(Identity{Tenant: "t", Subject: "greedy"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.IssueTicket(Identity{Tenant: "t", Subject: "greedy"}); apier.AsError(err).Code != apier.CodeRateLimited {
		t.Errorf("one user has no bound: %v", err)
	}
	for i := range maxTickets - maxTicketsPerUser {
		if _, err := a.IssueTicket(Identity{Tenant: "t", Subject: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.IssueTicket(Identity{Tenant: "t", Subject: "another"}); apier.AsError(err).Code != apier.CodeUnavailable {
		t.Errorf("no bound: %v", err)
	}
	now = now.Add(TicketTTL)
	if _, err := a.IssueTicket(Identity{Tenant: "t", Subject: "greedy"}); err != nil || len(a.tickets.live) != 1 {
		t.Errorf("what has ended still counts: %v, %d", err, len(a.tickets.live))
	}
}
