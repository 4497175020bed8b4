package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/apier/apier"
)

// Client talks to one API/er server. It is safe for concurrent use and keeps no connection of its own but
// the idle ones of its HTTP client.
type Client struct {
	base    *url.URL
	options Options
	http    *http.Client
	ownHTTP bool
}

// New makes a client of the server at address, such as "https://events.example", or
// "https://example/events" where a proxy serves it under a path. It does not connect. The error is an *[apier.Error]: CodeInvalid is an address
// that is none, CodeUnauthorized a token that no header can hold.
func New(address string, o Options) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, apier.Errorf(apier.CodeInvalid, "The address of the server must be a URL such as https://events.example.")
	}
	base.RawQuery, base.Fragment = "", ""
	c := &Client{base: base, options: o, http: o.HTTPClient}
	if c.http == nil {
		c.http, c.ownHTTP = newHTTPClient()
	}
	if c.options.Token, err = cleanToken(o.Token); err != nil {
		return nil, err
	}
	if c.options.RequestTimeout <= 0 {
		c.options.RequestTimeout = defaultRequestTimeout
	}
	if c.options.MaxRetries == 0 {
		c.options.MaxRetries = defaultMaxRetries
	}
	return c, nil
}

// newHTTPClient gives a client with connections of its own. Where the program has put another transport in the place
// of the default one, it is used as it is.
func newHTTPClient() (h *http.Client, own bool) {
	transport, own := http.DefaultTransport.(*http.Transport)
	if !own {
		return &http.Client{}, false
	}
	return &http.Client{Transport: transport.Clone()}, true
}

// Close lets idle HTTP connections go, unless Options.HTTPClient was given: that one is the caller's. Live connections
// end with their own context or Close. It is safe to call twice, and a client that is used again dials again.
func (c *Client) Close() {
	if c.ownHTTP {
		c.http.CloseIdleConnections()
	}
}

// tokenOr asks the source; where there is none, it is the token given.
func (c *Client) tokenOr(ctx context.Context, given string, reason TokenReason) (string, error) {
	if c.options.TokenSource == nil {
		return cleanToken(given)
	}
	token, err := c.options.TokenSource(ctx, reason)
	if err != nil {
		return "", err
	}
	return cleanToken(token)
}

// cleanToken takes away the space around a token, such as the line break at the end of a file, and refuses one that
// no header can hold.
func cleanToken(token string) (string, error) {
	token = strings.TrimSpace(token)
	if strings.ContainsFunc(token, unicode.IsControl) {
		return "", apier.Errorf(apier.CodeUnauthorized, "The token holds a line break or another control character: it is no API key and no JWT.")
	}
	return token, nil
}
