package auth

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// variants are spellings that encoding/json takes for a name, or that look like it.
func variants(name string) []string {
	folded := strings.NewReplacer("s", "ſ", "k", "\u212a").Replace(name) // long s, Kelvin sign
	all := []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], name[:1] + strings.ToUpper(name[1:]), folded, name + " ", " " + name, name + "\\u0000"}
	return slices.DeleteFunc(all, func(v string) bool { return v == name })
}

// members writes an object, with names and values as they are given.
func members(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, fmt.Sprintf(`"%s":%s`, pairs[i], pairs[i+1]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func without(base map[string]string, name string) (pairs []string) {
	for _, known := range slices.Sorted(maps.Keys(base)) {
		if known != name {
			pairs = append(pairs, known, base[known])
		}
	}
	return pairs
}

// Each claim that guards something, spelled otherwise, counts as absent, before and behind the right one; twice, the
// token is refused. The tokens are signed by go-jose, as by an issuer that lets its users choose names of claims.
func TestClaimsAreSpelledExactly(t *testing.T) {
	t.Parallel()
	keys := makeSigners(t)
	iss := newIssuer(t, public("k", &keys.rsa.PublicKey))
	a, clock := iss.auth(t)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: keys.rsa, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	decide := func(payload string) (Identity, bool) {
		t.Helper()
		object, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		text, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		id, err := a.Token(t.Context(), text)
		if err != nil {
			unauthorized(t, err, text)
		}
		return id, err == nil
	}
	now := clock.Now()
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	base := map[string]string{
		"sub": `"alice"`, "iss": `"https://id.example"`, "aud": `"apier"`, "exp": at(time.Hour), "nbf": at(-time.Hour), "iat": at(-time.Hour),
		"tenant": `"shop"`, "scope": `"events:read"`, "channels": `["events:order.*"]`, "key": `"key_1"`,
	}
	evil := map[string]string{
		"sub": `"root"`, "iss": `"https://evil.example"`, "aud": `["other"]`, "exp": at(100 * time.Hour), "nbf": at(time.Minute), "iat": at(time.Hour),
		"tenant": `"bank"`, "scope": `"admin"`, "channels": `["*"]`, "key": `"key_2"`,
	}
	if _, ok := decide(members(without(base, "")...)); !ok {
		t.Fatal("the token that all others differ from is refused")
	}
	for name := range base {
		for _, with := range []string{base[name], evil[name]} {
			for _, present := range []bool{true, false} {
				rest := without(base, name)
				if present {
					rest = without(base, "")
				}
				want, wantOK := decide(members(rest...))
				for _, spelled := range variants(name) {
					for _, payload := range []string{members(append(slices.Clone(rest), spelled, with)...), members(append([]string{spelled, with}, rest...)...)} {
						if id, ok := decide(payload); ok != wantOK || !reflect.DeepEqual(id, want) {
							t.Errorf("%s: %v %+v, without it %v %+v", payload, ok, id, wantOK, want)
						}
					}
				}
			}
			all := without(base, "")
			for _, twice := range []string{name, fmt.Sprintf(`\u%04x%s`, name[0], name[1:])} {
				if id, ok := decide(members(append(slices.Clone(all), twice, with)...)); ok {
					t.Errorf("%q twice lets %+v in", twice, id)
				}
			}
		}
	}
}

// The names of a header are exact too, and what changes the meaning of a signature is refused.
func TestHeadersAreSpelledExactly(t *testing.T) {
	t.Parallel()
	a, _, _ := newAuth()
	const payload = `{"sub":"u","exp":9999999999}`
	for header, fine := range map[string]bool{
		`{"alg":"HS256"}`: true, `{"alg":"HS256","typ":"JWT"}`: true, `{"alg":"HS256","typ":"jwt"}`: true,
		`{"alg":"HS256","typ":"at+jwt"}`: true, `{"alg":"HS256","typ":"application/at+JWT"}`: true,
		`{"alg":"HS256","b64":true}`: true, `{"alg":"HS256","kid":"any"}`: true, `{"alg":"HS256","x":{"y":1}}`: true,
		`{"alg":"HS256","ALG":"none"}`: true, `{"ALG":"HS256","alg":"HS256"}`: true, `{"alg":"HS256","KID":7}`: true,
		`{"alg":"HS256","CRIT":["exp"]}`: true, `{"alg":"HS256","TYP":"logout+jwt"}`: true, // each is absent

		`{"ALG":"HS256"}`: false, `{"Alg":"HS256"}`: false, `{"alg":"hs256"}`: false, `{"alg":"HS256 "}`: false, `{"alg":["HS256"]}`: false,
		`{"alg":"none","alg":"HS256"}`: false, `{"alg":"HS256","alg":"HS256"}`: false, `{"alg":"HS256","\u0061lg":"HS256"}`: false,
		`{"alg":"HS256","crit":["exp"]}`: false, `{"alg":"HS256","crit":[]}`: false, `{"alg":"HS256","crit":null}`: false,
		`{"alg":"HS256","crit":["b64"],"b64":false}`: false, `{"alg":"HS256","b64":false}`: false, `{"alg":"HS256","b64":"true"}`: false,
		`{"alg":"HS256","kid":7}`: false, `{"alg":"HS256","kid":"a","kid":"b"}`: false, `{"alg":"HS256","x":{"y":1,"y":2}}`: false,
		`{"alg":"HS256","typ":"logout+jwt"}`: false, `{"alg":"HS256","typ":"secevent+jwt"}`: false, `{"alg":"HS256","typ":7}`: false,
		`{"alg":"HS256"} `: true, `{"alg":"HS256"}{}`: false, `[{"alg":"HS256"}]`: false,
		`{"alg":"HS256","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: false,
	} {
		token := raw(header, payload)
		_, err := a.Token(t.Context(), token)
		if fine != (err == nil) {
			t.Errorf("%.80s: %v, want it accepted: %v", header, err, fine)
		}
		if err != nil {
			unauthorized(t, err, token)
		}
	}
}

func TestClaimsOfAnotherKindAreRefused(t *testing.T) {
	t.Parallel()
	a, _, _ := newAuth()
	for claims, fine := range map[string]bool{
		`"exp":9999999999`: true, `"exp":9999999999.5`: true, `"exp":1e10`: true, `"exp":9999999999,"nbf":0`: true, `"exp":9999999999,"aud":"x"`: true,
		`"exp":"9999999999"`: false, `"exp":1e300`: false, `"exp":1e999`: false, `"exp":-1`: false, `"exp":99999999999999`: false, `"exp":true`: false, `"exp":[9999999999]`: false,
		`"exp":9999999999,"nbf":"0"`: false, `"exp":9999999999,"aud":7`: false, `"exp":9999999999,"aud":["x",7]`: false, `"exp":9999999999,"channels":["a",null]`: false,
		`"exp":9999999999,"tenant":"a\ud800"`: false, `"exp":9999999999,"x":{"y":[{"z":1,"z":2}]}`: false,
	} {
		if _, err := a.Token(t.Context(), raw(`{"alg":"HS256"}`, `{"sub":"u",`+claims+`}`)); fine != (err == nil) {
			t.Errorf("%s: %v, want it accepted: %v", claims, err, fine)
		}
	}
}

// Names in a key set are exact, and an algorithm belongs to its key: a key that only a folded name brings is none.
func TestNamesInAKeySetAreExact(t *testing.T) {
	t.Parallel()
	keys := makeSigners(t)
	key, err := json.Marshal(public("k", &keys.rsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	other, err := json.Marshal(public("k", &keys.ec.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	token := issued(t, jwt.SigningMethodRS256, "k", keys.rsa, nil)
	for set, fine := range map[string]bool{
		`{"keys":[` + string(key) + `]}`:                                                     true,
		`{"keys":[` + string(key) + `],"KEYS":[]}`:                                           true,
		`{"keys":[` + string(key) + `],"Keys":[` + string(other) + `]}`:                      true,
		`{"KEYS":[` + string(key) + `]}`:                                                     false,
		`{"\u212aeys":[` + string(key) + `],"keys":[]}`:                                      false,
		`{"keys":[` + string(other) + `],"keys":[` + string(key) + `]}`:                      false,
		`{"keys":[` + strings.Replace(string(key), `"kty"`, `"KTY"`, 1) + `]}`:               false,
		`{"keys":[` + strings.Replace(string(key), `"kid"`, `"KID"`, 1) + `]}`:               false,
		`{"keys":[` + strings.Replace(string(key), `"kty"`, `"use":"enc","kty"`, 1) + `]}`:   false,
		`{"keys":[` + strings.Replace(string(key), `"kty"`, `"USE":"enc","kty"`, 1) + `]}`:   true,
		`{"keys":[` + strings.Replace(string(key), `"kty"`, `"kid":"x","kty"`, 1) + `]}`:     false,
		`{"keys":[` + strings.Replace(string(key), `"kty"`, `"ALG":"RS512","kty"`, 1) + `]}`: true,
		`{"keys":[` + strings.Replace(string(key), `"kty"`, `"alg":"RS512","kty"`, 1) + `]}`: false,
	} {
		iss := newIssuer(t)
		iss.become(200, set)
		a, _ := iss.auth(t)
		if _, err := a.Token(t.Context(), token); fine != (err == nil) {
			t.Errorf("%.100s: %v, want it accepted: %v", set, err, fine)
		}
	}
}

// What programs send by mistake is named, so that who reads the refusal knows where to look.
func TestTheUsualSlipsAreNamed(t *testing.T) {
	t.Parallel()
	for text, words := range map[string]string{
		"Bearer e30.e30.sig": `begins with "Bearer"`, "undefined": "before it has one", "null": "before it has one",
		`"e30.e30.sig"`: "quotation marks", "bad": "three parts", "e30.half": "three parts", "YQ.e30.sig": "not valid JSON",
	} {
		if err := checkHeader(text); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", text, err, words)
		}
	}
}

// A tenant that is empty, or that nobody can see, is no tenant: it does not let into the default one.
func TestAnEmptyTenantIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{`{"sub":"a"}`: true, `{"sub":"a","tenant":null}`: true, `{"tenant":"acme"}`: true, `{"tenant":""}`: false, `{"tenant":" "}`: false, `{"tenant":"a\u200b"}`: false} {
		var c claims
		if err := c.UnmarshalJSON([]byte(text)); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
