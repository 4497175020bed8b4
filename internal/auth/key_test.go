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
		allowed, origin string
		want            bool
	}{
		{"", "https://a.example", false},
		{"", "null", false},
		{"*", "https://a.example", true},
		{"https://a.example", "https://a.example", true},
		{"https://a.example/", "https://A.example", true},
		{"https://A.example", "https://a.example", true},
		{"https://a.example:443", "https://a.example", true},
		{"http://a.example:80", "http://a.example", true},
		{"http://a.example:443", "http://a.example:443", true},
		{"https://a.example", "http://a.example", false},
		{"https://a.example", "https://a.example:8443", false},
		{"https://a.example", "https://a.example.evil.example", false},
		{"https://a.example", "https://b.a.example", false},
		{"https://*.a.example", "https://b.a.example", true},
		{"https://*.a.example", "https://c.b.a.example", true},
		{"https://*.a.example:8443", "https://b.a.example:8443", true},
		{"https://*.a.example", "https://a.example", false},
		{"https://*.a.example", "https://.a.example", false},
		{"https://*.a.example", "https://evila.example", false},
		{"https://*.a.example", "http://b.a.example", false},
		{"https://*.a.example", "https://b.a.example:8443", false},
		{"https://*.a.example", "https://evil.example/.a.example", false},
		{"https://*.a.example", "https://b.a.example.evil.example", false},
	} {
		origins, err := ParseOrigins(strings.Fields("https://other.example " + tc.allowed))
		if err != nil {
			t.Fatal(err)
		}
		if got := origins.Allow(tc.origin); got != tc.want {
			t.Errorf("%q allows %s: %v", tc.allowed, tc.origin, got)
		}
	}
	for _, text := range []string{"", "null", "a.example", "https://", "https://a.example/x", "https://a.example?x", "https://u@a.example", "https://a.*.example", "https://**.example", "https://*"} {
		if _, err := ParseOrigins([]string{text}); err == nil || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
