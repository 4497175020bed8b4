package apier

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// EndpointID is "ep_" and 26 characters, made as those of an EventID.
type EndpointID string

// EndpointStatus says whether an endpoint is sent to.
type EndpointStatus string

// The statuses of an endpoint.
const (
	EndpointActive   EndpointStatus = "active"
	EndpointPaused   EndpointStatus = "paused"   // by hand: deliveries are kept for it and wait
	EndpointDisabled EndpointStatus = "disabled" // it asked for it, or failed for days: no new deliveries are made for it
)

// Endpoint is where webhooks go.
type Endpoint struct {
	ID              EndpointID        `json:"id"`
	URL             string            `json:"url"`
	Description     string            `json:"description"`
	Types           []string          `json:"types"`                    // globs; empty: every type
	Filter          json.RawMessage   `json:"filter"`                   // see ParseFilter; null: every event
	FilterProblem   string            `json:"filter_problem,omitempty"` // why a filter of old can never match; "": it can
	Headers         map[string]string `json:"headers"`                  // sent with each attempt
	RatePerSecond   float64           `json:"rate_per_second"`          // attempts; 0: no limit
	MaxInFlight     int               `json:"max_in_flight"`            // attempts under way at once
	TimeoutMS       int64             `json:"timeout_ms"`               // of one attempt
	RetryScheduleMS []int64           `json:"retry_schedule_ms"`        // the wait before each attempt, from the one before it; its length is the number of attempts
	OrderKey        string            `json:"order_key"`                // path in the payload: events that agree there go one after the other; "": no order
	Status          EndpointStatus    `json:"status"`
	DisabledReason  string            `json:"disabled_reason"` // for people; "": not disabled

	HoldUntil           Timestamp `json:"hold_until"` // the breaker: no attempt before, and one at a time until a success; 0: closed
	Pending             int64     `json:"pending"`    // deliveries by status
	Delivered           int64     `json:"delivered"`
	Failed              int64     `json:"failed"`
	ConsecutiveFailures int64     `json:"consecutive_failures"` // attempts, since the latest success
	FailingSince        Timestamp `json:"failing_since"`        // the first of those; 0: none
	LastSuccessAt       Timestamp `json:"last_success_at"`
	LastFailureAt       Timestamp `json:"last_failure_at"`
	LastError           string    `json:"last_error"`
	CreatedAt           Timestamp `json:"created_at"`
	UpdatedAt           Timestamp `json:"updated_at"`
	Seq                 Seq       `json:"seq"` // of its latest change
}

// The bounds and defaults of an endpoint's settings.
const (
	MaxEndpointURL       = 2048
	MaxEndpointTypes     = 50
	MaxEndpointHeaders   = 20
	MaxHeaderValue       = 1024
	MaxDescription       = 200
	MaxInFlightDefault   = 10
	MaxInFlightLimit     = 1000
	TimeoutDefaultMS     = 15_000
	TimeoutLimitMS       = 60_000
	MaxAttemptsLimit     = 20
	MaxRetryWaitMS       = 7 * 24 * 3600 * 1000
	MaxOrderKey          = 128
	minTimeoutMS         = 1000
	maxRatePerSecond     = 10_000
	maxDisabledReasonLen = 300
)

// DefaultRetrySchedule is at once, 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, 24 h, in milliseconds.
func DefaultRetrySchedule() []int64 {
	return []int64{0, 5_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000, 86_400_000}
}

// WithDefaults fills in what a request left out.
func (e Endpoint) WithDefaults() Endpoint {
	if e.MaxInFlight == 0 {
		e.MaxInFlight = MaxInFlightDefault
	}
	if e.TimeoutMS == 0 {
		e.TimeoutMS = TimeoutDefaultMS
	}
	if len(e.RetryScheduleMS) == 0 {
		e.RetryScheduleMS = DefaultRetrySchedule()
	}
	if e.Types == nil {
		e.Types = []string{}
	}
	if e.Headers == nil {
		e.Headers = map[string]string{}
	}
	if e.Status == "" {
		e.Status = EndpointActive
	}
	return e
}

// Validate tells every setting at fault.
func (e Endpoint) Validate() []FieldError {
	var faults []FieldError
	add := func(field, reason string) {
		if reason != "" {
			faults = append(faults, FieldError{field, reason})
		}
	}
	add("url", urlFault(e.URL))
	add("description", NameProblem(e.Description, MaxDescription))
	faults = append(faults, TypesFaults(e.Types)...)
	faults = append(faults, CheckFilter(e.Filter)...)
	faults = append(faults, headerFaults(e.Headers)...)
	add("rate_per_second", rangeFault(e.RatePerSecond, 0, maxRatePerSecond))
	add("max_in_flight", rangeFault(float64(e.MaxInFlight), 1, MaxInFlightLimit))
	add("timeout_ms", rangeFault(float64(e.TimeoutMS), minTimeoutMS, TimeoutLimitMS))
	if len(e.RetryScheduleMS) < 1 || len(e.RetryScheduleMS) > MaxAttemptsLimit {
		add("retry_schedule_ms", fmt.Sprintf("has %d waits, it needs 1 to %d: one for each attempt", len(e.RetryScheduleMS), MaxAttemptsLimit))
	}
	for i, wait := range e.RetryScheduleMS {
		add(fmt.Sprintf("retry_schedule_ms[%d]", i), rangeFault(float64(wait), 0, MaxRetryWaitMS))
	}
	add("order_key", orderKeyFault(e.OrderKey))
	return faults
}

// TypesFaults tells what is wrong with a list of globs of types.
func TypesFaults(globs []string) (faults []FieldError) {
	if len(globs) > MaxEndpointTypes {
		faults = append(faults, FieldError{"types", fmt.Sprintf("has %d globs, at most %d are allowed", len(globs), MaxEndpointTypes)})
	}
	for i, glob := range globs {
		if reason := globFault(glob); reason != "" {
			faults = append(faults, FieldError{fmt.Sprintf("types[%d]", i), reason})
		}
	}
	return faults
}

func rangeFault(n, low, high float64) string {
	if n < low || n > high {
		return fmt.Sprintf("must be %s to %s, not %s", plain(low), plain(high), plain(n))
	}
	return ""
}

// plain writes a number as people do, without an exponent.
func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func urlFault(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is required, such as https://shop.example/webhooks"
	case len(text) > MaxEndpointURL:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(text), MaxEndpointURL)
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return "must be a URL such as https://shop.example/webhooks"
	case !isPort(u.Port()):
		return "has the port " + u.Port() + "; ports are 1 to 65535"
	case u.User != nil:
		return "must not hold a user name or password: put them into headers"
	case u.Fragment != "":
		return "must not have a fragment (#…): it is never sent"
	}
	return ""
}

// isPort takes the port of a URL, which may be left out.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}

func globFault(glob string) string {
	switch {
	case glob == "":
		return "is empty; * stands for every type"
	case len(glob) > MaxTypeSize:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(glob), MaxTypeSize)
	}
	for _, c := range glob {
		if !isTypeRune(c) && c != '*' {
			return fmt.Sprintf("contains %q; allowed are letters, digits, '.', '_', '-' and '*'", c)
		}
	}
	return ""
}

func orderKeyFault(path string) string {
	if len(path) > MaxOrderKey {
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(path), MaxOrderKey)
	}
	if path == "" {
		return ""
	}
	steps, problem := splitPath(path)
	for _, s := range steps {
		switch {
		case s.all:
			return `has a *, which could lead to several values; a star of a name is written \*`
		case s.name == "":
			return "must be a path into the payload, such as customer.id"
		}
	}
	return problem
}

// ownHeader reports whether a header is set by the sender itself, or belongs to the connection.
func ownHeader(name string) bool {
	switch name {
	case "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer",
		"Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "User-Agent", "Accept-Encoding", "Expect":
		return true
	}
	return strings.HasPrefix(name, "Webhook-") || strings.HasPrefix(name, "Apier-")
}

func headerFaults(headers map[string]string) []FieldError {
	var faults []FieldError
	if len(headers) > MaxEndpointHeaders {
		faults = append(faults, FieldError{"headers", fmt.Sprintf("has %d entries, at most %d are allowed", len(headers), MaxEndpointHeaders)})
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		field, value := "headers."+name, headers[name]
		switch {
		case !isToken(name):
			faults = append(faults, FieldError{field, "is not a header's name"})
		case ownHeader(textproto.CanonicalMIMEHeaderKey(name)):
			faults = append(faults, FieldError{field, "is set by the server itself"})
		case len(value) > MaxHeaderValue:
			faults = append(faults, FieldError{field, fmt.Sprintf("is %d bytes long, at most %d are allowed", len(value), MaxHeaderValue)})
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			faults = append(faults, FieldError{field, "contains a control character"})
		case strings.ContainsFunc(value, func(r rune) bool { return r > 0x7f }):
			faults = append(faults, FieldError{field, "contains a character beyond ASCII, which receivers read in different ways; percent-encode it"})
		}
	}
	return faults
}

// isToken follows RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("()<>@,;:\\\"/[]?={}", r)
	})
}

// MatchGlob reports whether * in the glob, standing for any run of characters, can make it name.
func MatchGlob(glob, name string) bool {
	first, rest, wild := strings.Cut(glob, "*")
	if !wild {
		return glob == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for _, part := range parts[:len(parts)-1] {
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = after
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

// Takes reports whether an event is one of those that the endpoint wants.
func (e Endpoint) Takes(event *Event) bool {
	filter, faults := ParseFilter(e.Filter)
	if len(faults) > 0 {
		return false
	}
	return TypesMatch(e.Types, event.Type) && filter.Match(event)
}

// TypesMatch reports whether any of the globs matches; no globs match every type.
func TypesMatch(globs []string, name string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool { return MatchGlob(glob, name) })
}

// HiddenValue stands for the value of a header that is not shown.
const HiddenValue = "(set)"

// SecretHeaders gives headers as they may be shown: without the values that are credentials.
func SecretHeaders(headers map[string]string) map[string]string {
	shown := make(map[string]string, len(headers))
	for name, value := range headers {
		if HoldsCredential(name) {
			value = HiddenValue
		}
		shown[name] = value
	}
	return shown
}

// HiddenHeaders returns the headers of an endpoint as they may be shown: every value is hidden, because no name tells
// whether its value is a secret.
func HiddenHeaders(headers map[string]string) map[string]string {
	hidden := make(map[string]string, len(headers))
	for name := range headers {
		hidden[name] = HiddenValue
	}
	return hidden
}

// sentHeaders returns the headers of an attempt as they may be shown: the values that an endpoint's settings gave are
// hidden, those of the sender itself are not.
func sentHeaders(headers map[string]string) map[string]string {
	shown := make(map[string]string, len(headers))
	for name, value := range headers {
		if !ownHeader(textproto.CanonicalMIMEHeaderKey(name)) {
			value = HiddenValue
		}
		shown[name] = value
	}
	return shown
}

// HoldsCredential reports whether a header's value may be one, as far as its name tells.
func HoldsCredential(name string) bool {
	name = strings.ToLower(name)
	return !strings.HasSuffix(name, "authenticate") && // which asks for one
		slices.ContainsFunc([]string{"auth", "cookie", "token", "secret", "password", "api-key", "apikey"}, func(part string) bool { return strings.Contains(name, part) })
}
