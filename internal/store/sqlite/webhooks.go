package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// RecordWebhook implements store.Webhooks.
func (s *Store) RecordWebhook(ctx context.Context, tenant apier.TenantID, w apier.Webhook) (apier.Webhook, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return apier.Webhook{}, fmt.Errorf("make an id: %w", err)
	}
	w.ID = apier.FormatWebhookID(id)
	w.Body = w.Body[:min(len(w.Body), apier.MaxWebhookBody)]
	o := &recordWebhookOp{tenant: tenant, given: w, uuid: id}
	if err := s.submit(ctx, tenant, 1+len(w.Body)>>10, o.apply); err != nil {
		return apier.Webhook{}, wrap("record webhook", err)
	}
	return o.webhook, nil
}

type recordWebhookOp struct {
	tenant  apier.TenantID
	given   apier.Webhook
	uuid    uuid.UUID
	webhook apier.Webhook
}

func (o *recordWebhookOp) apply(b *batch) error {
	tenant, err := b.ensureTenant(o.tenant)
	if err != nil {
		return err
	}
	w := o.given
	if w.Verified {
		if w.Replayed, err = seenWebhook(b.conn, tenant, &w); err != nil {
			return err
		}
	}
	number, err := b.nextWebhookNumber(tenant, w.Verified)
	if err != nil {
		return err
	}
	w.Seq = b.nextSeq(tenant)
	if w.ReceivedAt == 0 {
		w.ReceivedAt = b.now
	}
	headers, err := json.Marshal(w.Headers)
	if err != nil {
		return err
	}
	body := w.Body
	if body == nil {
		body = []byte{} // NULL is no body to SQL
	}
	if err := exec(b.conn, `INSERT INTO webhooks (seq, tenant, uuid, received_at, verified, number, status_code, reason,
		endpoint, message, event_type, replayed, address, size, headers, body, told_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.place, tenant, o.uuid[:], int64(w.ReceivedAt), w.Verified, number, w.StatusCode, w.Reason,
		string(w.EndpointID), w.MessageID, w.EventType, w.Replayed, w.Address, w.Size, string(headers), body, b.differing(w.Seq)); err != nil {
		return err
	}
	o.webhook = w
	b.change(apier.Change{
		Tenant: o.tenant, Kind: apier.WebhookReceived, Webhook: &w, Seq: w.Seq, At: w.ReceivedAt,
	})
	return nil
}

const webhookSeen = "SELECT 1 FROM webhooks INDEXED BY webhooks_by_message WHERE tenant = ? AND message = ? AND endpoint = ? AND verified = 1 LIMIT 1"

func seenWebhook(conn *sqlite.Conn, tenant int64, w *apier.Webhook) (seen bool, err error) {
	err = sqlitex.Execute(conn, webhookSeen, &sqlitex.ExecOptions{
		Args:       []any{tenant, w.MessageID, string(w.EndpointID)},
		ResultFunc: func(*sqlite.Stmt) error { seen = true; return nil },
	})
	return seen, err
}

// refusedShare: for so many verified, one refused is kept.
const refusedShare = 10

const (
	latestWebhook  = "SELECT number FROM webhooks INDEXED BY webhooks_by_kind WHERE tenant = ? AND verified = ? ORDER BY seq DESC LIMIT 1"
	oldestWebhooks = "SELECT seq, number FROM webhooks INDEXED BY webhooks_by_kind WHERE tenant = ? AND verified = ? ORDER BY seq LIMIT 2"
)

// nextWebhookNumber makes room for one more of the kind. It looks at two of the oldest, so that the log
// also shrinks after its bound was lowered.
func (b *batch) nextWebhookNumber(tenant int64, verified bool) (number int64, err error) {
	err = sqlitex.Execute(b.conn, latestWebhook, &sqlitex.ExecOptions{
		Args:       []any{tenant, verified},
		ResultFunc: func(stmt *sqlite.Stmt) error { number = stmt.ColumnInt64(0); return nil },
	})
	if err != nil {
		return 0, err
	}
	number++
	bound := int64(b.writer.store.options.WebhookLog)
	if !verified {
		bound = max(bound/refusedShare, 1)
	}
	var old []int64
	err = sqlitex.Execute(b.conn, oldestWebhooks, &sqlitex.ExecOptions{
		Args: []any{tenant, verified},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			if stmt.ColumnInt64(1) <= number-bound {
				old = append(old, stmt.ColumnInt64(0))
			}
			return nil
		},
	})
	for _, seq := range old {
		if err == nil {
			err = exec(b.conn, "DELETE FROM webhooks WHERE seq = ?", seq)
		}
	}
	return number, err
}

// ListWebhooks implements store.Webhooks.
func (s *Store) ListWebhooks(ctx context.Context, tenant apier.TenantID, filter store.WebhookFilter) (store.WebhookPage, error) {
	var page store.WebhookPage
	err := s.readOf(ctx, tenant, func(conn *sqlite.Conn) (err error) {
		page, err = listWebhooks(conn, tenant, filter)
		return err
	})
	return page, wrap("list webhooks", err)
}

const webhookColumns = "seq, uuid, received_at, verified, status_code, reason, endpoint, message, event_type, replayed, address, size, headers, body, coalesce(told_seq, seq)"

func listWebhooks(conn *sqlite.Conn, name apier.TenantID, filter store.WebhookFilter) (store.WebhookPage, error) {
	tenant, err := readTenant(conn, name)
	page := store.WebhookPage{Seq: tenant.seq}
	if err != nil {
		return page, err
	}
	query, args, err := webhookQuery(conn, tenant.id, filter)
	if err != nil {
		return page, err
	}
	limit := min(max(filter.Limit, 1), maxPage)
	args[":limit"] = limit + 1
	size := 0
	err = sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Named: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		if len(page.Webhooks) == limit || size >= maxLeaseBytes {
			page.HasMore = true
			return errPageFull
		}
		w, err := scanWebhook(stmt)
		size += len(w.Body)
		page.Webhooks = append(page.Webhooks, w)
		return err
	}})
	if errors.Is(err, errPageFull) {
		err = nil
	}
	return page, err
}

// webhookQuery walks along the index that passes over the fewest.
func webhookQuery(conn *sqlite.Conn, tenant int64, filter store.WebhookFilter) (query string, args map[string]any, err error) {
	index, where := "webhooks_by_tenant", "tenant = :tenant"
	args = map[string]any{":tenant": tenant}
	and := func(condition, name string, value any) {
		where += " AND " + condition
		args[name] = value
	}
	if filter.Verified != nil {
		index = "webhooks_by_kind"
		and("verified = :verified", ":verified", *filter.Verified)
	}
	if filter.Endpoint != "" {
		index = "webhooks_by_endpoint"
		and("endpoint = :endpoint", ":endpoint", string(filter.Endpoint))
	}
	if filter.Message != "" {
		index = "webhooks_by_message"
		and("message = :message", ":message", filter.Message)
	}
	if filter.Since != 0 {
		and("received_at >= :since", ":since", int64(filter.Since))
	}
	if filter.StartingAfter != "" {
		cursor, err := webhookPlace(conn, tenant, filter.StartingAfter)
		if err != nil {
			return "", nil, err
		}
		and("seq < :cursor", ":cursor", cursor)
	}
	return "SELECT " + webhookColumns + " FROM webhooks INDEXED BY " + index + " WHERE " + where + " ORDER BY seq DESC LIMIT :limit", args, nil
}

func webhookPlace(conn *sqlite.Conn, tenant int64, id apier.WebhookID) (seq int64, err error) {
	raw, _ := apier.ParseWebhookID(string(id)) // of anything else there is none
	err = sqlitex.Execute(conn, "SELECT seq FROM webhooks WHERE uuid = ? AND tenant = ?", &sqlitex.ExecOptions{
		Args:       []any{raw[:], tenant},
		ResultFunc: func(stmt *sqlite.Stmt) error { seq = stmt.ColumnInt64(0); return nil },
	})
	if err == nil && seq == 0 {
		err = apier.Errorf(apier.CodeNotFound, "There is no webhook %q in the log; it may have made room for later ones. Begin at the start.", id)
	}
	return seq, err
}

func scanWebhook(stmt *sqlite.Stmt) (apier.Webhook, error) {
	var id [16]byte
	stmt.ColumnBytes(1, id[:])
	w := apier.Webhook{
		Seq: apier.Seq(stmt.ColumnInt64(14)), ID: apier.FormatWebhookID(id), ReceivedAt: apier.Timestamp(stmt.ColumnInt64(2)),
		Verified: stmt.ColumnBool(3), StatusCode: stmt.ColumnInt(4), Reason: stmt.ColumnText(5),
		EndpointID: apier.EndpointID(stmt.ColumnText(6)), MessageID: stmt.ColumnText(7), EventType: stmt.ColumnText(8),
		Replayed: stmt.ColumnBool(9), Address: stmt.ColumnText(10), Size: stmt.ColumnInt(11), Body: columnBytes(stmt, 13),
	}
	return w, json.Unmarshal([]byte(stmt.ColumnText(12)), &w.Headers)
}

const webhooksAfter = "SELECT " + webhookColumns + " FROM webhooks INDEXED BY webhooks_by_tenant WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"

// webhookChangesAfter gives what the receiver got after a seq and still has.
func webhookChangesAfter(conn *sqlite.Conn, t *tenantRow, after apier.Seq, limit int) (changes []apier.Change, err error) {
	place, err := placeOfSeq(conn, t, webhooksFrom, after)
	if err != nil {
		return nil, err
	}
	err = sqlitex.Execute(conn, webhooksAfter, &sqlitex.ExecOptions{
		Args: []any{t.id, place, limit},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			w, err := scanWebhook(stmt)
			changes = append(changes, apier.Change{
				Kind: apier.WebhookReceived, Webhook: &w, Seq: w.Seq, At: w.ReceivedAt,
			})
			return err
		},
	})
	return changes, err
}

// SignatureSecrets implements store.Webhooks.
func (s *Store) SignatureSecrets(ctx context.Context, id apier.EndpointID) (tenant apier.TenantID, secrets [][]byte, err error) {
	raw, ok := apier.ParseEndpointID(id)
	if !ok {
		return "", nil, errNoEndpoint(id)
	}
	err = s.readOf(ctx, tenant, func(conn *sqlite.Conn) error {
		var number int64
		err := sqlitex.Execute(conn, "SELECT p.number, t.name FROM endpoints p JOIN tenants t ON t.id = p.tenant WHERE p.uuid = ?", &sqlitex.ExecOptions{
			Args: []any{raw[:]},
			ResultFunc: func(stmt *sqlite.Stmt) error {
				number, tenant = stmt.ColumnInt64(0), apier.TenantID(stmt.ColumnText(1))
				return nil
			},
		})
		if err != nil {
			return err
		}
		if number == 0 {
			return errNoEndpoint(id)
		}
		secrets, err = secretsOf(conn, number, apier.TimestampOf(s.options.Now()))
		return err
	})
	return tenant, secrets, wrap("read secrets", err)
}
