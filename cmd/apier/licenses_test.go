package main

import (
	"os"
	"strings"
	"testing"
)

// FAULTS F6: the program carries the notices of the code that is in it; frontend/notices.test.mjs holds
// them to what is built today.
func TestTheProgramCarriesTheNoticesOfOthers(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := output(t, nil, "version", "--licenses")
	want, err := os.ReadFile("../../THIRD_PARTY_NOTICES")
	if err != nil {
		t.Fatal(err)
	}
	if code != 0 || stdout != string(want) {
		t.Errorf("%d, %d bytes, want %d; %s", code, len(stdout), len(want), stderr)
	}
	for _, name := range []string{"zombiezen.com/go/sqlite", "react-dom", "The Go standard library"} {
		if !strings.Contains(stdout, "\n  "+name) {
			t.Errorf("%s is not named", name)
		}
	}
}
