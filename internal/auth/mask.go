package auth

import (
	"regexp"
	"strings"
)

// masked stands for what Mask takes out.
const masked = "***"

// credentials finds what looks like a credential, and keeps in group 1 what says which kind it is.
var credentials = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`(` + KeyPrefix + `)[^\s"'<>/?&#;,]{8,}`,          // an API key
	`(whsec_)[A-Za-z0-9+/=_%-]{8,}`,                   // the secret of an endpoint
	`(eyJ)[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,4}`, // a JWT, or the beginning of one
	`\b()[a-z2-7]{32}\b`,                              // a ticket, or a key without its prefix
	`\b((?:bearer|basic)(?:[ .]|%20|\+)+)[^\s"'<>,]+`, // the value of a header, or a subprotocol
	`(://)[^\s"'/@]+@`,                                // user and password in an address
	`\b((?:access_token|refresh_token|token|ticket|password|client_secret|secret|api_?key|sig(?:nature)?)(?:=|%3d))[^\s"'&;]+`, // a parameter
}, "|"))

// Mask takes everything that looks like a credential out of a text that a stranger may have written, such as a path in
// a log. It reads what is there: a secret in no known form stays.
func Mask(text string) string {
	return credentials.ReplaceAllStringFunc(text, func(found string) string {
		for _, kind := range credentials.FindStringSubmatch(found)[1:] {
			if kind != "" {
				return kind + masked
			}
		}
		return masked
	})
}
