package storetest

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// claimable gives what a claim of an endpoint may take now, and how much of it.
func (m *deliveryModel) claimable(e *modelEndpoint, limit int) (due []*modelDelivery, n int) {
	underWay := 0
	for _, d := range m.deliveries {
		if d.endpoint != e || d.status != apier.DeliveryPending || d.key != "" && !d.turn {
			continue
		}
		switch {
		case d.leased > m.at():
			underWay++
		case d.leased != 0 || d.due <= m.at():
			due = append(due, d)
		}
	}
	if e.status != apier.EndpointActive || m.at() < e.hold {
		return nil, 0
	}
	if e.hold != 0 {
		limit = min(limit, max(1-underWay, 0))
	}
	return due, min(limit, len(due))
}

func (m *deliveryModel) claim(r *rapid.T) {
	e := pick(r, "endpoint", m.living())
	m.claimOf(e, rapid.IntRange(1, 3).Draw(r, "limit"))
}

// claimOf claims, and holds the outcome against what was due.
func (m *deliveryModel) claimOf(e *modelEndpoint, limit int) []modelClaim {
	due, n := m.claimable(e, limit)
	claims := must[store.Claims](m.r)(m.Claim(m.t.Context(), m.tenant, e.id, limit, 45*time.Second))
	if len(claims.Claimed) != n {
		m.r.Fatalf("claimed %d, want %d of %d that are due", len(claims.Claimed), n, len(due))
	}
	var mine []modelClaim
	for _, c := range claims.Claimed {
		i := slices.IndexFunc(due, func(d *modelDelivery) bool { return d.id == c.Delivery.ID })
		if i < 0 {
			m.r.Fatalf("claimed %+v, which is not due", c.Delivery)
		}
		d := due[i]
		due = slices.Delete(due, i, i+1)
		d.holder++
		d.leased = m.at() + 60_000
		if c.Delivery.LeasedUntil != d.leased || c.Event.ID != d.event.id {
			m.r.Fatalf("claimed %+v of %s, want the lease to end at %v", c.Delivery, d.event.id, d.leased)
		}
		mine = append(mine, modelClaim{d, d.holder, c})
	}
	m.claims = append(m.claims, mine...)
	return mine
}

func (m *deliveryModel) anyClaim(r *rapid.T) modelClaim {
	return pick(r, "claim", m.claims[max(len(m.claims)-6, 0):])
}

func (c modelClaim) holds() bool {
	return c.delivery.holder == c.holder && c.delivery.status == apier.DeliveryPending && c.delivery.leased != 0
}

func (m *deliveryModel) finish(r *rapid.T) {
	c := m.anyClaim(r)
	attempt := apier.Attempt{StartedAt: m.at(), StatusCode: 200}
	verdict := store.Verdict{Status: apier.DeliveryDelivered}
	switch rapid.SampledFrom([]string{"ok", "ok", "again", "again", "give up", "hold", "ours", "disable"}).Draw(r, "outcome") {
	case "again":
		verdict = store.Verdict{Status: apier.DeliveryPending, DueAt: m.at() + apier.Timestamp(rapid.IntRange(0, 60_000).Draw(r, "wait"))}
	case "give up":
		verdict.Status = apier.DeliveryFailed
	case "hold":
		verdict = store.Verdict{Status: apier.DeliveryPending, DueAt: m.at(), HoldUntil: m.at() + 30_000}
	case "ours":
		verdict = store.Verdict{Status: apier.DeliveryPending, DueAt: m.at(), Blameless: true}
	case "disable":
		verdict = store.Verdict{Status: apier.DeliveryFailed, DisableReason: "it said so"}
	}
	if verdict.Status != apier.DeliveryDelivered {
		attempt.StatusCode, attempt.ErrorKind, attempt.ErrorMessage = 503, apier.ErrorHTTP5xx, "503"
	}
	m.finishBy(c, attempt, verdict)
}

func (m *deliveryModel) finishBy(c modelClaim, attempt apier.Attempt, verdict store.Verdict) {
	held, d, e := c.holds(), c.delivery, c.delivery.endpoint
	_, err := m.Finish(m.t.Context(), m.tenant, c.claimed, attempt, verdict)
	if !held {
		wantCode(m.r, err, apier.CodeConflict)
		return
	}
	check(m.r, err)
	d.attempts++
	d.leased, d.due = 0, verdict.DueAt
	if attempt.OK() {
		e.hold = 0
	} else {
		e.hold = max(e.hold, verdict.HoldUntil)
	}
	if verdict.Status != apier.DeliveryPending {
		m.end(d, verdict.Status)
	}
	d.event.attempts++
	m.restate(d.event)
	if verdict.DisableReason != "" && e.status != apier.EndpointDisabled {
		m.disabled(e)
	}
}

// disabled follows the event that tells of it: the endpoint itself does not get it.
func (m *deliveryModel) disabled(e *modelEndpoint) {
	e.status = apier.EndpointDisabled
	page := must[store.Page](m.r)(m.List(m.t.Context(), m.tenant, store.Filter{Types: []string{"system.endpoint_disabled"}, Limit: 1}))
	if len(page.Events) != 1 {
		m.r.Fatalf("no event tells that %s was disabled", e.id)
	}
	m.route(&modelEvent{id: page.Events[0].ID, typ: page.Events[0].Type, status: apier.StatusPending})
}

func (m *deliveryModel) release(r *rapid.T) {
	c := m.anyClaim(r)
	at := m.at() + apier.Timestamp(rapid.IntRange(0, 20_000).Draw(r, "wait"))
	held := c.holds()
	check(r, m.Release(m.t.Context(), m.tenant, c.claimed, at))
	if held {
		c.delivery.leased, c.delivery.due = 0, at
	}
}

func (m *deliveryModel) retry(r *rapid.T) {
	d := pick(r, "delivery", m.deliveries)
	_, err := m.Retry(m.t.Context(), m.tenant, d.id)
	if d.endpoint.gone || d.event.gone || d.leased > m.at() {
		wantCode(r, err, apier.CodeConflict)
		return
	}
	check(r, err)
	m.beginAnew(d)
}

func (m *deliveryModel) beginAnew(d *modelDelivery) {
	d.status, d.leased, d.due = apier.DeliveryPending, 0, m.at()
	d.holder++
	d.turn = !m.taken(d)
	m.restate(d.event)
}

// recoverFailed retries, in the order of their creation, all that an endpoint gave up.
func (m *deliveryModel) recoverFailed(r *rapid.T) {
	e := pick(r, "endpoint", m.living())
	var failed []*modelDelivery
	for _, d := range m.deliveries {
		if d.endpoint == e && d.status == apier.DeliveryFailed {
			failed = append(failed, d)
		}
	}
	m.runRecovery(r, apier.Recovery{Kind: apier.RecoverFailed, EndpointID: e.id}, len(failed))
	for _, d := range failed {
		if !d.event.gone {
			m.beginAnew(d)
		}
	}
}

// replay sends an endpoint what it matches and has not had.
func (m *deliveryModel) replay(r *rapid.T) {
	e := pick(r, "endpoint", m.living())
	var missing []*modelEvent
	for _, event := range m.events {
		had := slices.ContainsFunc(m.deliveries, func(d *modelDelivery) bool { return d.event == event && d.endpoint == e })
		if !event.gone && !had && apier.TypesMatch(e.globs, event.typ) {
			missing = append(missing, event)
		}
	}
	m.runRecovery(r, apier.Recovery{Kind: apier.RecoverReplay, EndpointID: e.id}, len(missing))
	for _, event := range missing {
		m.send(event, e)
		m.restate(event)
	}
}

func (m *deliveryModel) runRecovery(r *rapid.T, recovery apier.Recovery, total int) {
	recovery.Since, recovery.Until, recovery.RatePerSecond = 1, m.at(), 1
	recovery = must[apier.Recovery](r)(m.CreateRecovery(m.t.Context(), m.tenant, recovery))
	for range total + 2 {
		if recovery.Status != apier.RecoveryRunning {
			break
		}
		recovery = must[apier.Recovery](r)(m.AdvanceRecovery(m.t.Context(), m.tenant, recovery.ID, rapid.IntRange(1, 3).Draw(r, "step")))
	}
	if recovery.Status != apier.RecoveryDone || recovery.Done != int64(total) || recovery.Total != int64(total) {
		r.Fatalf("recovery of %d ends as %+v", total, recovery)
	}
}
