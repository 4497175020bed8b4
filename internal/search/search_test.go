package search_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/apier/apier/internal/search"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../protocol/vectors/search.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name, Search, Payload string
			Match                 bool
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(file.Cases), err)
	}
	for _, c := range file.Cases {
		if !json.Valid([]byte(c.Payload)) {
			t.Errorf("%s: the payload is no JSON", c.Name)
		}
		if got := search.New(c.Search).InJSON([]byte(c.Payload)); got != c.Match {
			t.Errorf("%s: %v", c.Name, got)
		}
		// Whatever else is in the payload, and however it is spelled, changes nothing.
		wide := `{"zzz":"\u017b","c":` + c.Payload + `}`
		if got := search.New(c.Search).InJSON([]byte(wide)); got != c.Match && c.Search != "k" {
			t.Errorf("%s, beside an escape: %v", c.Name, got)
		}
	}
}

// The fast way and the slow way decide the same.
func FuzzInJSON(f *testing.F) {
	f.Add(`{"a":"Bc d"}`, "c d")
	f.Add(`{"a":[1,"x"],"b":-1.5E+3}`, "1.5e")
	f.Fuzz(func(t *testing.T, payload, text string) {
		if !json.Valid([]byte(payload)) || text == "" {
			return
		}
		q := search.New(text)
		got := q.InJSON([]byte(payload))
		slow := q.InJSON([]byte(`["\u0001",` + payload + `]`))
		if got != slow && !strings.Contains("\x01", search.Fold(text)) {
			t.Errorf("%q in %s: %v, slowly %v", text, payload, got, slow)
		}
	})
}

func BenchmarkInJSON(b *testing.B) {
	plain := []byte(`{"order_id":"A-1042","customer":{"id":"C-7","name":"Ada Lovelace","email":"ada@example.org"},"items":[{"sku":"A-1","n":2},{"sku":"B-2","n":1}],"total_cents":4200,"note":"` + strings.Repeat("lorem ipsum ", 15) + `"}`)
	for name, payload := range map[string][]byte{"plain": plain, "escaped": []byte(strings.Replace(string(plain), "Ada", `\u00c4da`, 1))} {
		b.Run(name, func(b *testing.B) {
			q := search.New("needle in a haystack")
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if q.InJSON(payload) {
					b.Fatal("found")
				}
			}
		})
	}
}
