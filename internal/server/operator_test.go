package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// fakeOperations are operations that need so many slices each.
type fakeOperations struct {
	store.Operations

	left   map[apier.OperationID]int
	did    []apier.OperationID
	broken bool
}

func (f *fakeOperations) RunningOperations(context.Context) (refs []store.OperationRef, err error) {
	if f.broken {
		f.broken = false
		return nil, errors.New("disk on fire")
	}
	for _, id := range []apier.OperationID{"a", "b"} {
		if f.left[id] > 0 {
			refs = append(refs, store.OperationRef{Tenant: "acme", ID: id})
		}
	}
	return refs, nil
}

func (f *fakeOperations) AdvanceOperation(_ context.Context, _ apier.TenantID, id apier.OperationID, _ int) (apier.Operation, error) {
	f.did = append(f.did, id)
	f.left[id]--
	return apier.Operation{ID: id, Status: apier.OperationRunning}, nil
}

// TestOperatorTakesTurns: what an earlier process has left goes on, a slice of each in turn, over a failure of the
// store; then it waits until it is woken.
func TestOperatorTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeOperations{left: map[apier.OperationID]int{"a": 3, "b": 1}, broken: true}
		o := newOperator(f, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			o.run(ctx)
			close(ended)
		}()
		<-time.After(2 * operatorRetry) // of the bubble: nobody waits
		synctest.Wait()
		if want := []apier.OperationID{"a", "b", "a", "a"}; !slices.Equal(f.did, want) {
			t.Errorf("the slices were of %v, want %v", f.did, want)
		}
		f.left["b"] = 1
		o.wake()
		synctest.Wait()
		if f.left["b"] != 0 {
			t.Error("it was not woken")
		}
		stop()
		<-ended
	})
}
