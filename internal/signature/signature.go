// Package signature signs webhooks and checks them, by the Standard Webhooks specification: HMAC-SHA256
// with a shared secret over "id.timestamp.body" (github.com/standard-webhooks/standard-webhooks).
package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed webhook.
const (
	HeaderID        = "webhook-id"        // of the event: the same at each attempt
	HeaderTimestamp = "webhook-timestamp" // of the attempt, Unix seconds
	HeaderSignature = "webhook-signature" // one or more "v1,<base64>", separated by spaces
)

// HeaderEndpoint names the endpoint that a webhook of ours is for. It is not signed: it only tells a
// receiver which secret to try.
const HeaderEndpoint = "apier-endpoint-id"

// HeaderEventType names the type of the event that a webhook of ours carries; it is not signed either.
const HeaderEventType = "apier-event-type"

// SecretPrefix starts a secret in its written form; base64 of its bytes follows.
const SecretPrefix = "whsec_"

// Tolerance is how far a timestamp may be from the receiver's clock.
const Tolerance = 5 * time.Minute

// The specification's bounds on a secret, in bytes. New ones have secretSize.
const (
	minSecret  = 24
	maxSecret  = 64
	secretSize = 32
)

// version1 is the symmetric scheme.
const version1 = "v1"

// NewSecret makes the bytes of a secret.
func NewSecret() []byte {
	raw := make([]byte, secretSize)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	return raw
}

// FormatSecret gives the written form of a secret.
func FormatSecret(raw []byte) string { return SecretPrefix + base64.StdEncoding.EncodeToString(raw) }

// ParseSecret reads the written form. The error never shows the text.
func ParseSecret(text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), SecretPrefix)
	if !ok {
		return nil, fmt.Errorf("a secret begins with %s", SecretPrefix)
	}
	raw, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return nil, fmt.Errorf("what follows %s must be base64; the secret was cut or changed on its way", SecretPrefix)
	}
	if len(raw) < minSecret || len(raw) > maxSecret {
		return nil, fmt.Errorf("a secret has %d to %d bytes, this one has %d", minSecret, maxSecret, len(raw))
	}
	if bytes.Count(raw, raw[:1]) == len(raw) { // a placeholder that nobody replaced
		return nil, errors.New("a secret of one byte again and again can be guessed")
	}
	return raw, nil
}

// Sign gives the value of HeaderSignature: one signature for each secret, so that a receiver which knows
// any of them can check it.
func Sign(id string, at time.Time, body []byte, secrets ...[]byte) string {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signatures[i] = version1 + "," + base64.StdEncoding.EncodeToString(mac(secret, id, timestamp, body))
	}
	return strings.Join(signatures, " ")
}

// SetHeaders signs a request.
func SetHeaders(h http.Header, id string, at time.Time, body []byte, secrets ...[]byte) {
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(HeaderSignature, Sign(id, at, body, secrets...))
}

func mac(secret []byte, id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	for _, part := range [][]byte{[]byte(id), []byte("."), []byte(timestamp), []byte("."), body} {
		_, _ = h.Write(part) // a hash never fails to write
	}
	return h.Sum(nil)
}

func bodyMac(secret, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	_, _ = h.Write(body)
	return h.Sum(nil)
}
