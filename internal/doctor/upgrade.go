package doctor

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crypto/sha1" //nolint:gosec // RFC 6455, section 4.2.2, names it
)

// clockSkew is how far two clocks may differ before tokens are refused or outlive themselves.
const clockSkew = 30 * time.Second

// problem is a refusal by RFC 9457.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// answer is what an HTTP request got.
type answer struct {
	status  int
	header  http.Header
	problem problem
	nc      net.Conn      // open, after 101
	in      *bufio.Reader // of nc
}

func (a answer) byApier() bool { return a.problem.Code != "" }

// summary says who answered and what, without what the body may hold.
func (a answer) summary() string {
	text := strconv.Itoa(a.status) + " " + http.StatusText(a.status)
	if a.byApier() {
		return text + ": " + a.problem.Detail
	}
	if by := a.header.Get("Server"); by != "" {
		text += " from " + by
	}
	return text
}

// request sends one request on a connection of its own. A connection that was upgraded stays open, in answer.nc.
func (x *examination) request(ctx context.Context, path, query string, header http.Header) (answer, error) {
	nc, err := x.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	_ = nc.SetDeadline(time.Now().Add(x.Wait))
	req := &http.Request{
		Method: http.MethodGet, Host: x.target.Host, Header: header,
		URL: &url.URL{Scheme: "http", Host: x.target.Host, Path: path, RawQuery: query},
	}
	in := bufio.NewReader(nc)
	res, err := send(nc, in, req)
	if err != nil {
		nc.Close()
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, nc: nc, in: in}
	if a.status == http.StatusSwitchingProtocols {
		return a, nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what there is of it
	res.Body.Close()
	nc.Close()
	a.nc = nil
	_ = json.Unmarshal(body, &a.problem) // anything else is nobody's problem
	return a, nil
}

func send(nc net.Conn, in *bufio.Reader, req *http.Request) (*http.Response, error) {
	if err := req.Write(nc); err != nil {
		return nil, err
	}
	return http.ReadResponse(in, req)
}

// health asks for /healthz: does HTTP get through, is it API/er, and what time is it there?
func (x *examination) health(ctx context.Context, _ string) Finding {
	prefix := strings.TrimSuffix(x.target.Path, "/ws")
	asked := x.Now()
	a, err := x.request(ctx, prefix+"/healthz", "", http.Header{"Connection": {"close"}})
	if err != nil {
		return Finding{Status: Fail, Detail: "no answer over HTTP: " + readable(err), Advice: "What listens there speaks no HTTP/1.1, or hangs. Compare the port with the server's --listen."}
	}
	if a.status != http.StatusOK {
		return Finding{Status: Warn, Detail: "/healthz answers " + a.summary(), Advice: "A proxy may not forward every path to the server; /ws is what counts, and comes next."}
	}
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return Finding{Status: OK, Detail: "/healthz answers, without its time"}
	}
	if skew := at.Sub(asked); skew.Abs() > clockSkew {
		x.skew = skew
		return Finding{
			Status: Warn, Detail: fmt.Sprintf("the server's clock and this one differ by %s", skew.Abs().Round(time.Second)),
			Advice: "Tokens begin and end by the clock: set both by NTP.",
		}
	}
	return Finding{Status: OK, Detail: "/healthz answers, the clocks agree"}
}

// upgradeAnonymously asks for an upgrade without a credential: a server that refuses it itself shows that the
// request came through as one.
func (x *examination) upgradeAnonymously(ctx context.Context, _ string) Finding {
	a, err := x.upgrade(ctx, "", "")
	if err != nil {
		return Finding{Status: Fail, Detail: "the connection ends without an answer: " + readable(err), Advice: "A proxy or firewall between here and the server cuts WebSockets. Allow upgrades there, or use wss:// on port 443, which most let pass."}
	}
	if isNoWebSocket(a) && x.target.Path != "/ws" {
		return x.lookElsewhere(ctx, a)
	}
	switch {
	case a.status == http.StatusUnauthorized && a.byApier():
		return Finding{Status: OK, Detail: "the upgrade reaches the server, which asks for a credential"}
	case a.status == http.StatusSwitchingProtocols:
		a.nc.Close()
		return Finding{Status: Warn, Detail: "upgraded without a credential", Advice: "This is not API/er, or a proxy adds a credential of its own."}
	}
	return x.refusedUpgrade(a)
}

// isNoWebSocket reports whether an answer says that nothing at its path takes upgrades.
func isNoWebSocket(a answer) bool {
	return a.status == http.StatusNotFound || a.status == http.StatusOK
}

// lookElsewhere tries the paths where the WebSocket may be instead: below the path that was given, which may be a proxy's
// prefix, and at the root, for the path may be that of a page. It goes on with the first that the server answers at.
func (x *examination) lookElsewhere(ctx context.Context, at answer) Finding {
	given := x.target.Path
	tried := []string{given}
	for _, path := range []string{strings.TrimSuffix(given, "/") + "/ws", "/ws"} {
		if slices.Contains(tried, path) {
			continue
		}
		tried = append(tried, path)
		x.target.Path = path
		a, err := x.upgrade(ctx, "", "")
		if err != nil {
			continue
		}
		if a.status == http.StatusSwitchingProtocols {
			a.nc.Close()
		}
		if a.status == http.StatusSwitchingProtocols || a.status == http.StatusUnauthorized && a.byApier() {
			return Finding{
				Status: Warn, Detail: "no WebSocket at " + given + " (" + strconv.Itoa(at.status) + "), but at " + path,
				Advice: "Use " + x.target.Scheme + "://" + x.target.Host + path + ". The steps below look there.",
			}
		}
	}
	return Finding{
		Status: Fail, Detail: "no WebSocket at " + strings.Join(tried, ", nor at ") + ": " + at.summary(),
		Advice: adviceNoPath,
	}
}

// refusedUpgrade explains an answer that is neither 101 nor the server's own 401.
func (x *examination) refusedUpgrade(a answer) Finding {
	f := Finding{Status: Fail, Detail: a.summary()}
	switch {
	case a.status == http.StatusForbidden && a.byApier():
		f.Advice = adviceOrigin
	case a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable:
		f.Advice = "Too many connections, or a restart: try again after " + seconds(a.header.Get("Retry-After")) + " s. The limits are --max-connections, …-per-user, …-per-ip; behind a proxy all clients share its address unless --trusted-proxies names it."
	case a.status == http.StatusBadGateway || a.status == http.StatusGatewayTimeout:
		f.Advice = "The proxy does not reach the server: compare its upstream with the server's --listen, and see that the server runs."
	case a.status >= 300 && a.status < 400:
		f.Advice = "WebSockets follow no redirect. Use the address it points to: " + orWord(a.header.Get("Location"), "(it names none)")
	case a.status == http.StatusNotFound:
		f.Advice = adviceNoPath
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		f.Advice = "A proxy before the server asks for a login of its own. Browsers cannot give one to a WebSocket: exempt /ws there."
	case a.status == http.StatusUnprocessableEntity && a.byApier():
		f.Advice = "The server refuses what the URL asks for: change it as its detail says."
	case a.status >= http.StatusInternalServerError:
		f.Advice = "The proxy, or what is behind it, fails at this request: its log says why."
	case a.status == http.StatusBadRequest && !a.byApier():
		f.Advice = "If TLS is spoken at this port, use wss://. Else: " + adviceHeaders
	default:
		f.Advice = adviceHeaders
	}
	return f
}

const adviceNoPath = "API/er has it at /ws; a proxy may add a prefix. Give its whole URL, and see that the proxy forwards that path to the server."

const adviceHeaders = "A proxy drops the Upgrade header. nginx needs, for this location: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; Apache needs mod_proxy_wstunnel; a load balancer must be in HTTP/1.1 mode."

// seconds reads Retry-After where it is no date.
func seconds(after string) string {
	if _, err := strconv.Atoi(after); err != nil {
		return "a few"
	}
	return after
}

func orWord(text, word string) string {
	if text == "" {
		return word
	}
	return text
}

// upgrade asks for a WebSocket as RFC 6455, section 4.1, says.
func (x *examination) upgrade(ctx context.Context, token, origin string) (answer, error) {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails: crypto/rand
	key := base64.StdEncoding.EncodeToString(nonce)
	header := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {key}, "Sec-Websocket-Protocol": {"apier.v1"},
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	if origin != "" {
		header.Set("Origin", origin)
	}
	a, err := x.request(ctx, x.target.Path, x.target.RawQuery, header)
	if err == nil && a.status == http.StatusSwitchingProtocols && a.header.Get("Sec-Websocket-Accept") != acceptKey(key) {
		a.nc.Close()
		return a, errBadAccept
	}
	return a, err
}

// acceptKey is the proof of RFC 6455, section 4.2.2, that the answer belongs to the request.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // no secret is hashed
	return base64.StdEncoding.EncodeToString(sum[:])
}
