package store

import (
	"context"

	"github.com/apier/apier"
)

// Operations do one thing to many events.
type Operations interface {
	// CountOperable counts the events that an operation would change.
	CountOperable(ctx context.Context, tenant apier.TenantID, new NewOperation) (int64, error)
	// CreateOperation counts and begins. Conflict where one with the same kind and selection is running, or
	// Options.MaxOperations of the tenant are.
	CreateOperation(ctx context.Context, tenant apier.TenantID, new NewOperation) (apier.Operation, error)
	// AdvanceOperation does the next slice: at most limit events are changed, and a bounded number looked at. A
	// repeated slice changes nothing twice.
	AdvanceOperation(ctx context.Context, tenant apier.TenantID, id apier.OperationID, limit int) (apier.Operation, error)
	// StopOperation ends one where it is. One that has ended stays as it is.
	StopOperation(ctx context.Context, tenant apier.TenantID, id apier.OperationID) (apier.Operation, error)
	Operation(ctx context.Context, tenant apier.TenantID, id apier.OperationID) (apier.Operation, error)
	// ListOperations returns a page, newest first.
	ListOperations(ctx context.Context, tenant apier.TenantID, page PageOf[apier.OperationID]) (OperationPage, error)
	// RunningOperations returns those of all tenants that have not ended, oldest first.
	RunningOperations(ctx context.Context) ([]OperationRef, error)
}

// NewOperation is what CreateOperation begins. Subject is who asked: leases of others are left alone.
type NewOperation struct {
	Kind      apier.OperationKind
	Selection apier.OperationSelection
	Subject   string
}

// OperationPage is one page of operations.
type OperationPage struct {
	Operations []apier.Operation
	HasMore    bool
}

// OperationRef names an operation of any tenant.
type OperationRef struct {
	Tenant apier.TenantID
	ID     apier.OperationID
}
