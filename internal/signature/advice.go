package signature

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Advice finds the usual mistake behind a signature that does not fit: it signs in the wrong ways that
// are known and sees which one gives what came. "": none of them.
func (m Message) Advice(secrets ...[]byte) string {
	for _, secret := range secrets {
		for _, mistake := range m.mistakes(FormatSecret(secret), secret) {
			if m.carries(mistake.mac) {
				return mistake.words
			}
		}
	}
	return ""
}

type mistake struct {
	words string
	mac   []byte
}

func (m Message) mistakes(secret string, raw []byte) []mistake {
	with := func(key, body []byte) []byte { return mac(key, m.ID, m.Timestamp, body) }
	rest := strings.TrimPrefix(secret, SecretPrefix)
	trimmed := bytes.TrimRight(m.Body, "\r\n")
	all := []mistake{
		{"The signature is right, but written in hexadecimal: base64 is needed.", with(raw, m.Body)},
		{"The sender used the text of the secret as key: decode the base64 after " + SecretPrefix + " first.", with([]byte(rest), m.Body)},
		{"The sender used the text of the secret with its prefix as key: cut " + SecretPrefix + " off and decode the base64.", with([]byte(secret), m.Body)},
		{"Only the body was signed: sign id, timestamp and body, joined by dots.", bodyMac(raw, m.Body)},
		{"Timestamp and body were signed without the id: sign id, timestamp and body, joined by dots.", bodyMac(raw, append([]byte(m.Timestamp+"."), m.Body...))},
		{"The body that was signed had a line break at its end that is not in the one here.", with(raw, append(bytes.Clone(m.Body), '\n'))},
	}
	if len(trimmed) < len(m.Body) {
		all = append(all, mistake{"The body here has a line break at its end that was not signed.", with(raw, trimmed)})
	}
	var compact bytes.Buffer
	if json.Compact(&compact, m.Body) == nil && compact.Len() < len(m.Body) {
		all = append(all, mistake{"The body was signed in compact form, and sent or pasted in another: sign the very bytes that are sent.", with(raw, compact.Bytes())})
	}
	return all
}

// carries reports whether the header holds these bytes, in base64 or in hexadecimal.
func (m Message) carries(want []byte) bool {
	for entry := range strings.FieldsSeq(m.Signature) {
		text := entry
		if _, rest, ok := strings.Cut(entry, ","); ok {
			text = rest
		}
		if text == base64.StdEncoding.EncodeToString(want) || strings.EqualFold(text, hex.EncodeToString(want)) {
			return true
		}
	}
	return false
}
