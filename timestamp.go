package apier

import (
	"fmt"
	"strconv"
	"time"
)

// Timestamp is a moment in milliseconds since the Unix epoch. In JSON it is RFC 3339 in UTC with
// exactly three decimals, e.g. "2025-11-14T17:30:00.000Z".
type Timestamp int64

const timestampLayout = "2006-01-02T15:04:05.000Z07:00"

// TimestampOf cuts t to milliseconds.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }

// Time gives the moment as a time.Time in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// String gives the JSON form without quotes.
func (t Timestamp) String() string { return t.Time().Format(timestampLayout) }

// AppendJSON appends the quoted JSON form.
func (t Timestamp) AppendJSON(dst []byte) []byte {
	dst = append(dst, '"')
	dst = t.Time().AppendFormat(dst, timestampLayout)
	return append(dst, '"')
}

// MarshalJSON implements json.Marshaler.
func (t Timestamp) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// UnmarshalJSON accepts any RFC 3339 time and cuts it to milliseconds; null leaves t as it is.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("timestamp: not a string: %w", err)
	}
	parsed, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	*t = TimestampOf(parsed)
	return nil
}
