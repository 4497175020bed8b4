package sqlite

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store"
)

// What a resumed connection is told of an event that was stored with more levels than are allowed today carries the
// problem, and a server that allows more shows it.
func TestChangesMarkAPayloadThatIsTooDeep(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]bool{0: true, 50: true, 100: true, 500: false} {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "apier.db"), store.Options{MaxDepth: limit})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		deep := `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`
		for _, payload := range []string{`{"n":1}`, deep} {
			events := []apier.NewEvent{{Type: "a", Source: "s", Payload: json.RawMessage(payload)}}
			if _, err := s.Append(t.Context(), "t", events, nil); err != nil {
				t.Fatal(err)
			}
		}
		page, err := s.Changes(t.Context(), "t", 0, 10, false)
		if err != nil || len(page.Changes) != 2 {
			t.Fatalf("%d changes, %v", len(page.Changes), err)
		}
		if first, second := page.Changes[0].Event, page.Changes[1].Event; first.PayloadProblem != "" || (second.PayloadProblem != "") != want {
			t.Errorf("limit %d: %q and %q", limit, first.PayloadProblem, second.PayloadProblem)
		}
	}
}
