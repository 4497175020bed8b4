package apier

import "encoding/json"

// ErasureID is "ers_" and 26 characters, made as those of an EventID.
type ErasureID string

// ErasureStatus says how far an erasure is.
type ErasureStatus string

// The statuses of an erasure.
const (
	ErasureRunning ErasureStatus = "running"
	ErasureDone    ErasureStatus = "done"
)

// Selection says which events an erasure is for; zero fields select every one.
type Selection struct {
	Types         []string        // globs
	Source        string          // "": every source
	CreatedAfter  Timestamp       // 0: from the first
	CreatedBefore Timestamp       // 0: to the latest
	Filter        json.RawMessage // see ParseFilter; null: every event
}

// selectionJSON is a Selection in JSON: what is not given is null.
type selectionJSON struct {
	Types         []string        `json:"types"`
	Source        *string         `json:"source"`
	CreatedAfter  *Timestamp      `json:"created_after"`
	CreatedBefore *Timestamp      `json:"created_before"`
	Filter        json.RawMessage `json:"filter"`
}

// MarshalJSON implements json.Marshaler.
func (s Selection) MarshalJSON() ([]byte, error) {
	return json.Marshal(selectionJSON{s.Types, orNull(s.Source), orNull(s.CreatedAfter), orNull(s.CreatedBefore), s.Filter})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Selection) UnmarshalJSON(b []byte) error {
	var j selectionJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*s = Selection{Types: j.Types, Filter: j.Filter}
	if j.Source != nil {
		s.Source = *j.Source
	}
	if j.CreatedAfter != nil {
		s.CreatedAfter = *j.CreatedAfter
	}
	if j.CreatedBefore != nil {
		s.CreatedBefore = *j.CreatedBefore
	}
	if string(s.Filter) == "null" {
		s.Filter = nil
	}
	return nil
}

// Erasure takes the payloads of all events that a selection matches, those that were stored before it began.
type Erasure struct {
	ID        ErasureID     `json:"id"`
	Selection Selection     `json:"selection"`
	Status    ErasureStatus `json:"status"`
	Examined  int64         `json:"examined"` // events so far
	Erased    int64         `json:"erased"`   // of those
	CreatedAt Timestamp     `json:"created_at"`
	UpdatedAt Timestamp     `json:"updated_at"`
}

// Matcher gives the decision on one event. It begins with what costs least.
func (s Selection) Matcher() (func(*Event) bool, []FieldError) {
	filter, faults := ParseFilter(s.Filter)
	if len(faults) > 0 {
		return nil, faults
	}
	return func(e *Event) bool {
		return (s.Source == "" || e.Source == s.Source) && (s.CreatedAfter == 0 || e.CreatedAt > s.CreatedAfter) &&
			(s.CreatedBefore == 0 || e.CreatedAt < s.CreatedBefore) && MatchesTypes(s.Types, e.Type) && filter.Match(e)
	}, nil
}

// MatchesTypes reports whether one of the globs fits the name of a type, or there is none.
func MatchesTypes(globs []string, name string) bool {
	for _, glob := range globs {
		if MatchGlob(glob, name) {
			return true
		}
	}
	return len(globs) == 0
}

// FormatErasureID gives the public form of the 16 bytes of a UUID.
func FormatErasureID(uuid [16]byte) ErasureID { return ErasureID(formatID("ers_", uuid)) }

// ParseErasureID gives the 16 bytes behind s, and false where s is not the canonical form of an id.
func ParseErasureID(s string) (uuid [16]byte, ok bool) { return parseID("ers_", s) }
