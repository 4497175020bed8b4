package store

import (
	"context"

	"github.com/apier/apier"
)

// Webhooks is the receiver's log. It is bounded: of each tenant the latest Options.WebhookLog verified and
// a tenth as many refused are kept, so that strangers cannot push out what counts.
type Webhooks interface {
	// RecordWebhook writes one down; the store gives ID, Seq, Replayed and, if it is zero, ReceivedAt. The
	// id of a verified one is claimed in the same transaction: the next verified one with the same
	// MessageID and EndpointID is Replayed, and nothing else is.
	RecordWebhook(ctx context.Context, tenant apier.TenantID, w apier.Webhook) (apier.Webhook, error)
	// ListWebhooks gives one page of the log, newest first.
	ListWebhooks(ctx context.Context, tenant apier.TenantID, filter WebhookFilter) (WebhookPage, error)
	// SignatureSecrets gives the tenant of an endpoint and the secrets in force, newest first: the way in,
	// before the tenant is known. not_found: there is no such endpoint.
	SignatureSecrets(ctx context.Context, endpoint apier.EndpointID) (apier.TenantID, [][]byte, error)
}

// WebhookFilter selects lines of the receiver's log; zero fields select everything.
type WebhookFilter struct {
	Verified      *bool
	Endpoint      apier.EndpointID
	Message       string // the header webhook-id
	Since         apier.Timestamp
	StartingAfter apier.WebhookID // the last of the page before; else not found
	Limit         int             // 1 to 1000
}

// WebhookPage is one page of the receiver's log, and the Seq at which it was read.
type WebhookPage struct {
	Webhooks []apier.Webhook
	HasMore  bool
	Seq      apier.Seq
}
