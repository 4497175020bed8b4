package signature

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

const secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func at() time.Time { return time.Unix(1614265330, 0) }

// The specification's own example.
func TestVector(t *testing.T) {
	t.Parallel()
	secret, err := ParseSecret(secretText)
	if err != nil {
		t.Fatal(err)
	}
	got := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at(), []byte(`{"test": 2432232314}`), secret)
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func signed(t *testing.T, body string, secrets ...[]byte) Message {
	t.Helper()
	h := http.Header{}
	SetHeaders(h, "msg_1", at(), []byte(body), secrets...)
	return MessageOf(h, []byte(body))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	first, second, third := NewSecret(), NewSecret(), NewSecret()
	cases := map[string]struct {
		change  func(*Message)
		secrets [][]byte
		now     time.Duration
		step    string // "": it holds
	}{
		"as sent":                         {secrets: [][]byte{first}},
		"the second of two signatures":    {secrets: [][]byte{second}},
		"the second of two secrets":       {secrets: [][]byte{third, first}},
		"four minutes late":               {secrets: [][]byte{first}, now: 4 * time.Minute},
		"four minutes early":              {secrets: [][]byte{first}, now: -4 * time.Minute},
		"other schemes beside":            {change: func(m *Message) { m.Signature = "v1a,AAAA v2,x " + m.Signature }, secrets: [][]byte{first}},
		"another secret":                  {secrets: [][]byte{third}, step: StepSignature},
		"no secret":                       {step: StepSignature},
		"another body":                    {change: func(m *Message) { m.Body = []byte("{} ") }, secrets: [][]byte{first}, step: StepSignature},
		"another id":                      {change: func(m *Message) { m.ID = "msg_2" }, secrets: [][]byte{first}, step: StepSignature},
		"another timestamp":               {change: func(m *Message) { m.Timestamp = "1614265331" }, secrets: [][]byte{first}, step: StepSignature},
		"only other schemes":              {change: func(m *Message) { m.Signature = "v1a,AAAA" }, secrets: [][]byte{first}, step: StepSignature},
		"no base64":                       {change: func(m *Message) { m.Signature = "v1,###" }, secrets: [][]byte{first}, step: StepSignature},
		"six minutes late":                {secrets: [][]byte{first}, now: 6 * time.Minute, step: StepTimestamp},
		"six minutes early":               {secrets: [][]byte{first}, now: -6 * time.Minute, step: StepTimestamp},
		"no number":                       {change: func(m *Message) { m.Timestamp = "now" }, secrets: [][]byte{first}, step: StepTimestamp},
		"milliseconds":                    {change: func(m *Message) { m.Timestamp += "000" }, secrets: [][]byte{first}, step: StepTimestamp},
		"far beyond what a clock can say": {change: func(m *Message) { m.Timestamp = "-9223372036854775808" }, secrets: [][]byte{first}, step: StepTimestamp},
		"no id":                           {change: func(m *Message) { m.ID = "" }, secrets: [][]byte{first}, step: StepHeaders},
		"no headers":                      {change: func(m *Message) { *m = Message{Body: m.Body} }, secrets: [][]byte{first}, step: StepHeaders},
	}
	for name, c := range cases {
		m := signed(t, "{}", first, second)
		if c.change != nil {
			c.change(&m)
		}
		err := m.Verify(at().Add(c.now), c.secrets...)
		var fault *Fault
		switch {
		case c.step == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.step != "" && (!errors.As(err, &fault) || fault.Name != c.step || fault.Detail == ""):
			t.Errorf("%s: %v, want a fault of %s", name, err, c.step)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	raw := NewSecret()
	if again, err := ParseSecret(FormatSecret(raw)); err != nil || string(again) != string(raw) {
		t.Errorf("%v, %v", again, err)
	}
	for _, text := range []string{"", "abc", "whsec_", "whsec_###", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)), "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))} {
		if _, err := ParseSecret(text); err == nil || len(text) > 8 && strings.Contains(err.Error(), text[6:]) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAdviceFindsTheUsualMistakes(t *testing.T) {
	t.Parallel()
	raw, _ := ParseSecret(secretText)
	rest := strings.TrimPrefix(secretText, SecretPrefix)
	b64 := func(sum []byte) string { return "v1," + base64.StdEncoding.EncodeToString(sum) }
	for want, c := range map[string]struct{ body, signature string }{
		"hexadecimal":               {"{}", "v1," + hex.EncodeToString(mac(raw, "m", "1", []byte("{}")))},
		"text of the secret as key": {"{}", b64(mac([]byte(rest), "m", "1", []byte("{}")))},
		"with its prefix":           {"{}", b64(mac([]byte(secretText), "m", "1", []byte("{}")))},
		"Only the body":             {"{}", b64(bodyMac(raw, []byte("{}")))},
		"without the id":            {"{}", b64(bodyMac(raw, []byte("1.{}")))},
		"had a line break":          {"{}", b64(mac(raw, "m", "1", []byte("{}\n")))},
		"here has a line":           {"{}\n", b64(mac(raw, "m", "1", []byte("{}")))},
		"compact form":              {`{"a": 1}`, b64(mac(raw, "m", "1", []byte(`{"a":1}`)))},
	} {
		m := Message{ID: "m", Timestamp: "1", Signature: c.signature, Body: []byte(c.body)}
		if got := m.Advice(raw); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	m := Message{ID: "m", Timestamp: "1", Signature: "v1,AAAA", Body: []byte("{}")}
	if got := m.Advice(raw); got != "" {
		t.Errorf("advice out of nothing: %s", got)
	}
}

func TestASecretOfEqualBytesIsRefused(t *testing.T) {
	t.Parallel()
	for _, b := range []byte{0, 'a', 0xff} {
		if _, err := ParseSecret(FormatSecret(bytes.Repeat([]byte{b}, 32))); err == nil {
			t.Errorf("32 bytes of %#x pass", b)
		}
	}
	if _, err := ParseSecret(FormatSecret(NewSecret())); err != nil {
		t.Error(err)
	}
}
