package auth

import (
	"slices"
	"strings"
)

// Origins are the web pages elsewhere that may call: scheme and host, such as https://shop.example, or *
// for any.
type Origins []string

// Allow reports whether the value of an Origin header is among them.
func (o Origins) Allow(origin string) bool {
	return slices.ContainsFunc(o, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(strings.TrimSuffix(allowed, "/"), origin)
	})
}
