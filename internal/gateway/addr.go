package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddr gives the address that a request comes from: the nearest that is not a trusted proxy.
func ClientAddr(r *http.Request, trusted []netip.Prefix) string {
	return clientAddr(r.RemoteAddr, strings.Join(r.Header.Values("X-Forwarded-For"), ","), trusted)
}
