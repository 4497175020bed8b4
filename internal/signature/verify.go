package signature

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Message is a webhook as it came.
type Message struct {
	ID, Timestamp, Signature string // the headers
	Body                     []byte
}

// MessageOf reads the headers of a request.
func MessageOf(h http.Header, body []byte) Message {
	return Message{ID: h.Get(HeaderID), Timestamp: h.Get(HeaderTimestamp), Signature: h.Get(HeaderSignature), Body: body}
}

// The steps of a check, in order.
const (
	StepHeaders   = "headers"
	StepTimestamp = "timestamp"
	StepSignature = "signature"
)

// Step is one part of a check: whether it holds, and what was found or what to do.
type Step struct {
	Name   string `json:"step"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Advice string `json:"advice"` // how it came about, where that is known
}

// Fault is the step that failed.
type Fault struct{ Step }

func (f *Fault) Error() string { return f.Detail }

// Verify reports the first step that does not hold, as *Fault. Any v1 signature by any of the secrets is
// enough.
func (m Message) Verify(now time.Time, secrets ...[]byte) error {
	for _, step := range m.Check(now, secrets...) {
		if !step.OK {
			return &Fault{step}
		}
	}
	return nil
}

// Check gives all steps, whether they hold or not; those that cannot be taken are left out.
func (m Message) Check(now time.Time, secrets ...[]byte) []Step {
	headers := m.checkHeaders()
	if !headers.OK {
		return []Step{headers}
	}
	return []Step{headers, m.checkTimestamp(now), m.checkSignature(secrets)}
}

func (m Message) checkHeaders() Step {
	var missing []string
	for name, value := range map[string]string{HeaderID: m.ID, HeaderTimestamp: m.Timestamp, HeaderSignature: m.Signature} {
		if value == "" {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == 1:
		return Step{Name: StepHeaders, OK: false, Detail: "The header " + missing[0] + " is missing."}
	case len(missing) > 1:
		return Step{Name: StepHeaders, OK: false, Detail: "The headers " + HeaderID + ", " + HeaderTimestamp + " and " + HeaderSignature + " are needed; only Standard Webhooks are understood here."}
	}
	return Step{Name: StepHeaders, OK: true, Detail: "All three headers are there."}
}

func (m Message) checkTimestamp(now time.Time) Step {
	seconds, err := strconv.ParseInt(m.Timestamp, 10, 64)
	if err != nil {
		return Step{Name: StepTimestamp, OK: false, Detail: "The header " + HeaderTimestamp + " must be Unix seconds, a whole number."}
	}
	age := now.Unix() - seconds
	limit := int64(Tolerance / time.Second)
	switch {
	case seconds > now.Unix()*100:
		return Step{Name: StepTimestamp, OK: false, Detail: "The header " + HeaderTimestamp + " seems to be in milliseconds; it must be Unix seconds."}
	case age > limit:
		return Step{Name: StepTimestamp, OK: false, Detail: fmt.Sprintf("The timestamp is %d s old, at most %d are allowed: sign anew at each attempt, and look at both clocks.", age, limit)}
	case age < -limit:
		return Step{Name: StepTimestamp, OK: false, Detail: fmt.Sprintf("The timestamp is %d s in the future, at most %d are allowed: look at both clocks.", -age, limit)}
	}
	return Step{Name: StepTimestamp, OK: true, Detail: "The timestamp is near this server's clock."}
}

func (m Message) checkSignature(secrets [][]byte) Step {
	if len(secrets) == 0 {
		return Step{Name: StepSignature, OK: false, Detail: "No secret is known to check it with."}
	}
	understood := 0
	for entry := range strings.FieldsSeq(m.Signature) {
		version, encoded, _ := strings.Cut(entry, ",")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if version != version1 || err != nil {
			continue
		}
		understood++
		for _, secret := range secrets {
			if hmac.Equal(given, mac(secret, m.ID, m.Timestamp, m.Body)) {
				return Step{Name: StepSignature, OK: true, Detail: "A signature fits the secret, the headers and the body."}
			}
		}
	}
	if understood == 0 {
		return Step{Name: StepSignature, OK: false, Detail: "The header " + HeaderSignature + " holds no \"v1,\" followed by base64."}
	}
	return Step{Name: StepSignature, OK: false, Detail: "No signature fits: the secret is another one, or the body was changed after signing (it must be the very bytes that were sent)."}
}
