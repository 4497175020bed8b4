package auth

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Origins are the web pages elsewhere that may call: scheme and host, such as https://shop.example,
// https://*.shop.example for every host below it, or * for any.
type Origins []string

// ParseOrigins reads origins as people write them. The error names the one that is none.
func ParseOrigins(texts []string) (Origins, error) {
	var origins Origins
	for _, text := range texts {
		if text == "*" {
			origins = append(origins, text)
			continue
		}
		u, err := url.Parse(strings.TrimSuffix(text, "/"))
		if err != nil || u.Host == "" || *u != (url.URL{Scheme: u.Scheme, Host: u.Host}) || strings.Contains(strings.TrimPrefix(u.Host, "*."), "*") {
			return nil, fmt.Errorf("has %q; an origin is scheme and host, such as https://shop.example or https://*.shop.example", text)
		}
		if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
			u.Host = strings.TrimSuffix(u.Host, ":"+port) // browsers leave it out
		}
		origins = append(origins, strings.ToLower(u.String()))
	}
	return origins, nil
}

// Allow reports whether the value of an Origin header is among them.
func (o Origins) Allow(origin string) bool {
	origin = strings.ToLower(origin)
	return slices.ContainsFunc(o, func(allowed string) bool {
		scheme, domain, below := strings.Cut(allowed, "*.")
		if !below {
			return allowed == "*" || allowed == origin
		}
		host, ok := strings.CutPrefix(origin, scheme)
		name, found := strings.CutSuffix(host, "."+domain)
		return ok && found && name != "" && !strings.ContainsAny(name, "/:@?#")
	})
}

// SameHost reports whether an origin names the host that a request was sent to. A default port counts as written,
// since browsers leave it out and proxies may add it: https://x is of the Host x:443.
func SameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	port := map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	return strings.EqualFold(withPort(u.Host, port), withPort(host, port))
}

// withPort adds a port to a host that names none.
func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil || port == "" {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
