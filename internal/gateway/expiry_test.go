package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
)

// An API key does not expire: session and auth say nothing of an end. Those of a token say when it ends.
func TestAnAPIKeyIsToldNoEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	end := time.Now().Add(time.Hour)
	b.auth.mu.Lock()
	b.auth.ids["key"] = auth.Identity{Tenant: auth.DefaultTenant, Subject: "key_1", Scopes: []string{auth.ScopeRead}, KeyID: "key_1"}
	b.auth.ids["token"] = auth.Identity{Tenant: auth.DefaultTenant, Subject: "key_1", Scopes: []string{auth.ScopeRead}, KeyID: "key_1", ExpiresAt: end}
	b.auth.mu.Unlock()
	for credential, wants := range map[string]string{"key": "", "token": apier.TimestampOf(end).String()} {
		for _, query := range []string{"v=1&token=" + credential, "v=1&ticket=T" + credential, "v=1&auth=message"} {
			c := b.dial(t, query)
			if strings.HasSuffix(query, "message") {
				c.say(`{"type":"auth","data":{"token":"` + credential + `"}}`)
			}
			told := []answer{c.expect(apier.FrameSession)}
			if strings.HasSuffix(query, "message") {
				told = append(told, c.expect(apier.FrameAuth))
			}
			c.say(`{"type":"auth","id":"again","data":{"token":"` + credential + `"}}`)
			for told[len(told)-1].ID != "again" {
				if a := c.hear(); a.Type == string(apier.FrameAuth) {
					told = append(told, a)
				}
			}
			for _, a := range told {
				if text := string(a.Data); strings.Contains(text, "expires_at") != (wants != "") || !strings.Contains(text, wants) || strings.Contains(text, "1970") {
					t.Errorf("%s: %s says %s", query, a.Type, text)
				}
			}
		}
	}
}
