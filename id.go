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
	crockford   = "0123456789abcdefghjkmnpqrstvwxyz"
	eventIDSize = len(EventIDPrefix) + 26
)

func idEncoding() *base32.Encoding {
	return base32.NewEncoding(crockford).WithPadding(base32.NoPadding)
}

// FormatEventID gives the public form of the 16 bytes of a UUID.
func FormatEventID(uuid [16]byte) EventID {
	return EventID(EventIDPrefix + idEncoding().EncodeToString(uuid[:]))
}

// ParseEventID gives the 16 bytes behind s, and false where s is not the canonical form of an id.
func ParseEventID(s string) (uuid [16]byte, ok bool) {
	if len(s) != eventIDSize || !strings.HasPrefix(s, EventIDPrefix) {
		return uuid, false
	}
	raw, err := idEncoding().DecodeString(s[len(EventIDPrefix):])
	if err != nil || len(raw) != len(uuid) {
		return uuid, false
	}
	copy(uuid[:], raw)
	return uuid, FormatEventID(uuid) == EventID(s)
}
