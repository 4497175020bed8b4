package api

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestElementsAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`[]`, `[ ]`, `[1]`, `[1,2]`, `[ 1 , "a,]\"" , {"x":[1,{}]} , [ ] , null,true ]`, "[\n{},\t{\"a\":\"}\"}\r\n]", `["\\",-1.5e3,[[]]]`,
	} {
		var want []json.RawMessage
		if err := json.Unmarshal([]byte(raw), &want); err != nil {
			t.Fatal(err)
		}
		equal := func(a, b json.RawMessage) bool { return string(a) == string(b) }
		if got := elements([]byte(raw)); !slices.EqualFunc(got, want, equal) {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}
