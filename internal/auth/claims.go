package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/strictjson"
)

// claims are what a token says. They are read by their exact names (RFC 7519, section 4): golang-jwt decodes into a
// struct by encoding/json, which would take "SCOPE" for "scope".
type claims struct {
	jwt.RegisteredClaims
	Tenant   string   `json:"tenant,omitempty"`
	Scope    *string  `json:"scope,omitempty"`   // space-separated, RFC 8693 section 4.2
	Channels []string `json:"channels,omitzero"` // empty is not absent: it permits none
	Key      string   `json:"key,omitempty"`
}

const maxTenant = 200 // bytes

// clockSkew is how far an issuer's clock may be ahead of ours: what it signs is used at once, and counts from its now.
const clockSkew = 30 * time.Second

// GetNotBefore implements jwt.Claims.
func (c claims) GetNotBefore() (*jwt.NumericDate, error) {
	if c.NotBefore == nil {
		return nil, nil //nolint:nilnil // jwt's way to say: there is none
	}
	return jwt.NewNumericDate(c.NotBefore.Add(-clockSkew)), nil
}

// UnmarshalJSON implements json.Unmarshaler. A claim that is null is absent.
func (c *claims) UnmarshalJSON(raw []byte) error {
	o, err := strictjson.Decode(raw)
	if err != nil {
		return malformed("the payload ", err)
	}
	r := reader{object: o}
	*c = claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: r.text("iss"), Subject: r.text("sub"), Audience: r.audience(), ID: r.text("jti"),
			ExpiresAt: r.date("exp"), NotBefore: r.date("nbf"), IssuedAt: r.date("iat"),
		},
		Tenant: r.tenant(), Channels: r.texts("channels"), Key: r.text("key"),
	}
	if scope, ok, err := o.Text("scope"); ok || err != nil {
		c.Scope = &scope
		r.note(err)
	}
	if r.err != nil {
		return malformed("", r.err)
	}
	return nil
}

// malformedError says why a token cannot be read, in words that hold nothing of it.
type malformedError struct{ why string }

func (e *malformedError) Error() string { return e.why }

func malformed(where string, err error) error {
	var duplicate *strictjson.DuplicateError
	if errors.As(err, &duplicate) { // the name is the sender's
		return &malformedError{where + "has a name more than once"}
	}
	return &malformedError{where + err.Error()}
}

// reader reads claims and keeps the first error.
type reader struct {
	object strictjson.Object
	err    error
}

func (r *reader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) text(name string) string {
	text, _, err := r.object.Text(name)
	r.note(err)
	return text
}

func (r *reader) texts(name string) []string {
	texts, _, err := r.object.Texts(name)
	r.note(err)
	return texts
}

// tenant reads "tenant". One that is there and empty, as an issuer may write for a user it knows nothing of, must not count
// as absent: it would let that user into the default tenant.
func (r *reader) tenant() string {
	name, there, err := r.object.Text("tenant")
	if there && err == nil && (strings.TrimSpace(name) == "" || apier.NameProblem(name, maxTenant) != "") {
		err = errors.New(`"tenant" must name one, in printable characters, or be left out`)
	}
	r.note(err)
	return name
}

// audience reads "aud", which is one string or an array.
func (r *reader) audience() jwt.ClaimStrings {
	if text, ok, err := r.object.Text("aud"); ok && err == nil {
		return jwt.ClaimStrings{text}
	}
	return r.texts("aud")
}

// maxDate is the end of the year 9999, the last that RFC 3339 can write.
const maxDate = 253402300799

// date reads a NumericDate: seconds since 1970, perhaps with a fraction.
func (r *reader) date(name string) *jwt.NumericDate {
	raw := r.object[name]
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64) // a string, which has quotes, is none
	if err != nil || seconds < 0 || seconds > maxDate {
		r.note(fmt.Errorf("%q must be a number of seconds from 0 to %d", name, maxDate))
		return nil
	}
	whole, fraction := math.Modf(seconds)
	return jwt.NewNumericDate(time.Unix(int64(whole), int64(fraction*1e9)))
}

// checkHeader refuses a header with names that stand twice, with extensions that change what the signature means
// (RFC 7515, section 4.1.11, and RFC 7797), and of a token that is made for another purpose (RFC 8725, section 3.11).
func checkHeader(token string) error {
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil || strings.Count(token, ".") != 2 {
		return &malformedError{noToken(token)}
	}
	h, err := strictjson.Decode(raw)
	if err != nil {
		return malformed("the header ", err)
	}
	if _, there := h["crit"]; there {
		return &malformedError{`its header has "crit", and no extension is known here`}
	}
	if b64, there := h["b64"]; there && string(b64) != "true" {
		return &malformedError{`its header has "b64", and only encoded payloads are read`}
	}
	if kid, there := h["kid"]; there && kid[0] != '"' {
		return &malformedError{`"kid" must be a string`}
	}
	return checkPurpose(h)
}

// checkPurpose lets in tokens without "typ", "JWT", and the access tokens of RFC 9068. An issuer signs others with the
// same keys, such as logout tokens.
func checkPurpose(h strictjson.Object) error {
	typ, ok, err := h.Text("typ")
	if err != nil {
		return malformed("", err)
	}
	if !ok {
		return nil
	}
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") { // a media type: RFC 7515, section 4.1.9
	case "jwt", "at+jwt":
		return nil
	}
	return &malformedError{`its "typ" is neither JWT nor at+jwt: it was made for another purpose`}
}

// noToken says what is wrong with a text that is no token, and names the usual slips of programs.
func noToken(text string) string {
	scheme, _, _ := strings.Cut(text, " ")
	switch {
	case strings.EqualFold(scheme, "bearer"):
		return `it begins with "Bearer", which belongs into the header Authorization, once, and nowhere else`
	case text == "undefined", text == "null", text == "[object Object]":
		return "it is a word in place of a token: the program connects before it has one"
	case strings.HasPrefix(text, `"`):
		return "it stands in quotation marks"
	}
	return "it is not made of three parts in base64url"
}

var _ json.Unmarshaler = (*claims)(nil)
