package auth

import (
	"crypto/sha256"
	"regexp"
	"strings"
	"testing"
)

func TestGenerateKey(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^apier_[a-z2-7]{32}$`)
	seen := map[string]bool{}
	for range 1000 {
		key := GenerateKey()
		if !form.MatchString(key) || seen[key] {
			t.Fatalf("%q", key)
		}
		seen[key] = true
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	key := GenerateKey()
	one, two := Describe(key, "ci", []string{ScopeRead}), Describe(key, "ci", nil)
	if one.ID == two.ID || !strings.HasPrefix(one.ID, "key_") || one.Name != "ci" || len(one.Scopes) != 1 {
		t.Errorf("%+v, %+v", one, two)
	}
	if one.Hash != sha256.Sum256([]byte(key)) || one.Hint != key[len(key)-4:] {
		t.Errorf("hash or hint: %+v", one)
	}
	if short := Describe("abc", "", nil); short.Hint != "abc" {
		t.Errorf("hint of a short key: %q", short.Hint)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		origins Origins
		origin  string
		want    bool
	}{
		{nil, "https://a.example", false},
		{Origins{}, "null", false},
		{Origins{"*"}, "https://a.example", true},
		{Origins{"https://a.example"}, "https://a.example", true},
		{Origins{"https://a.example/"}, "https://A.example", true},
		{Origins{"https://a.example"}, "http://a.example", false},
		{Origins{"https://a.example"}, "https://a.example:8443", false},
		{Origins{"https://a.example"}, "https://a.example.evil.example", false},
		{Origins{"https://a.example"}, "https://b.a.example", false},
		{Origins{"https://*.example"}, "https://a.example", false},
	} {
		if got := tc.origins.Allow(tc.origin); got != tc.want {
			t.Errorf("%v allow %s: %v", tc.origins, tc.origin, got)
		}
	}
}
