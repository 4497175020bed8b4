// Package rules holds the decisions of a store that need no database: which endpoints and groups an
// event goes to, and in which order. It is pure. A store calls it beside its writer, never in it.
package rules
