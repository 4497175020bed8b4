package server

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/api"
	"github.com/apier/apier/internal/auth"
	"github.com/apier/apier/internal/delivery"
	"github.com/apier/apier/internal/signature"
)

// Options of a server. The tags are those of the command line: each field is a flag, an environment
// variable APIER_… and a key of the YAML file, all of one name. For limits, 0 means none.
type Options struct {
	Listen         string   `default:"127.0.0.1:8080" help:"Address to listen on. :0 picks a free port."`
	Data           string   `default:"./data" help:"Directory of the database, the secret and the first API key." placeholder:"DIR"`
	PublicURL      string   `name:"public-url" help:"Where browsers reach the server: for the printed link, and an origin whose pages may call." placeholder:"URL"`
	AllowedOrigins []string `help:"Pages elsewhere that may call the API and the WebSocket, such as https://shop.example or https://*.shop.example; * is any." placeholder:"ORIGIN"`
	TrustedProxies []string `help:"Proxies whose X-Forwarded-For names the client, as addresses or prefixes." placeholder:"CIDR"`

	JWTSecret   string        `name:"jwt-secret" help:"HS256 secret of tokens, 32 bytes or more. Made at first start if not given." placeholder:"SECRET" secret:""`
	JWKSURL     string        `name:"jwks-url" help:"Where an issuer of tokens publishes its keys (JWKS): RS256, ES256 or EdDSA." placeholder:"URL"`
	JWKSRefresh time.Duration `name:"jwks-refresh" default:"15m" help:"How often they are fetched anew; a key that is not known is looked for at once."`
	JWTIssuer   string        `name:"jwt-issuer" help:"What the claim iss of that issuer's tokens must be." placeholder:"NAME"`
	JWTAudience string        `name:"jwt-audience" help:"What their claim aud must hold; needed with --jwks-url." placeholder:"NAME"`

	APIKey string `name:"api-key" help:"Makes this an API key of the tenant default, with every scope." placeholder:"KEY" secret:""`

	MaxConnections          int           `default:"50000" help:"WebSocket connections in all." public:""`
	MaxConnectionsPerUser   int           `default:"20" help:"WebSocket connections of one user." public:""`
	MaxConnectionsPerIP     int           `name:"max-connections-per-ip" default:"200" help:"WebSocket connections of one address." public:""`
	MaxHTTPConnections      int           `name:"max-http-connections" default:"10000" help:"Connections of plain HTTP in all. Beyond it health checks alone are answered." public:""`
	MaxHTTPConnectionsPerIP int           `name:"max-http-connections-per-ip" default:"2000" help:"Connections of plain HTTP of one address, at most half of those in all; a trusted proxy has no such limit." public:""`
	MaxUnauthenticated      int           `default:"1000" help:"WebSocket connections that have not sent their credential yet (?auth=message)." public:""`
	MaxUnauthenticatedPerIP int           `name:"max-unauthenticated-per-ip" default:"50" help:"Such connections of one address." public:""`
	IPv6Prefix              int           `name:"ipv6-prefix" default:"64" help:"Bits of an IPv6 address that count as one address in each limit per address: a provider hands a customer a whole /64." max:"128" public:""`
	Compression             bool          `help:"Compress what WebSocket clients are sent (permessage-deflate), for those who offer it; saves bytes, costs CPU."`
	MaxMessageBytes         int           `default:"32KiB" help:"Size of a message from a WebSocket client." type:"bytes" public:""`
	MessagesPerSecond       float64       `default:"20" help:"Messages a second from a WebSocket client." public:""`
	MessageBurst            int           `default:"40" help:"Messages at once from a WebSocket client."`
	MaxSubscriptions        int           `default:"100" help:"Subscriptions of a WebSocket connection." public:""`
	MaxQueueBytes           int           `default:"1MiB" help:"Unsent answers to a WebSocket client, bytes." type:"bytes"`
	LiveLogBytes            int           `default:"8MiB" help:"Latest changes of a tenant kept in memory for its connections, bytes; 0 means the default." type:"bytes"`
	LiveLogTotalBytes       int           `default:"64MiB" help:"Latest changes of all tenants together kept in memory for their connections; the largest of them makes room; 0 means the default." type:"bytes"`
	PingAfter               time.Duration `default:"25s" help:"Silence after which the server pings a WebSocket client; 0 means the default."`
	SilenceTimeout          time.Duration `default:"60s" help:"Silence that ends a WebSocket connection; 0 means the default."`
	WriteTimeout            time.Duration `default:"30s" help:"Time without progress that ends a client that reads nothing, of a WebSocket or of an answer; 0 means the default."`
	ReconnectWindow         time.Duration `default:"5s" help:"Time over which clients come back after a restart, at least."`
	ShutdownDelay           time.Duration `default:"0s" help:"Time at the beginning of a shutdown in which /readyz fails and all else goes on, so that load balancers look elsewhere first."`
	DrainTimeout            time.Duration `default:"10s" help:"Time for clients to leave and requests to end at shutdown."`

	MaxPayloadBytes   int           `default:"256KiB" help:"Size of an event's payload." type:"bytes" public:""`
	MaxDepth          int           `default:"100" help:"Levels of arrays and objects within each other in an event's payload and other JSON, at most 1000; many readers stop at 64 or 128; 0 means the default." max:"1000" public:""`
	MaxBatchBytes     int           `default:"8MiB" help:"Size of a batch request." type:"bytes" public:""`
	MemoryBudget      int64         `default:"64MiB" help:"Memory for the bodies and answers of requests under way, at least four times --max-batch-bytes; half of it for one tenant, a quarter for one key or address." type:"bytes"`
	RequestsPerSecond float64       `default:"0" help:"API requests a second of one key or user." public:""`
	TokensPerSecond   float64       `default:"5" help:"Failed requests a second for POST /api/token from one address, four seconds' worth at once. Those with a good key do not count." public:""`
	MaxSearches       int           `default:"2" help:"Searches of what events hold at once; others wait; 0 means the default."`
	SearchTimeout     time.Duration `default:"10s" help:"Time for such a search to find a page, its wait included; 0 means the default."`
	ReadTimeout       time.Duration `default:"10s" help:"Time for any other read of a tenant, such as a page of a list, its wait included; 0 means the default."`
	TokenTTL          time.Duration `name:"token-ttl" default:"1h" help:"Life of a token from POST /api/token; 0 means the default." min:"1s" public:""`
	WriteQueue        int           `default:"4096" help:"Writes waiting for the database, at most 1000000; beyond it requests get 503; 0 means the default." max:"1000000"`

	WriteQueuePerTenant int `default:"0" help:"Those of one tenant; 0 means as many as the queue has places. What others have queued refuses no tenant its even share."`

	AllowPrivateEndpoints bool          `help:"Let webhooks go to private and loopback addresses. For development."`
	DeliveryAllow         []string      `help:"Hosts, addresses and prefixes inside the network that webhooks may go to." placeholder:"HOST"`
	DeliveryMaxInFlight   int           `default:"512" help:"Webhook requests under way in all, beyond one for each endpoint; 0 means the default."`
	MaxEndpoints          int           `default:"1000" help:"Endpoints of a tenant; 0 means the default." public:""`
	MaxOperations         int           `default:"4" help:"Operations of a tenant that run at once; 0 means the default."`
	DisableEndpointAfter  time.Duration `default:"5d" help:"Failure without a success that disables an endpoint."`

	WebhookSecrets           []string `help:"Secrets of senders to POST /api/webhook who are no endpoint of this server: whsec_…, or TENANT=whsec_…." placeholder:"SECRET" secret:""`
	WebhookRequestsPerSecond float64  `default:"50" help:"Webhooks a second from one address to POST /api/webhook." public:""`
	WebhookLog               int      `default:"10000" help:"Webhooks that the receiver's log keeps of a tenant; of refused ones a tenth; 0 means the default." public:""`
	InboxOpen                int      `default:"10000" help:"Events that a group of consumers may have leased or given back; 0 means the default." public:""`
	InboxMaxDeliveries       int      `default:"0" help:"How often the inbox hands out an event before it has failed." public:""`
	InboxMaxWaiting          int      `default:"10000" help:"Requests that wait for events (wait_seconds) at once." public:""`
	InboxMaxWaitingPerTenant int      `default:"0" help:"Requests of one tenant that wait for events at once; 0 means half of --inbox-max-waiting." public:""`

	RetentionEvents        time.Duration `default:"90d" help:"How long an event is kept, with its deliveries, whatever its status." public:""`
	RetentionAttemptBodies time.Duration `default:"14d" help:"How long the bodies of receivers' answers are kept." public:""`
	RetentionWebhookLog    time.Duration `default:"14d" help:"How long a line of the receiver's log is kept." public:""`
	DiskBudget             int64         `default:"0" help:"Bytes of the database that may be in use; beyond it the oldest delivered and failed events go." placeholder:"BYTES" type:"bytes" min:"16MiB" public:""`
	DiskBudgetPending      bool          `help:"Under the disk budget let the oldest pending events go too, rather than refuse new ones."`

	TombstoneRetention   time.Duration `default:"7d" help:"How long a client may be away and still resume over deletions." public:""`
	IdempotencyRetention time.Duration `default:"7d" help:"How long an Idempotency-Key is remembered." public:""`

	AcceptLoss string `help:"Start although the database has lost commits: what the refusal of the start before named." placeholder:"TOKEN"`

	ProfilerListen string `default:"" help:"Address of Go's profiler, /debug/pprof, such as 127.0.0.1:6060. It asks for no key. Off unless given." placeholder:"ADDR"`

	LogFormat string `default:"text" enum:"text,json" help:"Format of the log on standard error: text or json."`
	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error."`
}

const (
	minSecret = 32
	minKey    = 26 // characters after apier_: base32 of 128 bits
)

// Validate reports every setting that cannot work, by its flag, in the order of the help.
func (o Options) Validate() error {
	var errs []error
	checks := o.checks()
	for _, s := range o.settings() {
		problem := s.outOfRange()
		if check := checks[s.Name]; problem == nil && check != nil {
			problem = check()
		}
		if problem != nil {
			errs = append(errs, fmt.Errorf("--%s %w", s.Name, problem))
		}
	}
	return errors.Join(errs...)
}

// checks holds, by setting, what a range cannot say.
func (o Options) checks() map[string]func() error {
	return map[string]func() error{
		"public-url": func() error { return CheckPublicURL(o.PublicURL) },
		"allowed-origins": func() error {
			_, err := auth.ParseOrigins(o.AllowedOrigins)
			return err
		},
		"trusted-proxies": func() error {
			_, err := parsePrefixes(o.TrustedProxies)
			return err
		},
		"jwt-secret": func() error { return faultOf(o.JWTSecret, secretFault) },
		"jwks-url":   o.checkIssuer,
		"jwks-refresh": func() error {
			if o.JWKSURL != "" && o.JWKSRefresh < time.Second {
				return fmt.Errorf("must be a second or more, not %v", o.JWKSRefresh)
			}
			return nil
		},
		"jwt-audience": o.checkAudience,
		"api-key":      func() error { return faultOf(o.APIKey, apiKeyFault) },
		"memory-budget": func() error {
			if o.MemoryBudget > 0 && o.MemoryBudget < 4*int64(o.MaxBatchBytes) {
				return fmt.Errorf("must be 0 or at least four times --max-batch-bytes, %d bytes: the share of one key has to hold one batch", 4*int64(o.MaxBatchBytes))
			}
			return nil
		},
		"delivery-allow": func() error {
			_, err := delivery.ParseAllowed(o.DeliveryAllow)
			return err
		},
		"webhook-secrets": func() error {
			_, err := o.webhookSecrets()
			return err
		},
	}
}

// faultOf checks a value that was given.
func faultOf(value string, fault func(string) string) error {
	if value == "" {
		return nil
	}
	if problem := fault(value); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// CheckPublicURL tells what is wrong with a --public-url.
func CheckPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("must be a URL such as https://events.example, not %q", text)
	}
	if strings.TrimSuffix(u.Path, "/") != "" {
		return fmt.Errorf("has the path %s; give the server a host name of its own: dashboard and API are at its root", u.Path)
	}
	return nil
}

// origins are the pages that may call: those of --allowed-origins, and the server's own behind a proxy that rewrites Host.
func (o Options) origins() auth.Origins {
	texts := o.AllowedOrigins
	if u, err := url.Parse(o.PublicURL); err == nil && u.Host != "" {
		texts = append(slices.Clone(texts), u.Scheme+"://"+u.Host)
	}
	origins, _ := auth.ParseOrigins(texts) // validated before
	return origins
}

// webhookSecrets reads whsec_… as a secret of the default tenant, and TENANT=whsec_… as one of another. No
// error shows a secret.
func (o Options) webhookSecrets() ([]api.WebhookSecret, error) {
	var secrets []api.WebhookSecret
	for i, text := range o.WebhookSecrets {
		tenant, secret := string(auth.DefaultTenant), text
		if name, rest, named := strings.Cut(text, "="+signature.SecretPrefix); named {
			tenant, secret = name, signature.SecretPrefix+rest
		}
		raw, err := signature.ParseSecret(secret)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		secrets = append(secrets, api.WebhookSecret{Tenant: apier.TenantID(tenant), Secret: raw})
	}
	return secrets, nil
}

func (o Options) checkIssuer() error {
	if o.JWKSURL == "" {
		if o.JWTIssuer != "" || o.JWTAudience != "" {
			return errors.New("is needed with --jwt-issuer and --jwt-audience: they are of its tokens")
		}
		return nil
	}
	u, err := url.Parse(o.JWKSURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return fmt.Errorf("must be a URL of https (http on this machine only), not %q", o.JWKSURL)
	}
	return nil
}

func (o Options) checkAudience() error {
	if o.JWKSURL != "" && o.JWTAudience == "" {
		return errors.New("is needed with --jwks-url: without it, a token that the issuer made for anybody else would be let in")
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func parsePrefixes(texts []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			addr = addr.Unmap()
			prefixes = append(prefixes, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("has %q; write an address such as 10.0.0.1 or a prefix such as 10.0.0.0/8", text)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 { // ::ffff:10.0.0.0/104
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// logger returns the log of the process, which the standard library's goes through, too.
func (o Options) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(o.LogLevel)) // an unknown level stays info
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, options)
	if o.LogFormat == "json" {
		handler = slog.NewJSONHandler(os.Stderr, options)
	}
	bounded := slog.New(newBoundedHandler(handler))
	log.SetFlags(0)
	log.SetOutput(libraryLog{bounded, slog.LevelInfo}) // net/http's client writes there what a receiver sent
	return bounded
}
