package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

const (
	operatorSlice = 50          // events changed before the next operation, and other writes, have their turn
	operatorRetry = time.Second // after a failure of the store
)

// operator does the operations that are running, a slice of each in turn.
type operator struct {
	store store.Operations
	log   *slog.Logger
	woken chan struct{}
}

func newOperator(s store.Operations, log *slog.Logger) *operator {
	return &operator{store: s, log: log, woken: make(chan struct{}, 1)}
}

// wake says that an operation was created. It does not block.
func (o *operator) wake() {
	select {
	case o.woken <- struct{}{}:
	default:
	}
}

// run works until ctx ends. What an earlier process has left unfinished goes on.
func (o *operator) run(ctx context.Context) {
	for ctx.Err() == nil {
		running, err := o.store.RunningOperations(ctx)
		if err == nil && len(running) == 0 {
			select {
			case <-o.woken:
			case <-ctx.Done():
			}
			continue
		}
		for _, ref := range running {
			if err == nil {
				err = o.advance(ctx, ref)
			}
		}
		if err != nil && ctx.Err() == nil {
			o.log.Error("operations: the store fails; they go on when it answers", "cause", err)
			select {
			case <-time.After(operatorRetry):
			case <-ctx.Done():
			}
		}
	}
}

func (o *operator) advance(ctx context.Context, ref store.OperationRef) error {
	done, err := o.store.AdvanceOperation(ctx, ref.Tenant, ref.ID, operatorSlice)
	if err == nil && done.Status == apier.OperationDone {
		o.log.Info("operations: one is done", "operation", ref.ID, "tenant", ref.Tenant, "done", done.Done, "skipped", done.Skipped)
	}
	return err
}
