package apier

import (
	"encoding/base32"
	"strings"
)

// TenantID names an isolated customer of one server. Every stored row, channel and frame belongs to
// exactly one, and nothing ever crosses.
type TenantID string

// EventID is "evt_" and 26 characters: the 128 bits of a UUIDv7 in lower-case Crockford base32, so ids
// sort by the time of their creation.
type EventID string

// EventIDPrefix starts every EventID.
const EventIDPrefix = "evt_"

const (
	crockford = "0123456789abcdefghjkmnpqrstvwxyz"
	idDigits  = 26 // of 16 bytes
)

// idEncoding is made once: its tables take longer than an id.
var idEncoding = base32.NewEncoding(crockford).WithPadding(base32.NoPadding) //nolint:gochecknoglobals // never changes, as base32.StdEncoding

func formatID(prefix string, raw [16]byte) string {
	id := append(make([]byte, 0, 32), prefix...) // on the stack, where the prefix leaves room for the digits
	return string(idEncoding.AppendEncode(id, raw[:]))
}

// parseID reads the canonical form only.
func parseID(prefix, s string) (raw [16]byte, ok bool) {
	digits, found := strings.CutPrefix(s, prefix)
	if !found || len(digits) != idDigits {
		return raw, false
	}
	decoded, err := idEncoding.DecodeString(digits)
	if err != nil || len(decoded) != len(raw) {
		return raw, false
	}
	copy(raw[:], decoded)
	return raw, formatID(prefix, raw) == s
}

// FormatEventID gives the public form of the 16 bytes of a UUID.
func FormatEventID(uuid [16]byte) EventID { return EventID(formatID(EventIDPrefix, uuid)) }

// ParseEventID gives the 16 bytes behind s, and false where s is not the canonical form of an id.
func ParseEventID(s string) (uuid [16]byte, ok bool) { return parseID(EventIDPrefix, s) }
