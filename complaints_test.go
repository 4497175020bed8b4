package apier_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// complaints is how many the field had when it was surveyed.
const complaints = 21

// Every complaint in docs/complaints.md is answered, and the tests that it names exist.
func TestComplaintsAreAnsweredByTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("docs", "complaints.md"))
	if err != nil {
		t.Fatal(err)
	}
	entries := regexp.MustCompile(`(?m)^\d+\. `).Split(string(text), -1)[1:]
	if len(entries) != complaints {
		t.Errorf("there are %d entries, want %d", len(entries), complaints)
	}
	named := regexp.MustCompile("`([a-z0-9_/]+\\.go): ([^`]+)`")
	for i, entry := range entries {
		if !strings.Contains(string(text), fmt.Sprintf("\n%d. ", i+1)) {
			t.Errorf("there is no entry %d", i+1)
		}
		tests := named.FindAllStringSubmatch(entry, -1)
		if len(tests) == 0 {
			t.Errorf("entry %d names no test", i+1)
		}
		for _, test := range tests {
			code, err := os.ReadFile(test[1])
			if err != nil {
				t.Errorf("entry %d: %v", i+1, err)
				continue
			}
			if name := test[2]; !strings.Contains(string(code), "func "+name+"(t *testing.T)") && !strings.Contains(string(code), fmt.Sprintf("%q:", name)) {
				t.Errorf("entry %d: %s has no test %q", i+1, test[1], name)
			}
		}
	}
}
