package gateway

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it; it guards nothing
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// handshakeKey is the length of Sec-WebSocket-Key: 16 bytes in base64.
const handshakeKey = 24

// handshake gives the answer to an upgrade request that isUpgrade has seen: RFC 6455, section 4.2; extension is
// what was negotiated. Whoever writes it may put frames behind it into the same write.
//
// The names of headers are spelled as net/http keeps them, here and where else they are read: it respells any other
// at each call.
func handshake(r *http.Request, extension string) ([]byte, error) {
	key, versions := r.Header.Get("Sec-Websocket-Key"), r.Header["Sec-Websocket-Version"]
	switch {
	case !r.ProtoAtLeast(1, 1):
		return nil, errors.New("the request is not of HTTP/1.1")
	case r.ContentLength != 0: // or what follows would be read as frames by one, as a body by another on the way
		return nil, errors.New("the request has a body")
	case len(versions) != 1 || versions[0] != "13":
		return nil, errors.New("the header Sec-WebSocket-Version must be 13, once")
	case len(r.Header["Sec-Websocket-Key"]) != 1 || !isHandshakeKey(key):
		return nil, errors.New("the header Sec-WebSocket-Key must be 16 bytes in base64, once")
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	answer := make([]byte, 0, 512)                                        // with room for the session frame
	answer = append(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	answer = base64.StdEncoding.AppendEncode(answer, sum[:])
	if chosen := selectSubprotocol(subprotocols(r)); chosen != "" {
		answer = append(append(answer, "\r\nSec-WebSocket-Protocol: "...), chosen...)
	}
	if extension != "" {
		answer = append(answer, "\r\nSec-WebSocket-Extensions: "+extension...)
	}
	return append(answer, "\r\n\r\n"...), nil
}

func selectSubprotocol(offered []string) string {
	for _, known := range []string{subprotocolV1, subprotocolPlain} {
		if slices.Contains(offered, known) {
			return known
		}
	}
	return ""
}

// hijack takes the connection over, with what the client sent together with its request. Nothing has been
// answered yet.
func hijack(w http.ResponseWriter) (nc net.Conn, early []byte, err error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	_ = nc.SetDeadline(time.Time{})
	return nc, buffered(rw), nil
}

func buffered(rw *bufio.ReadWriter) []byte {
	if rw == nil || rw.Reader.Buffered() == 0 {
		return nil
	}
	peeked, _ := rw.Peek(rw.Reader.Buffered())
	return slices.Clone(peeked)
}

// isHandshakeKey reports whether a key is 16 bytes in base64: RFC 6455, section 4.2.1.
func isHandshakeKey(key string) bool {
	var raw [handshakeKey]byte
	n, err := base64.StdEncoding.Decode(raw[:], []byte(key)[:min(len(key), handshakeKey)])
	return len(key) == handshakeKey && err == nil && n == 16
}

// isUpgrade reports whether a request asks for a WebSocket. Both headers are lists, which may stand in one line
// or in several: RFC 9110, section 5.3.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && listHas(r.Header["Upgrade"], "websocket") && listHas(r.Header["Connection"], "upgrade")
}

// listHas reports whether a header that is a list of tokens has one of them, in any case of letters.
func listHas(lines []string, token string) bool {
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(element), token) {
				return true
			}
		}
	}
	return false
}
