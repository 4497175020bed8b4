package apier

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NameProblem returns what is wrong with a name or description that people read: of a source, an
// endpoint, a key, a tenant. Control and format characters, and others that are not seen, are refused, as they make a name look like
// another: with U+202E, "evil" is shown as "live". "": nothing is wrong.
func NameProblem(s string, limit int) string {
	switch {
	case len(s) > limit:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(s), limit)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if !isShown(r) {
			return fmt.Sprintf("contains the unprintable character %U", r)
		}
	}
	if s != "" && strings.Trim(s, " \u2800") == "" { // U+2800 is a pattern of Braille without a dot
		return "has nothing but blanks"
	}
	return ""
}

// isShown reports whether a character is seen. Some that count as letters or marks are not, such as U+3164 and U+034F.
func isShown(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// ShownName returns a name for a terminal or a log. What NameProblem refuses today may have been stored
// before: it is shown as \u202e.
func ShownName(s string) string {
	if NameProblem(s, len(s)) == "" {
		return s
	}
	var shown strings.Builder
	for _, r := range s {
		switch {
		case isShown(r):
			shown.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&shown, `\U%08x`, r)
		default:
			fmt.Fprintf(&shown, `\u%04x`, r)
		}
	}
	return shown.String()
}
