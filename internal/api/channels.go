package api

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

// channelRule says which channels a token must permit before a route serves it. It is the same for every credential;
// an API key and a token without the claim "channels" permit all of the tenant. What a route shows is what these
// channels show over WebSocket; a route that shows more, or that cannot be held to channels, has ruleUnrestricted.
type channelRule string

// The rules. Each route has one: TestEveryRouteHasAChannelRule.
const (
	ruleNone          channelRule = "none"             // nothing of the tenant's is shown or changed, or there is no credential
	ruleEvent         channelRule = "event"            // of the event in the path, by its id or its type
	ruleEventID       channelRule = "event:<id>"       // of the event in the path, by its id
	ruleTypes         channelRule = "types"            // of the types that the query asks for; of all events if it names none
	ruleNewEvents     channelRule = "new events"       // of the type of each event in the body; the handler asks
	ruleEvents        channelRule = "events"           // of all events
	ruleEndpoint      channelRule = "endpoint:<id>"    // of the endpoint in the path
	ruleEndpoints     channelRule = "endpoint:*"       // of all endpoints
	ruleDelivery      channelRule = "delivery"         // of the delivery in the path: its endpoint or its event
	ruleRecovery      channelRule = "recovery"         // of the endpoint of the recovery in the path
	ruleWebhooks      channelRule = "webhooks"         // of the endpoint that the query names; of all if it names none
	ruleMetrics       channelRule = "metrics"          // of the counters
	ruleUnrestricted  channelRule = "no channel claim" // tokens without the claim alone
	ruleOperators     channelRule = "operators"        // likewise, and of the tenant default alone: it tells of all tenants
	wordsUnrestricted             = "This route cannot be held to channels: it needs a token without the claim \"channels\", or an API key."
)

// ruleNeeds says for people which channels a rule asks for.
type ruleNeeds struct {
	rule  channelRule
	needs string
}

// channelRules lists the rules with what each needs.
func channelRules() []ruleNeeds {
	return []ruleNeeds{
		{ruleNone, "any channels"},
		{ruleEvent, "`event:<id>` of the event, or `events:<type>` of its type"},
		{ruleEventID, "`event:<id>` of the event"},
		{ruleTypes, "`events:<type>` of each type that `?type=` names; without `?type=`, `events`"},
		{ruleNewEvents, "`events:<type>` of the type of each event that is sent"},
		{ruleEvents, "`events`"},
		{ruleEndpoint, "`endpoint:<id>` of the endpoint"},
		{ruleEndpoints, "`endpoint:*`"},
		{ruleDelivery, "`endpoint:<id>` of its endpoint, or `event:<id>` of its event"},
		{ruleRecovery, "`endpoint:<id>` of its endpoint"},
		{ruleWebhooks, "`endpoint:<id>` of the endpoint that `?endpoint=` names; without it, `endpoint:*`"},
		{ruleMetrics, "`metrics`"},
		{ruleUnrestricted, "a token without `channels`"},
		{ruleOperators, "an operator: the tenant `default`, and a token without `channels`"},
	}
}

// permit decides whether the channels of the credential let it use a route. What does not exist and what is not
// permitted get the same answer.
func (a *API) permit(ctx context.Context, c *call, rule channelRule) error {
	if rule == ruleOperators && c.id.Tenant != auth.DefaultTenant {
		return apier.Errorf(apier.CodeForbidden, "This route tells of all tenants together: it is for admins of the tenant %q, who operate the server.", auth.DefaultTenant)
	}
	if c.id.Channels == nil {
		return nil
	}
	switch rule {
	case ruleNone, ruleNewEvents: // createEvent and createEvents ask permitNew
		return nil
	case ruleEvent:
		return a.permitEvent(ctx, c)
	case ruleEventID:
		return c.needs("event:" + c.r.PathValue("id"))
	case ruleTypes:
		return c.permitTypes()
	case ruleEvents:
		return c.needs("events")
	case ruleEndpoint:
		return c.needs("endpoint:" + c.r.PathValue("id"))
	case ruleEndpoints:
		return c.needs("endpoint:*")
	case ruleDelivery:
		d, err := a.store.Delivery(ctx, c.id.Tenant, c.delivery())
		return c.needsUnlessGone(err, "endpoint:"+string(d.EndpointID), "event:"+string(d.EventID))
	case ruleRecovery:
		r, err := a.store.Recovery(ctx, c.id.Tenant, c.r.PathValue("id"))
		return c.needsUnlessGone(err, "endpoint:"+string(r.EndpointID))
	case ruleWebhooks:
		return c.permitWebhooks()
	case ruleMetrics:
		return c.needs("metrics")
	default:
		return apier.Errorf(apier.CodeForbidden, wordsUnrestricted)
	}
}

// may reports whether the credential permits a channel.
func (c *call) may(name string) bool {
	channel, err := apier.ParseChannel(name)
	return err == nil && apier.Allowed(c.id.Channels, channel)
}

// needs fails unless the credential permits one of the channels.
func (c *call) needs(names ...string) error {
	if slices.ContainsFunc(names, c.may) {
		return nil
	}
	return apier.Errorf(apier.CodeForbidden, "The token's channels do not permit this: it needs %s.", strings.Join(names, " or "))
}

// needsUnlessGone is needs for the channels of a thing that was looked up with err. One that does not exist is
// refused in the words of one that is not permitted.
func (c *call) needsUnlessGone(err error, names ...string) error {
	if err != nil && apier.AsError(err).Code != apier.CodeNotFound {
		return err
	}
	if err == nil && slices.ContainsFunc(names, c.may) {
		return nil
	}
	return apier.Errorf(apier.CodeForbidden, "The token's channels do not permit this, or there is no such thing.")
}

func (a *API) permitEvent(ctx context.Context, c *call) error {
	if c.may("event:" + c.r.PathValue("id")) {
		return nil
	}
	event, err := a.store.Event(ctx, c.id.Tenant, c.event())
	return c.needsUnlessGone(err, "events:"+event.Type)
}

func (c *call) permitTypes() error {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	types := typeGlobs(q)
	if len(types) == 0 || err != nil {
		return c.needs("events")
	}
	for _, glob := range types {
		if strings.Contains(strings.TrimSuffix(glob, "*"), "*") { // no channel has it
			return c.needs("events")
		}
		if err := c.needs("events:" + glob); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) permitWebhooks() error {
	endpoint := "*"
	if q, err := url.ParseQuery(c.r.URL.RawQuery); err == nil && q.Get("endpoint") != "" {
		endpoint = q.Get("endpoint")
	}
	return c.needs("endpoint:" + endpoint)
}

// permitNew fails unless the credential's channels permit every event that is to be stored.
func (c *call) permitNew(events ...apier.NewEvent) error {
	if c.id.Channels == nil {
		return nil
	}
	for _, e := range events {
		if err := c.needs("events:" + e.Type); err != nil {
			return err
		}
	}
	return nil
}
