package sqlite

import "github.com/apier/apier"

// checkDepth marks an event that was stored before there was a limit, or under a higher one, and that
// readers of a page could not read: in the page, {} stands in place of its payload, and its neighbours
// are delivered. Webhooks carry it as it is.
func (s *Store) checkDepth(e *apier.Event) {
	if limit := max(s.options.MaxDepth, apier.MaxDepth); apier.IsDeeper(e.Payload, limit) {
		e.PayloadProblem = apier.DepthProblem(e.Payload, limit) + "; GET /api/events/{id} has it"
	}
}
