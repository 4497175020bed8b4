package sqlite

import (
	"encoding/binary"
	"errors"
	"math"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store/rules"
)

// fanOutAtOnce bounds the deliveries that are made in the transaction of their events. Beyond it, the
// transaction stores who is to get them, and they are made in slices after it. docs/decisions/0021 has why.
const fanOutAtOnce = 1000

// appendTargets encodes targets: the order keys, each once, then pairs of the distance to the endpoint
// before and the place of the key.
func appendTargets(dst []byte, targets []rules.Target) []byte {
	places := map[string]uint64{"": 0}
	keys := binary.AppendUvarint(nil, 0)[:0]
	pairs := make([]byte, 0, 3*len(targets))
	last := int64(0)
	for _, to := range targets {
		place, known := places[to.OrderKey]
		if !known {
			place = uint64(len(places))
			places[to.OrderKey] = place
			keys = append(binary.AppendUvarint(keys, uint64(len(to.OrderKey))), to.OrderKey...)
		}
		pairs = binary.AppendUvarint(binary.AppendUvarint(pairs, uint64(to.Endpoint-last)), place)
		last = to.Endpoint
	}
	dst = binary.AppendUvarint(dst, uint64(len(places)-1))
	dst = append(dst, keys...)
	return append(binary.AppendUvarint(dst, uint64(len(targets))), pairs...)
}

var errTargets = errors.New("the targets of a fan-out cannot be read")

// readTargets is the way back.
func readTargets(raw []byte) ([]rules.Target, error) {
	bad := false
	number := func() uint64 {
		n, size := binary.Uvarint(raw)
		if bad = bad || size <= 0; bad {
			return 0
		}
		raw = raw[size:]
		return n
	}
	keys := []string{""}
	for n := number(); n > 0 && !bad; n-- {
		size := number()
		if bad = bad || size > uint64(len(raw)); bad {
			break
		}
		keys = append(keys, string(raw[:size]))
		raw = raw[size:]
	}
	var targets []rules.Target
	last := int64(0)
	for n := number(); n > 0 && !bad; n-- {
		last += int64(number())
		place := number()
		if bad = bad || place >= uint64(len(keys)); !bad {
			targets = append(targets, rules.Target{Endpoint: last, OrderKey: keys[place]})
		}
	}
	if bad {
		return nil, errTargets
	}
	return targets, nil
}

const pendingFanOut = "SELECT 1 FROM fanouts INDEXED BY fanouts_by_tenant WHERE tenant = +? LIMIT 1"

// fansOut reports whether deliveries of the tenant's events are still to be made. Those of later events wait
// behind them: order keys are kept in the order of the events.
func (b *batch) fansOut(tenant int64) (bool, error) {
	return exists(b.conn, pendingFanOut, tenant)
}

// fanOutLater stores who is to get an event.
func (b *batch) fanOutLater(tenant int64, event apier.Seq, targets []rules.Target) error {
	if len(targets) == 0 {
		return nil
	}
	return exec(b.conn, "INSERT INTO fanouts (event, tenant, targets) VALUES (?, ?, ?)", int64(event), tenant, appendTargets(nil, targets))
}

// endFanOut makes no further deliveries of an event.
func (b *batch) endFanOut(event apier.Seq) error {
	return exec(b.conn, "DELETE FROM fanouts WHERE event = ?", int64(event))
}

// fanOutRow is an event whose deliveries are to be made.
type fanOutRow struct {
	event   apier.Event // id and type
	created apier.Seq
	targets []byte
	done    int
}

const fanOutPage = 100

const nextFanOuts = "SELECT f.event, f.targets, f.done, e.uuid, e.type FROM fanouts f INDEXED BY fanouts_by_tenant JOIN events e ON e.created_seq = f.event " +
	"WHERE f.tenant = ? AND f.event <= ? ORDER BY f.event LIMIT ?"

// fanOut makes a slice of the deliveries of a tenant's events up to one, oldest first; more: others follow.
func (b *batch) fanOut(name apier.TenantID, tenant int64, upto apier.Seq) (more bool, err error) {
	for {
		rows, err := b.nextFanOuts(tenant, upto)
		if err != nil {
			return false, err
		}
		for i := range rows {
			if more, err := b.fanOutEvent(name, tenant, &rows[i]); err != nil || more {
				return more, err
			}
		}
		if len(rows) < fanOutPage {
			return false, nil
		}
	}
}

func (b *batch) nextFanOuts(tenant int64, upto apier.Seq) (rows []fanOutRow, err error) {
	err = sqlitex.Execute(b.conn, nextFanOuts, &sqlitex.ExecOptions{
		Args: []any{tenant, int64(upto), fanOutPage}, ResultFunc: func(stmt *sqlite.Stmt) error {
			rows = append(rows, fanOutRow{
				created: apier.Seq(stmt.ColumnInt64(0)), targets: columnBytes(stmt, 1), done: stmt.ColumnInt(2),
				event: apier.Event{ID: columnEventID(stmt, 3), Type: stmt.ColumnText(4)},
			})
			return nil
		},
	})
	return rows, err
}

// fanOutEvent makes the deliveries of one event, as many as the slice holds.
func (b *batch) fanOutEvent(name apier.TenantID, tenant int64, f *fanOutRow) (more bool, err error) {
	targets, err := readTargets(f.targets)
	if err != nil {
		return false, err
	}
	first, from := b.place, min(f.done, len(targets))
	for i := from; i < len(targets); i++ {
		if i > from && b.sliceDone() {
			return true, exec(b.conn, "UPDATE fanouts SET done = ? WHERE event = ?", i, int64(f.created))
		}
		if err := b.deliver(name, tenant, f.created, &f.event, targets[i]); err != nil {
			return false, err
		}
	}
	if err := b.endFanOut(f.created); err != nil || b.place != first { // with a delivery that is not made, it is pending
		return false, err
	}
	found, err := b.eventAt(f.created)
	if err != nil || found == nil {
		return false, err
	}
	return false, b.restate(name, tenant, found, found.event)
}

// fanOutFor makes all deliveries that a tenant's events are still to get, a slice at a time, for nobody who waits.
func (w *writer) fanOutFor(name apier.TenantID, tenant int64) {
	o := &op{tenant: name, sure: true, weight: sliceWeight, done: make(chan error, 1), apply: func(b *batch) error {
		more, err := b.fanOut(name, tenant, math.MaxInt64)
		if err == nil && more {
			err = errMore
		}
		return err
	}}
	o.state.Store(opStored)
	w.store.queue.again(o)
}

// resumeFanOuts goes on with what a stop or a failure has cut short.
func (w *writer) resumeFanOuts() {
	names := map[int64]apier.TenantID{}
	err := sqlitex.Execute(w.conn, "SELECT DISTINCT f.tenant, t.name FROM fanouts f JOIN tenants t ON t.id = f.tenant", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			names[stmt.ColumnInt64(0)] = apier.TenantID(stmt.ColumnText(1))
			return nil
		},
	})
	w.resume = err != nil
	for _, tenant := range sortedKeys(names) {
		w.fanOutFor(names[tenant], tenant)
	}
}
