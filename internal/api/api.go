// Package api is the REST side of the server: one table of routes, one file per noun, and handlers that
// all take the same steps: who is it, what do they want, is it valid, do it, answer. Errors leave as
// RFC 9457 problems; causes go to the log.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/memory"
	"github.com/apier/apier/internal/problem"
	"github.com/apier/apier/internal/store"
)

// Options of the API; the zero value has the defaults in brackets.
type Options struct {
	MaxPayload          int                        // of one event, bytes [256 KiB]
	MaxDepth            int                        // levels of a payload and of other values, below 0: no limit [apier.MaxDepth]
	MaxBatchBytes       int                        // of one batch request, bytes [8 MiB]
	AllowedOrigins      auth.Origins               // pages elsewhere that may call; "*" is any [none]
	RequestsPerSec      float64                    // of one key or user; 0 means no limit
	TokensPerSec        float64                    // failed requests for tokens from one address; 0 means no limit
	WebhookSecrets      []WebhookSecret            // of senders to POST /api/webhook who are no endpoints
	WebhooksPerSec      float64                    // to POST /api/webhook from one address; 0 means no limit
	MaxWaiting          int                        // requests with wait_seconds at once [10 000]
	MaxWaitingPerTenant int                        // likewise, of one tenant [half of them]
	MaxSearches         int                        // searches of what events hold at once [2]; others wait
	SearchTimeout       time.Duration              // of such a search, its wait included [10 s]
	Notifier            *InboxNotifier             // wakes them; told by Store.Announce [one that is told nothing]
	ClientAddr          func(*http.Request) string // the address of a client [that of the connection]
	LimitKey            func(addr string) string   // what an address counts as for a limit per address [itself]
	Connections         Connections                // the open WebSockets [none]
	Operate             func()                     // is told that an operation was created [nobody works on it]
	Tester              Tester                     // sends samples to endpoints [none]
	CheckHost           func(host string) error    // says why no webhook reaches the host of a URL [any is reached]
	Config              map[string]any             // what GET /api/config shows; never a secret
	Memory              *memory.Budget             // of requests under way [no limit]
	Run                 string                     // of the server, named by cursors ["run"]
	Now                 func() time.Time           // [time.Now]
	Log                 *slog.Logger               // [slog.Default]
}

// API answers /api/*.
type API struct {
	store    store.Store
	auth     *auth.Authenticator
	opt      Options
	mux      *http.ServeMux
	rates    *rates
	notifier *InboxNotifier

	logins   *rates        // failed requests for tokens, by address
	guesses  *rates        // keys looked up for an address that has failed too often
	receiver *rates        // of senders, by address
	refusals *rate.Limiter // of webhooks that are refused and written down
	failures failures

	searches searches
	page     func() (docsPage, error)

	openAPIText func() fixedText
}

// New makes the API.
func New(s store.Store, a *auth.Authenticator, opt Options) *API {
	if opt.MaxDepth == 0 {
		opt.MaxDepth = apier.MaxDepth
	}
	if opt.MaxPayload <= 0 {
		opt.MaxPayload = apier.MaxPayloadSize
	}
	if opt.MaxBatchBytes <= 0 {
		opt.MaxBatchBytes = 8 << 20
	}
	if opt.CheckHost == nil {
		opt.CheckHost = func(string) error { return nil }
	}
	if opt.Operate == nil {
		opt.Operate = func() {}
	}
	if opt.Run == "" {
		opt.Run = "run"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.MaxWaiting <= 0 {
		opt.MaxWaiting = 10_000
	}
	if opt.MaxWaitingPerTenant <= 0 {
		opt.MaxWaitingPerTenant = max(opt.MaxWaiting/2, 1)
	}
	if opt.Notifier == nil {
		opt.Notifier = NewInboxNotifier()
	}
	if opt.Memory == nil {
		opt.Memory = memory.New(0)
	}
	if opt.LimitKey == nil {
		opt.LimitKey = func(addr string) string { return addr }
	}
	if opt.ClientAddr == nil {
		opt.ClientAddr = func(r *http.Request) string { return r.RemoteAddr }
	}
	api := &API{
		store: s, auth: a, opt: opt, mux: http.NewServeMux(), rates: newRates(opt.RequestsPerSec, 2), notifier: opt.Notifier,
		logins: newRates(opt.TokensPerSec, 4), guesses: newRates(guessFactor*opt.TokensPerSec, 2),
		receiver: newRates(opt.WebhooksPerSec, 2), refusals: rate.NewLimiter(refusalsPerSec, 10*refusalsPerSec),
		failures: failures{limit: rate.NewLimiter(failuresPerSec, 10*failuresPerSec)},
		searches: newSearches(opt.MaxSearches, opt.SearchTimeout), page: sync.OnceValues(renderDocs),
		openAPIText: sync.OnceValue(func() fixedText { return newFixedText(openAPIDocument) }),
	}
	api.routes()
	return api
}

// route is one line of the table. An empty scope means that no credential is needed. The rule says which channels a
// token must permit: docs/access.md.
type route struct {
	pattern string
	scope   string
	rule    channelRule
	handle  func(a *API, c *call) error
}

func table() []route {
	return []route{
		{"POST /api/token", "", ruleNone, (*API).createToken},
		{"POST /api/ws-tickets", auth.ScopeRead, ruleNone, (*API).createTicket},
		{"POST /api/token/refresh", auth.ScopeRead, ruleNone, (*API).refreshToken},

		{"POST /api/events", auth.ScopeWrite, ruleNewEvents, (*API).createEvent},
		{"POST /api/events/batch", auth.ScopeWrite, ruleNewEvents, (*API).createEvents},
		{"GET /api/events", auth.ScopeRead, ruleTypes, (*API).listEvents},
		{"GET /api/events/export", auth.ScopeRead, ruleTypes, (*API).exportEvents},
		{"GET /api/events/{id}", auth.ScopeRead, ruleEvent, (*API).getEvent},
		{"DELETE /api/events/{id}", auth.ScopeWrite, ruleEvent, (*API).deleteEvent},
		{"POST /api/events/{id}/erase", auth.ScopeWrite, ruleEvent, (*API).eraseEvent},
		{"POST /api/events/erase", auth.ScopeAdmin, ruleUnrestricted, (*API).eraseEvents},
		{"GET /api/erasures", auth.ScopeAdmin, ruleUnrestricted, (*API).listErasures},
		{"GET /api/erasures/{id}", auth.ScopeAdmin, ruleUnrestricted, (*API).getErasure},

		{"GET /api/events/{id}/deliveries", auth.ScopeRead, ruleEventID, (*API).listEventDeliveries},

		{"GET /api/endpoints", auth.ScopeRead, ruleEndpoints, (*API).listEndpoints},
		{"POST /api/endpoints", auth.ScopeAdmin, ruleUnrestricted, (*API).createEndpoint},
		{"POST /api/endpoints/filter-test", auth.ScopeRead, ruleEvents, (*API).testFilter},
		{"GET /api/endpoints/health", auth.ScopeRead, ruleEndpoints, (*API).endpointHealth},
		{"GET /api/endpoints/{id}", auth.ScopeRead, ruleEndpoint, (*API).getEndpoint},
		{"PATCH /api/endpoints/{id}", auth.ScopeAdmin, ruleUnrestricted, (*API).updateEndpoint},
		{"DELETE /api/endpoints/{id}", auth.ScopeAdmin, ruleUnrestricted, (*API).deleteEndpoint},
		{"POST /api/endpoints/{id}/rotate-secret", auth.ScopeAdmin, ruleUnrestricted, (*API).rotateSecret},
		{"POST /api/endpoints/{id}/test", auth.ScopeAdmin, ruleUnrestricted, (*API).testEndpoint},
		{"GET /api/endpoints/{id}/deliveries", auth.ScopeRead, ruleEndpoint, (*API).listEndpointDeliveries},
		{"GET /api/endpoints/{id}/recoveries", auth.ScopeRead, ruleEndpoint, (*API).listRecoveries},
		{"POST /api/endpoints/{id}/recover", auth.ScopeWrite, ruleEndpoints, (*API).recoverDeliveries},
		{"GET /api/deliveries/{id}", auth.ScopeRead, ruleDelivery, (*API).getDelivery},
		{"GET /api/deliveries/{id}/attempts", auth.ScopeRead, ruleDelivery, (*API).listAttempts},
		{"POST /api/deliveries/{id}/retry", auth.ScopeWrite, ruleDelivery, (*API).retryDelivery},
		{"GET /api/recoveries/{id}", auth.ScopeRead, ruleRecovery, (*API).getRecovery},
		{"POST /api/recoveries/{id}/stop", auth.ScopeWrite, ruleRecovery, (*API).stopRecovery},

		{"POST /api/operations", auth.ScopeWrite, ruleEvents, (*API).createOperation},
		{"GET /api/operations", auth.ScopeRead, ruleEvents, (*API).listOperations},
		{"GET /api/operations/{id}", auth.ScopeRead, ruleEvents, (*API).getOperation},
		{"POST /api/operations/{id}/stop", auth.ScopeWrite, ruleEvents, (*API).stopOperation},

		{"GET /api/inbox", auth.ScopeRead, ruleEvents, (*API).listInbox},
		{"POST /api/inbox/{id}/ack", auth.ScopeWrite, ruleEvents, (*API).ackEvent},
		{"POST /api/inbox/{id}/nack", auth.ScopeWrite, ruleEvents, (*API).nackEvent},
		{"POST /api/inbox/{id}/extend", auth.ScopeWrite, ruleEvents, (*API).extendLease},
		{"POST /api/inbox/ack", auth.ScopeWrite, ruleEvents, (*API).ackEvents},
		{"GET /api/inbox/groups", auth.ScopeRead, ruleEvents, (*API).listGroups},
		{"PUT /api/inbox/groups/{name}", auth.ScopeWrite, ruleEvents, (*API).putGroup},
		{"DELETE /api/inbox/groups/{name}", auth.ScopeWrite, ruleEvents, (*API).deleteGroup},

		{"POST /api/webhook", "", ruleNone, (*API).receiveWebhook},
		{"GET /api/webhooks/logs", auth.ScopeRead, ruleWebhooks, (*API).listWebhooks},
		{"POST /api/webhooks/verify", auth.ScopeRead, ruleEndpoints, (*API).verifyWebhook},

		{"GET /api/metrics/summary", auth.ScopeRead, ruleMetrics, (*API).summary},
		{"GET /api/metrics/latency", auth.ScopeRead, ruleMetrics, (*API).latency},
		{"GET /api/metrics/throughput", auth.ScopeRead, ruleMetrics, (*API).throughput},
		{"GET /api/metrics/errors", auth.ScopeRead, ruleEvents, (*API).errorCounts},
		{"GET /api/metrics/storage", auth.ScopeAdmin, ruleOperators, (*API).storage},

		{"GET /api/connections", auth.ScopeAdmin, ruleUnrestricted, (*API).listConnections},
		{"DELETE /api/connections/{id}", auth.ScopeAdmin, ruleUnrestricted, (*API).disconnect},

		{"GET /api/identity", auth.ScopeRead, ruleNone, (*API).identity},
		{"GET /api/config", auth.ScopeRead, ruleNone, (*API).config},
		{"GET /api/health", "", ruleNone, (*API).health},
		{"GET /api/openapi.json", "", ruleNone, (*API).openAPI},
		{"GET /api/docs", "", ruleNone, (*API).docs},
	}
}

func (a *API) routes() {
	for _, r := range table() {
		a.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { a.serve(w, req, r) }) //nolint:contextcheck // the request has it
	}
	a.mux.HandleFunc("/api/", a.noRoute)
	a.mux.HandleFunc("/api", a.noRoute) // or the mux would redirect to /api/
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if a.cors(w, r) {
		return
	}
	if !IsClean(r.URL.Path) { // the mux would redirect to another route
		a.notFound(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// call is one request on its way through a handler.
type call struct {
	w   http.ResponseWriter
	raw http.ResponseWriter // beneath w
	r   *http.Request
	id  auth.Identity

	memory *memory.Account // what this request holds
	excess bool            // it was refused for want of memory: its sender's own doing, as a rule

	maxDepth int // levels of JSON in the body
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (a *API) serve(w http.ResponseWriter, r *http.Request, route route) {
	c := &call{w: w, raw: w, r: r, maxDepth: a.opt.MaxDepth}
	if route.scope != "" {
		id, err := a.identify(r, route.scope)
		if err != nil {
			a.fail(c, err)
			return
		}
		c.id = id
		defer a.attend(c)()
		if wait := a.rates.take(caller{id.Tenant, id.Subject}, a.opt.Now()); wait > 0 {
			problem.Write(w, apier.Errorf(apier.CodeRateLimited, "More than %v requests a second (--requests-per-second).", a.opt.RequestsPerSec), wait)
			return
		}
	}
	c.memory = a.account(c)
	defer c.memory.Close()
	c.w = &answerWriter{ResponseWriter: w, account: c.memory, changed: r.Method != http.MethodGet, takesGzip: takesGzip(r)}
	if r.Method == http.MethodGet {
		w.Header().Add("Vary", "Accept-Encoding")
	}
	err := a.permit(c.ctx(), c, route.rule)
	if err == nil {
		err = route.handle(a, c)
	}
	if err != nil {
		a.fail(c, err)
	}
}

// attend ends the context of a request when its credential is no longer good, with the reason as the cause.
func (a *API) attend(c *call) (stop func()) {
	ctx, cancel := context.WithCancelCause(c.ctx())
	unwatch := a.auth.Watch(c.id, cancel)
	c.r = c.r.WithContext(ctx)
	return func() {
		unwatch()
		cancel(nil)
	}
}

// account opens the request's account: that of the caller, or of the address where a route needs no credential.
func (a *API) account(c *call) *memory.Account {
	if c.id.Tenant == "" {
		return a.opt.Memory.Account("", a.opt.LimitKey(a.opt.ClientAddr(c.r)))
	}
	return a.opt.Memory.Account(string(c.id.Tenant), c.id.Subject)
}

func (a *API) identify(r *http.Request, scope string) (auth.Identity, error) {
	scheme, credential, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return auth.Identity{}, apier.Errorf(apier.CodeUnauthorized, "No credential: send the header Authorization: Bearer with a token from POST /api/token, or with an API key.")
	}
	id, err := a.auth.Credential(r.Context(), strings.TrimSpace(credential))
	if err != nil {
		return id, err
	}
	if !id.Can(scope) {
		return id, apier.Errorf(apier.CodeForbidden, "The credential lacks the scope %s.", scope)
	}
	return id, nil
}

const retryAfter = time.Second // advised when the write queue is full

// fail answers with the problem that err is. Causes that are ours are logged and not shown.
func (a *API) fail(c *call, err error) {
	var ended *apier.Error
	if c.ctx().Err() != nil && errors.As(context.Cause(c.ctx()), &ended) {
		err = ended
	}
	if errors.Is(err, context.Canceled) && c.r.Context().Err() != nil {
		return // the client is gone
	}
	e := apier.AsError(err)
	var wait time.Duration
	if e.Code == apier.CodeUnavailable {
		wait = retryAfter
	}
	if e.Code == apier.CodeInternal || e.Code == apier.CodeUnavailable {
		a.logFailure(c, err)
	}
	problem.Write(c.w, e, wait)
}

const failuresPerSec = 5 // lines about failed requests

// failures bounds the lines about failed requests: where the disk is full all of them fail, and the log is on it too.
type failures struct {
	limit   *rate.Limiter
	skipped atomic.Int64
}

func (a *API) logFailure(c *call, err error) {
	if !a.failures.limit.AllowN(a.opt.Now(), 1) {
		a.failures.skipped.Add(1)
		return
	}
	attrs := []any{"method", c.r.Method, "path", c.r.URL.Path, "tenant", c.id.Tenant, "user", c.id.Subject, "cause", err}
	if n := a.failures.skipped.Swap(0); n > 0 {
		attrs = append(attrs, "failed_unlogged", n)
	}
	level := slog.LevelError
	if c.excess {
		level = slog.LevelWarn
	}
	a.opt.Log.Log(c.r.Context(), level, "api: request failed", attrs...)
}

// methods are all that the table has.
func methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// noRoute tells a wrong path from a wrong method.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range methods() {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern != "/api/" && pattern != "/api" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem.Write(w, apier.Errorf(apier.CodeMethodNotAllowed, "%s is not possible here; use %s.", r.Method, strings.Join(allowed, " or ")), 0)
		return
	}
	a.notFound(w, r)
}

func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	hint := "GET /api/docs lists what there is."
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		hint = "The WebSocket is at /ws."
	}
	problem.Write(w, apier.Errorf(apier.CodeNotFound, "There is nothing at %s. %s", cutText(r.URL.Path, maxQuoted), hint), 0)
}

// IsClean reports whether a path stands for itself: it has no empty part and none of "." and "..", so that no route is
// found under another's address.
func IsClean(p string) bool {
	cleaned := path.Clean(p)
	return p == cleaned || p == "" || cleaned != "/" && p == cleaned+"/"
}

func (a *API) cors(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if origin == "" || len(a.opt.AllowedOrigins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !a.opt.AllowedOrigins.Allow(origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Idempotent-Replayed, Retry-After, "+headerInboxFull+", "+headerCursorRun)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods(), ", "))
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
