package api

import (
	"net/http"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/signature"
	"github.com/apier/apier/internal/store"
)

// listWebhooks answers GET /api/webhooks/logs: {logs, has_more, seq}, newest first.
func (a *API) listWebhooks(c *call) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	faults := unknownParameters(q, []string{"verified", "endpoint", "event", "since", "limit", "starting_after"})
	filter := store.WebhookFilter{
		Endpoint: apier.EndpointID(q.Get("endpoint")), Message: q.Get("event"), StartingAfter: apier.WebhookID(q.Get("starting_after")),
	}
	if q.Get("verified") != "" {
		var verified bool
		verified, faults = readFlag(q, "verified", faults)
		filter.Verified = &verified
	}
	filter.Since, faults = readTime(q, "since", faults)
	if filter.Limit, faults = readLimit(q, faults); len(faults) > 0 {
		return badQuery(faults)
	}
	var page store.WebhookPage
	err = a.listed(c.ctx(), c, store.Filter{Limit: filter.Limit}, func() (bodies []apier.Event, err error) {
		page, err = a.store.ListWebhooks(c.ctx(), c.id.Tenant, filter)
		for i := range page.Webhooks {
			bodies = append(bodies, apier.Event{Payload: page.Webhooks[i].Body})
		}
		return bodies, err
	})
	if err != nil {
		return a.tooSlow(q, err)
	}
	logs := make([]*apier.Webhook, len(page.Webhooks))
	for i := range page.Webhooks {
		logs[i] = &page.Webhooks[i]
	}
	return answer(c.w, struct {
		Logs    []*apier.Webhook `json:"logs"`
		HasMore bool             `json:"has_more"`
		Seq     apier.Seq        `json:"seq"`
	}{logs, page.HasMore, page.Seq})
}

// signatureCheck is what POST /api/webhooks/verify is asked to check.
type signatureCheck struct {
	Secret     string
	EndpointID apier.EndpointID
	Headers    map[string]string
	Body       string
}

type signatureVerdict struct {
	Valid bool             `json:"valid"`
	Steps []signature.Step `json:"steps"`
}

// verifyWebhook answers POST /api/webhooks/verify: which part of a signed webhook holds, and what to do
// about the first that does not. It never tells what the right signature would be.
func (a *API) verifyWebhook(c *call) error {
	body, err := readObject(c, 2*a.opt.MaxPayload+envelopeSize)
	if err != nil {
		return err
	}
	var check signatureCheck
	faults := body.decode(field{"secret", &check.Secret}, field{"endpoint_id", &check.EndpointID}, field{"headers", &check.Headers}, field{"body", &check.Body})
	if (check.Secret == "") == (check.EndpointID == "") {
		faults = withFaults(faults, []apier.FieldError{{Field: "secret", Reason: "or endpoint_id is needed: one of them"}})
	}
	if len(faults) > 0 {
		return invalid(faults)
	}
	verdict := signatureVerdict{Valid: true}
	secrets, step, err := a.secretsOf(c, check)
	if err != nil {
		return err
	}
	verdict.Steps = append(verdict.Steps, step)
	h := http.Header{}
	for name, value := range check.Headers {
		h.Set(name, strings.TrimSpace(value))
	}
	message := signature.MessageOf(h, []byte(check.Body))
	verdict.Steps = append(verdict.Steps, message.Check(a.opt.Now(), secrets...)...)
	for i := range verdict.Steps {
		step := &verdict.Steps[i]
		verdict.Valid = verdict.Valid && step.OK
		if step.Name == signature.StepSignature && !step.OK {
			step.Advice = message.Advice(secrets...)
		}
	}
	return answer(c.w, verdict)
}

// secretsOf gives the secrets to check with, and whether the given one can be read.
func (a *API) secretsOf(c *call, check signatureCheck) (secrets [][]byte, step signature.Step, err error) {
	step = signature.Step{Name: "secret", OK: true, Detail: "The secret has the right form."}
	if check.Secret == "" {
		secrets, err = a.store.Secrets(c.ctx(), c.id.Tenant, check.EndpointID)
		return secrets, step, err
	}
	secret, unreadable := signature.ParseSecret(check.Secret)
	if step.OK = unreadable == nil; !step.OK {
		step.Detail = "The secret cannot be read: " + unreadable.Error() + "."
		return nil, step, nil
	}
	return [][]byte{secret}, step, nil
}
