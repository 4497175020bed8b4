package apier

import (
	"fmt"
	"strconv"
	"time"
)

// Timestamp is a moment in milliseconds since the Unix epoch. In JSON it is RFC 3339 in UTC with
// exactly three decimals, e.g. "2025-11-14T17:30:00.000Z".
type Timestamp int64

// TimestampOf cuts t to milliseconds.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }

// Time gives the moment as a time.Time in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// String gives the JSON form without quotes.
func (t Timestamp) String() string { return string(t.appendText(nil)) }

// AppendJSON appends the quoted JSON form.
func (t Timestamp) AppendJSON(dst []byte) []byte {
	return append(t.appendText(append(dst, '"')), '"')
}

// appendText puts the decimals in by hand: package time is quick at RFC 3339 without them, and takes four times as long
// for a layout with three.
func (t Timestamp) appendText(dst []byte) []byte {
	at := t.Time()
	dst = at.AppendFormat(dst, time.RFC3339) // of UTC, so it ends in Z
	ms := at.Nanosecond() / int(time.Millisecond)
	return append(dst[:len(dst)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
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
