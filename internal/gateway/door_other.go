//go:build !linux

package gateway

import (
	"net"
	"net/http"
)

// Door gives the listener as it is: the short way for upgrade requests is for Linux.
func (g *Gateway) Door(l net.Listener, _ http.Handler) net.Listener { return l }
