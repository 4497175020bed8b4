package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/problem"
	"github.com/apier/apier/internal/signature"
)

// WebhookSecret lets senders elsewhere, who are no endpoint of ours, deliver to POST /api/webhook.
type WebhookSecret struct {
	Tenant apier.TenantID
	Secret []byte
}

const (
	refusalsPerSec   = 10      // refused webhooks a second that are written down, of all senders together
	maxOutline       = 256     // bytes of what an unverified sender says that are kept, of each header
	maxWebhook       = 8 << 20 // bytes of a body, where --max-payload-bytes says more: it is read before anybody is verified
	maxAddress       = 64
	maxKeptHeaders   = 40
	maxKeptHeaderLen = 1024 // bytes of one value
)

// sender is somebody who may have signed a webhook.
type sender struct {
	tenant   apier.TenantID
	endpoint apier.EndpointID // "": a configured secret
	secrets  [][]byte
}

// receiveWebhook answers POST /api/webhook: 204 if a signature holds, also for one that came before. What
// came is in the log before the sender gets the answer, and only then counts as seen.
func (a *API) receiveWebhook(c *call) error {
	w := apier.Webhook{Address: cutText(a.opt.ClientAddr(c.r), maxAddress), MessageID: outline(c.r.Header.Get(signature.HeaderID))}
	if wait := a.receiver.take(caller{subject: a.opt.LimitKey(w.Address)}, a.opt.Now()); wait > 0 {
		problem.Write(c.w, apier.Errorf(apier.CodeRateLimited, "More than %v webhooks a second from one address (--webhook-requests-per-second).", a.opt.WebhooksPerSec), wait)
		return nil
	}
	senders, refusal := a.senders(c)
	if refusal != nil && apier.AsError(refusal).Code != apier.CodeUnauthorized {
		return refusal
	}
	limit := min(a.opt.MaxPayload, maxWebhook)
	body, err := c.readAll(limit)
	w.Size = len(body)
	var full *apier.Error
	switch {
	case errors.As(err, &full):
		return full
	case errors.Is(err, errTooLong):
		refusal = apier.Errorf(apier.CodeTooLarge, "The body is over %d bytes (--max-payload-bytes, 8 MiB at most here).", limit)
	case err != nil:
		return apier.Errorf(apier.CodeMalformed, "The request body ended too early.")
	case refusal == nil:
		var by sender
		if by, refusal = a.verify(c, senders, body); refusal == nil {
			return a.accept(c, by, w, body)
		}
	}
	return a.refuse(c, senders, w, refusal)
}

// senders gives who may have signed: the endpoint that the sender names, or else all configured secrets.
func (a *API) senders(c *call) ([]sender, error) {
	if id := apier.EndpointID(c.r.Header.Get(signature.HeaderEndpoint)); id != "" {
		tenant, secrets, err := a.store.SignatureSecrets(c.ctx(), id)
		if err != nil {
			if apier.AsError(err).Code == apier.CodeNotFound {
				err = apier.Errorf(apier.CodeUnauthorized, "The header %s names no endpoint of this server. If it was deleted, so was its secret.", signature.HeaderEndpoint)
			}
			return nil, err
		}
		return []sender{{tenant, id, secrets}}, nil
	}
	if len(a.opt.WebhookSecrets) == 0 {
		return nil, apier.Errorf(apier.CodeUnauthorized, "No secret is known to check it with: the header %s is missing, and no secret is configured (--webhook-secrets).", signature.HeaderEndpoint)
	}
	all := make([]sender, len(a.opt.WebhookSecrets))
	for i, s := range a.opt.WebhookSecrets {
		all[i] = sender{tenant: s.Tenant, secrets: [][]byte{s.Secret}}
	}
	return all, nil
}

// verify finds the sender whose signature holds.
func (a *API) verify(c *call, senders []sender, body []byte) (by sender, err error) {
	message := signature.MessageOf(c.r.Header, body)
	for _, by := range senders {
		if err = message.Verify(a.opt.Now(), by.secrets...); err == nil {
			return by, nil
		}
	}
	return sender{}, apier.Errorf(apier.CodeUnauthorized, "%s", err)
}

func (a *API) accept(c *call, by sender, w apier.Webhook, body []byte) error {
	w.Verified, w.StatusCode, w.EndpointID = true, http.StatusNoContent, by.endpoint
	w.EventType = outline(c.r.Header.Get(signature.HeaderEventType))
	secrets, err := a.settingsOf(c, by)
	if err != nil {
		return err
	}
	w.Headers, w.Body = keptHeaders(c.r.Header, secrets), body
	w, err = a.store.RecordWebhook(c.ctx(), by.tenant, w)
	if err != nil {
		return err
	}
	if w.Replayed {
		c.w.Header().Set("Idempotent-Replayed", "true")
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// refuse writes the outlines down, unless there are too many of them, and answers. Whose log it is in: that
// of the endpoint's tenant if one was named, else that of the default tenant.
func (a *API) refuse(c *call, senders []sender, w apier.Webhook, refusal error) error {
	e := apier.AsError(refusal)
	if a.refusals.AllowN(a.opt.Now(), 1) {
		tenant := auth.DefaultTenant
		if len(senders) == 1 && senders[0].endpoint != "" { // a lone configured secret was not named by the sender
			tenant, w.EndpointID = senders[0].tenant, senders[0].endpoint
		}
		w.StatusCode, w.Reason = problem.Status(e.Code), e.Message
		w.Headers = outlines(c.r.Header)
		if _, err := a.store.RecordWebhook(c.ctx(), tenant, w); err != nil {
			return err
		}
	}
	return refusal
}

// settingsOf returns the headers that an endpoint of ours sends by its settings: their values are secrets.
func (a *API) settingsOf(c *call, by sender) (map[string]string, error) {
	if by.endpoint == "" {
		return nil, nil
	}
	e, err := a.store.Endpoint(c.ctx(), by.tenant, by.endpoint)
	return e.Headers, err
}

// keptHeaders gives what a verified sender sent, without what could be a credential.
func keptHeaders(h http.Header, secrets map[string]string) map[string]string {
	h = h.Clone()
	for name := range secrets {
		h.Del(name)
	}
	kept := map[string]string{}
	for name, values := range h {
		name = strings.ToLower(name)
		if len(kept) < maxKeptHeaders && !apier.HoldsCredential(name) {
			kept[name] = cutText(strings.Join(values, ", "), maxKeptHeaderLen)
		}
	}
	return kept
}

// outlines gives the few headers that help to find out why a webhook was refused.
func outlines(h http.Header) map[string]string {
	kept := map[string]string{}
	for _, name := range []string{signature.HeaderID, signature.HeaderTimestamp, signature.HeaderSignature, signature.HeaderEndpoint, "content-type", "user-agent"} {
		if value := h.Get(name); value != "" {
			kept[name] = outline(value)
		}
	}
	return kept
}

func outline(s string) string { return cutText(s, maxOutline) }

// cutText makes text that can be stored: valid UTF-8, of limited length.
func cutText(s string, limit int) string { return strings.ToValidUTF8(s[:min(len(s), limit)], "") }
