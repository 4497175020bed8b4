package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// visit is the ResponseWriter of an upgrade request that did not come through net/http.
type visit struct {
	nc       net.Conn
	request  *http.Request
	header   http.Header
	status   int
	body     bytes.Buffer
	hijacked bool
}

func (v *visit) Header() http.Header {
	if v.header == nil {
		v.header = http.Header{}
	}
	return v.header
}

func (v *visit) WriteHeader(status int) {
	if v.status == 0 {
		v.status = status
	}
}

func (v *visit) Write(p []byte) (int, error) {
	v.WriteHeader(http.StatusOK)
	return v.body.Write(p)
}

// Hijack gives the connection. Nothing is buffered.
func (v *visit) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	v.hijacked = true
	return v.nc, nil, nil
}

// end sends the answer, unless the connection was hijacked, and closes: whoever is refused here comes back, if
// at all, with another connection.
func (v *visit) end() {
	if v.hijacked {
		return
	}
	defer v.nc.Close()
	v.WriteHeader(http.StatusOK)
	v.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	answer := http.Response{
		StatusCode: v.status, ProtoMajor: 1, ProtoMinor: 1, Header: v.header, Close: true,
		Body: io.NopCloser(&v.body), ContentLength: int64(v.body.Len()),
	}
	var whole bytes.Buffer
	_ = answer.Write(&whole)
	_, _ = v.nc.Write(whole.Bytes()) // fits the socket's buffer; if the client is gone, there is nobody to tell
}
