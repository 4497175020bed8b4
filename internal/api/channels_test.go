package api

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

var update = flag.Bool("update", false, "write the documents that are made from tables")

func TestEveryRouteHasAChannelRule(t *testing.T) {
	t.Parallel()
	_, tree := readDocument(t)
	paths := tree["paths"].(map[string]any)
	for _, r := range table() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if !slices.ContainsFunc(channelRules(), func(known ruleNeeds) bool { return known.rule == r.rule }) {
			t.Errorf("%s has no rule for the channels of a token: see channelRule", r.pattern)
		}
		operation := paths[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
		if got := operation["x-channels"]; r.scope != "" && got != string(r.rule) {
			t.Errorf("%s: openapi.json says x-channels %v, want %q", r.pattern, got, r.rule)
		}
	}
}

// claimTokens are tokens of all scopes whose channels are the key of the map; nil is the claim that is absent.
func (w *world) claimTokens(t *testing.T, claims map[string][]string) map[string]string {
	t.Helper()
	_, id := w.newKey(t, auth.DefaultTenant, auth.ScopeAdmin)
	tokens := map[string]string{}
	for name, channels := range claims {
		token, _, err := w.auth.Issue(auth.Identity{Tenant: auth.DefaultTenant, Subject: "u", Scopes: auth.AllScopes(), Channels: channels, KeyID: id})
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = token
	}
	return tokens
}

// permitted names the claims that let each rule through. The names are those of TestWhatChannelsPermitOnEveryRoute.
func permitted() map[channelRule]string {
	return map[channelRule]string{
		ruleNone:         "none event type other events endpoint endpoints metrics",
		ruleEvent:        "event type events",
		ruleEventID:      "event events",
		ruleTypes:        "events", // without ?type=
		ruleNewEvents:    "type events",
		ruleEvents:       "events",
		ruleEndpoint:     "endpoint endpoints",
		ruleEndpoints:    "endpoints",
		ruleDelivery:     "event events endpoint endpoints",
		ruleRecovery:     "endpoint endpoints",
		ruleWebhooks:     "endpoints", // without ?endpoint=
		ruleMetrics:      "metrics",
		ruleUnrestricted: "",
		ruleOperators:    "",
	}
}

// Every route is tried with every kind of channels claim, of a token that has all scopes.
func TestWhatChannelsPermitOnEveryRoute(t *testing.T) {
	t.Parallel()
	for _, r := range table() {
		if r.scope == "" {
			continue
		}
		t.Run(r.pattern, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, worldOptions{})
			own, others := w.samples(t), w.samples(t)
			for _, name := range []string{"none", "event", "type", "other", "events", "endpoint", "endpoints", "metrics", "all", "absent"} {
				if strings.HasPrefix(r.pattern, "DELETE") {
					own, others = w.samples(t), w.samples(t)
				}
				channels := map[string][]string{
					"none": {}, "event": {"event:" + own["/api/events/"]}, "type": {"events:hook.*"}, "other": {"events:order.*"}, "events": {"events"},
					"endpoint": {"endpoint:" + own["/api/endpoints/"]}, "endpoints": {"endpoint:*"}, "metrics": {"metrics"}, "all": {"*"},
				}
				token := w.claimTokens(t, map[string][]string{name: channels[name]})[name]
				try := func(what ids) int {
					method, path, body := concrete(r, what)
					return w.do(t, method, path, strings.ReplaceAll(body, "order.created", "hook.sent"), as(token)...).status
				}
				want := slices.Contains(strings.Fields(permitted()[r.rule]+" absent"), name) || name == "all" && r.rule != ruleUnrestricted && r.rule != ruleOperators
				if status := try(own); status == 403 == want || status == 401 {
					t.Errorf("channels %q: %d, want it permitted: %v", name, status, want)
				}
				byID := strings.Contains(r.pattern, "{id}") && (name == "event" || name == "endpoint")
				if status := try(others); byID && status != 403 {
					t.Errorf("channels %q, with ids of others: %d", name, status)
				}
			}
		})
	}
}

// A list and a log are permitted where the query holds them to what the channels permit.
func TestChannelsAndTheQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	made := w.samples(t)
	w.create(t, "order.made", "s", "{}")
	endpoint := made["/api/endpoints/"]
	tokens := w.claimTokens(t, map[string][]string{"hook": {"events:hook.*", "endpoint:" + endpoint}, "one": {"event:" + made["/api/events/"]}})
	for _, list := range []string{"/api/events", "/api/events/export"} {
		for query, permitted := range map[string]bool{
			"?type=hook.sent": true, "?type=hook.*": true, "?type=hook.sent,hook.*&type=hook.x": true,
			"": false, "?type=": false, "?type=,": false, "?type=*": false, "?type=order.*": false, "?type=hook.*,order.made": false,
			"?type=hook.sent&type=order.made": false, "?type=hook.*t": false, "?type=*hook.*": false, "?Type=hook.sent": false, "?search=x": false,
		} {
			answer := w.do(t, "GET", list+query, "", as(tokens["hook"])...)
			if !permitted {
				answer.refused(t, 403, apier.CodeForbidden)
			} else if answer.status != 200 || !strings.Contains(string(answer.body), "hook.sent") || strings.Contains(string(answer.body), "order.made") {
				t.Errorf("%s%s: %d %s", list, query, answer.status, answer.body)
			}
			w.do(t, "GET", list+query, "", as(tokens["one"])...).refused(t, 403, apier.CodeForbidden)
		}
	}
	w.do(t, "GET", "/api/webhooks/logs?endpoint="+endpoint, "", as(tokens["hook"])...).want(t, 200, nil)
	w.do(t, "GET", "/api/webhooks/logs?endpoint=ep_other", "", as(tokens["hook"])...).refused(t, 403, apier.CodeForbidden)
	w.do(t, "GET", "/api/webhooks/logs", "", as(tokens["hook"])...).refused(t, 403, apier.CodeForbidden)
	// What does not exist is refused in the same words as what is not permitted.
	hidden := w.do(t, "GET", "/api/events/evt_nothing", "", as(tokens["hook"])...).refused(t, 403, apier.CodeForbidden)
	if other := w.do(t, "GET", "/api/events/"+string(w.create(t, "order.made", "s", "{}").ID), "", as(tokens["hook"])...).refused(t, 403, apier.CodeForbidden); other.Detail != hidden.Detail {
		t.Errorf("%q and %q", hidden.Detail, other.Detail)
	}
	// One event that is not permitted refuses a batch, and nothing is stored.
	before := w.seq(t)
	w.do(t, "POST", "/api/events/batch", `[{"type":"hook.a","source":"s","payload":{}},{"type":"order.a","source":"s","payload":{}}]`, as(tokens["hook"])...).refused(t, 403, apier.CodeForbidden)
	w.do(t, "POST", "/api/events?dry_run=true", `{"type":"hook.a","source":"s","payload":{}}`, as(tokens["hook"])...).refused(t, 403, apier.CodeForbidden)
	if w.seq(t) != before {
		t.Error("a refused request stored something")
	}
}

// A ticket and a refreshed token permit what the token permits for which they were made, and last no longer than it does.
func TestNothingMadeOfATokenIsWider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	token := w.claimTokens(t, map[string][]string{"one": {"event:evt_1"}})["one"]
	want, err := w.auth.Token(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	var ticket ticketAnswer
	w.do(t, "POST", "/api/ws-tickets", "", as(token)...).want(t, 200, &ticket)
	got, err := w.auth.Ticket(t.Context(), ticket.Ticket)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ticket: %+v, %v, want %+v", got, err, want)
	}
	var refreshed tokenAnswer
	w.do(t, "POST", "/api/token/refresh", "", as(token)...).want(t, 200, &refreshed)
	got, err = w.auth.Token(t.Context(), refreshed.AccessToken)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) { // the clock stands still
		t.Errorf("refreshed: %+v, %v, want %+v", got, err, want)
	}
	w.token(t, form("username", "api", "password", token)).want(t, 401, nil) // a token is no key
	w.token(t, form("username", "api", "password", ticket.Ticket)).want(t, 401, nil)
}

// TestAccessDocument holds docs/access.md to the tables. To write it: go test ./internal/api -run AccessDocument -update
func TestAccessDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/access.md"
	want := accessDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/access.md is not what the table says (%v): run this test with -update", err)
	}
}

const accessIntro = `# What a credential may do

A credential has a tenant, scopes and, if it is a token, perhaps the claim ` + "`channels`" + `. All of them hold on every transport: REST, WebSocket, tickets and refreshed tokens. This page is made from the table of routes (` + "`internal/api`" + `); a test compares the two.

* **Tenant**: nothing of another tenant is ever seen or changed.
* **Operators** are the admins of the tenant ` + "`default`" + `: the key that the server makes at its first start, and whoever gets an admin key or token of that tenant. What counts over all tenants is for them alone. So give every customer a tenant of its own, and tokens of your issuer a tenant: those that name none are of ` + "`default`" + `.
* **Scopes**: ` + "`events:read`, `events:write`, `admin`" + `. ` + "`admin`" + ` includes the others. A WebSocket needs ` + "`events:read`" + `.
* **Channels** (` + "`apier token --channels`" + `): a list of channels, or of beginnings followed by ` + "`*`" + `. ` + "`events`" + ` includes every ` + "`events:<type>` and `event:<id>`" + `. Without the claim, everything of the tenant is permitted; an empty list permits nothing. API keys have no channels.
* A ticket and a refreshed token have the tenant, the scopes and the channels of the token they were made of.

What a token with channels does not permit is refused with 403 ` + "`forbidden`" + `. The answer is the same whether a thing does not exist or is not permitted.

## Routes

`

func accessDocument() string {
	var b strings.Builder
	b.WriteString(accessIntro + "| route | scope | a token with channels needs |\n| --- | --- | --- |\n")
	needs := map[channelRule]string{}
	for _, r := range channelRules() {
		needs[r.rule] = r.needs
	}
	for _, r := range table() {
		scope, channels := "`"+r.scope+"`", needs[r.rule]
		if r.scope == "" {
			scope, channels = "–", "no credential"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.pattern, scope, channels)
	}
	b.WriteString("\n`GET /api/inbox` with `lease_seconds` needs `events:write` too. `POST /api/events` and `…/batch` with `dry_run=true` need `endpoint:*` too, because the answer names endpoints.\n" +
		"\n## WebSocket channels\n\nAll need the scope `events:read`. Each row says which entries of the claim `channels` permit a subscription. Those that are not permitted are answered with `error` `forbidden`.\n\n" +
		"| channel | permitted by |\n| --- | --- |\n")
	for _, channel := range []string{"events", "events:order.*", "events:order.made", "event:*", "event:evt_1", "metrics", "endpoint:*", "endpoint:ep_1"} {
		var by []string
		for _, entry := range []string{"*", "events", "events:*", "events:order.*", "events:order.made", "event:*", "event:evt_1", "metrics", "endpoint:*", "endpoint:ep_1"} {
			if c, err := apier.ParseChannel(channel); err == nil && apier.Allowed([]string{entry}, c) {
				by = append(by, "`"+entry+"`")
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", channel, strings.Join(by, ", "))
	}
	return b.String()
}
