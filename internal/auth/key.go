package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/apier/apier/internal/store"
)

// KeyPrefix starts every API key, so that a scanner can recognise a leaked one.
const KeyPrefix = "apier_"

const hintSize = 4

// GenerateKey makes a random API key: the prefix and 160 bits in base32.
func GenerateKey() string { return KeyPrefix + randomText(20) }

// HashKey is what the store keeps of a key. A key has 160 random bits, so a fast hash is enough.
func HashKey(key string) [32]byte { return sha256.Sum256([]byte(key)) }

// Describe gives what the store keeps of a key.
func Describe(key, name string, scopes []string) store.NewKey {
	hint := key
	if len(hint) > hintSize {
		hint = hint[len(hint)-hintSize:]
	}
	return store.NewKey{ID: "key_" + randomText(10), Name: name, Hint: hint, Hash: HashKey(key), Scopes: scopes}
}

func randomText(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
}
