package apier_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// outsideRows are the rows of docs/outside.md: how many were seen in each section. G20 has a row for each of nine letters.
func outsideRows() map[string]bool {
	rows := map[string]bool{}
	for section, n := range map[string]int{"A": 9, "B": 9, "C": 10, "D": 13, "E": 23, "F": 11, "G": 19} {
		for i := range n {
			rows[fmt.Sprint(section, i+1)] = true
		}
	}
	for letter := 'a'; letter <= 'i'; letter++ {
		rows["G20"+string(letter)] = true
	}
	return rows
}

// Every row of docs/outside.md names at least one test, and each of those exists.
func TestWhatTheOutsideBrokeIsHeldByTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("docs", "outside.md"))
	if err != nil {
		t.Fatal(err)
	}
	missing := outsideRows()
	row := regexp.MustCompile(`(?m)^\| ([A-Z][\w ]*) \| (.+) \| (.+) \|$`)
	named := regexp.MustCompile("`([\\w./-]+\\.(?:go|tsx?|mjs|json))(?:: ([^`]+))?`")
	for _, line := range row.FindAllStringSubmatch(string(text), -1) {
		delete(missing, line[1])
		tests := named.FindAllStringSubmatch(line[3], -1)
		if len(tests) == 0 {
			t.Errorf("%s names no test", line[1])
		}
		for _, test := range tests {
			code, err := os.ReadFile(filepath.FromSlash(test[1]))
			if err != nil || !strings.Contains(string(code), strings.ReplaceAll(test[2], `\|`, "|")) {
				t.Errorf("%s: %s has no test %q (%v)", line[1], test[1], test[2], err)
			}
		}
	}
	for name := range missing {
		t.Errorf("there is no row %s", name)
	}
}
