package api

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apier/apier"
)

// Bounds on a query, beside those of each parameter.
const (
	maxParameters = 50   // values
	maxParameter  = 4096 // bytes of one value; the longest that means something are 20 globs of types
	maxQuoted     = 100  // bytes of what was sent that an error repeats
)

// readQuery reads the parameters. A part that cannot be read is refused: left out, it would silently widen
// a list or an export.
func readQuery(c *call) (url.Values, error) {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, apier.Errorf(apier.CodeInvalid, "The query cannot be read: its parts are name=value, joined by & and percent-encoded.")
	}
	count := 0
	for _, name := range slices.Sorted(maps.Keys(q)) {
		for _, value := range q[name] {
			if reason := valueFault(value); reason != "" {
				return nil, badQuery([]apier.FieldError{{Field: cutText(name, maxQuoted), Reason: reason}})
			}
		}
		if count += len(q[name]); count > maxParameters {
			return nil, badQuery([]apier.FieldError{{
				Field: cutText(name, maxQuoted), Reason: fmt.Sprintf("and what stands beside it are more than %d values", maxParameters),
			}})
		}
	}
	return q, nil
}

func valueFault(value string) string {
	switch {
	case len(value) > maxParameter:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(value), maxParameter)
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0): // which a database reads as an end
		return "must be UTF-8 without U+0000"
	}
	return ""
}

func unknownParameters(q url.Values, known []string) (faults []apier.FieldError) {
	for name, values := range q {
		switch {
		case !slices.Contains(known, name):
			faults = append(faults, apier.FieldError{
				Field: cutText(name, maxQuoted), Reason: "is not a parameter here; there are " + strings.Join(known, ", "),
			})
		case len(values) > 1 && name != "type": // of two, one would be passed over in silence
			faults = append(faults, apier.FieldError{Field: name, Reason: "stands there more than once"})
		}
	}
	slices.SortFunc(faults, func(a, b apier.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return faults
}
