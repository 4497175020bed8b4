package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/apier/apier"
)

// request is one call of the REST API.
type request struct {
	method string
	path   string // from /api on; {id} stands for id
	id     string
	query  url.Values
	body   any    // nil: none
	key    string // Idempotency-Key; "": none
	// once says that doing it twice would do it twice: it is tried again only where the server said that it
	// did nothing.
	once bool
	// done is the status which says, after a try that perhaps did it, that it was done; 0: none does.
	done int
	wait time.Duration // what the server was asked to wait before it answers, on top of the time of a try
	file *file         // where the answer goes as it comes; nil: it is JSON, to decode
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// do sends a request, again where that helps, and decodes the answer into out, if there is one.
func (c *Client) do(ctx context.Context, r request, out any) error {
	if strings.Contains(r.path, "{id}") && strings.Trim(r.id, ".") == "" { // dots are steps in a path
		return apier.Errorf(apier.CodeInvalid, "%q is no id. Nothing was sent.", r.id)
	}
	if limit := c.http.Timeout; limit > 0 && limit <= r.wait {
		return apier.Errorf(apier.CodeInvalid, "The server is asked to wait %v for an answer, and HTTPClient.Timeout ends each try after %v: raise that Timeout above the wait, or wait for less. Nothing was sent.", r.wait, limit)
	}
	body, err := encodeBody(r.body)
	if err != nil {
		return err
	}
	reason, renewed, unsure := TokenRequest, false, false
	var before error // of the try before
	for attempt := 0; ; attempt++ {
		answer := c.try(ctx, r, body, reason, out)
		reason = TokenRequest
		if answer.err == nil {
			return nil
		}
		if ctx.Err() != nil && answer.status == 0 {
			return afterThis(answer.err, before)
		}
		if answer.status == http.StatusUnauthorized && c.options.TokenSource != nil && !renewed {
			reason, renewed = TokenUnauthorized, true
			continue
		}
		if unsure && r.done != 0 && answer.status == r.done {
			return nil
		}
		unsure = unsure || perhapsDone(answer.status)
		wait, again := retryWait(r.once, answer, attempt, c.options.MaxRetries)
		if !again {
			return answer.err
		}
		if before = answer.err; !sleep(ctx, wait) {
			return stoppedWaiting(ctx, before)
		}
	}
}

// stoppedWaiting is the end of a context before the next try, or the last error, where its deadline does not allow one.
func stoppedWaiting(ctx context.Context, last error) error {
	if ctx.Err() == nil {
		return last
	}
	return afterThis(fmt.Errorf("apier: %w, waiting to try again", context.Cause(ctx)), last)
}

// afterThis adds what the try before failed of, if there was one.
func afterThis(end, before error) error {
	if before == nil {
		return end
	}
	return fmt.Errorf("%w, after this: %w", end, before)
}

func encodeBody(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	if raw, ok := body.(json.RawMessage); ok {
		return raw, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, &apier.Error{Code: apier.CodeInvalid, Message: fmt.Sprintf("The request cannot be written as JSON: %v.", err)}
	}
	return b.Bytes(), nil
}

// noTokenStatus stands for the status of a request that was not sent for want of a token.
const noTokenStatus = -1

// answer is what came of one try.
type answer struct {
	err        error
	status     int           // of HTTP; 0: no answer
	retryAfter time.Duration // -1: not said
}

func (c *Client) try(ctx context.Context, r request, body []byte, reason TokenReason, out any) answer {
	limit := c.options.RequestTimeout + r.wait
	tryCtx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("nothing in %v (RequestTimeout): %w", limit, context.DeadlineExceeded))
	defer cancel()
	token, err := c.tokenOr(tryCtx, c.options.Token, reason)
	if err != nil {
		return answer{err: noToken{err}, status: noTokenStatus}
	}
	req, err := c.newRequest(tryCtx, r, body, token)
	if err != nil {
		return answer{err: err, status: http.StatusBadRequest}
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{err: c.namingTimeout(lostRequest(tryCtx, req.Method, req.URL, err))}
	}
	defer res.Body.Close()
	if res.StatusCode < 200 { // 101 hands the connection over: what follows has no end that the context reaches
		return answer{err: problemOf(req.Method, req.URL, res.StatusCode, nil), status: res.StatusCode}
	}
	if r.file != nil && res.StatusCode == http.StatusOK {
		return answer{err: r.file.take(req, res), status: res.StatusCode}
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return answer{err: c.namingTimeout(lostRequest(tryCtx, req.Method, req.URL, err))}
	}
	if err := redirected(req, res); err != nil {
		return answer{err: err, status: res.StatusCode}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return answer{err: problemOf(req.Method, req.URL, res.StatusCode, raw), status: res.StatusCode, retryAfter: retryAfter(res.Header, time.Now())}
	}
	return answer{err: decodeAnswer(req, res, raw, out), status: res.StatusCode}
}

// namingTimeout adds which setting ended a request, where it was that of the HTTP client.
func (c *Client) namingTimeout(err error) error {
	var timeout net.Error
	if c.http.Timeout == 0 || !errors.As(err, &timeout) || !timeout.Timeout() || strings.Contains(err.Error(), "RequestTimeout") {
		return err
	}
	return fmt.Errorf("%w (HTTPClient.Timeout is %v)", err, c.http.Timeout)
}

// redirected reports a redirect that made another request of this one: POST and DELETE become GET, whose answer
// says nothing of what was to be done.
func redirected(req *http.Request, res *http.Response) error {
	if res.Request == nil || res.Request.Method == req.Method {
		return nil
	}
	return fmt.Errorf("apier: %s %s was redirected to %s, which makes it a %s, and nothing was done: give that address to New",
		req.Method, req.URL.Redacted(), res.Request.URL.Redacted(), res.Request.Method)
}

// decodeAnswer reads an answer of 2xx into out, nil: nothing is to be read. It trusts nobody: what answers may be
// a proxy, and then nothing was done.
func decodeAnswer(req *http.Request, res *http.Response, raw []byte, out any) error {
	address := req.URL.Redacted()
	if len(raw) > maxAnswer {
		return apier.Errorf(apier.CodeTooLarge, "The answer of %s %s is over %d MiB: ask for fewer at a time.", req.Method, address, maxAnswer>>20)
	}
	if out == nil && len(raw) == 0 {
		return nil
	}
	if out == nil {
		out = new(json.RawMessage)
	}
	if err := json.Unmarshal(withoutDeep(raw), out); err != nil {
		return fmt.Errorf("apier: what answered %s %s with %d is not the server, or something cut its answer: %w", req.Method, address, res.StatusCode, err)
	}
	return nil
}

func (c *Client) newRequest(ctx context.Context, r request, body []byte, token string) (*http.Request, error) {
	target := c.base.JoinPath(strings.Replace(r.path, "{id}", url.PathEscape(r.id), 1))
	target.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("apier: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// lostRequest says that no answer came, or not all of it. It never holds a token.
func lostRequest(ctx context.Context, method string, u *url.URL, err error) error {
	var urlError *url.Error
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	} else if errors.As(err, &urlError) {
		err = urlError.Err
	}
	return fmt.Errorf("apier: %s %s was not answered: %w", method, u.Redacted(), err)
}

// problemOf reads an RFC 9457 problem; another body becomes an error by its status.
func problemOf(method string, u *url.URL, status int, body []byte) *apier.Error {
	var p struct {
		Detail string             `json:"detail"`
		Code   apier.Code         `json:"code"`
		Errors []apier.FieldError `json:"errors"`
	}
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		return &apier.Error{Code: p.Code, Message: p.Detail, Fields: p.Errors}
	}
	return apier.Errorf(codeOfStatus(status), "The server, or something before it, answered %s %s with %d %s.",
		method, u.Redacted(), status, http.StatusText(status))
}

func codeOfStatus(status int) apier.Code {
	switch status {
	case http.StatusUnauthorized:
		return apier.CodeUnauthorized
	case http.StatusForbidden:
		return apier.CodeForbidden
	case http.StatusNotFound:
		return apier.CodeNotFound
	case http.StatusConflict:
		return apier.CodeConflict
	case http.StatusRequestEntityTooLarge:
		return apier.CodeTooLarge
	case http.StatusTooManyRequests:
		return apier.CodeRateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return apier.CodeUnavailable
	}
	if status >= 500 {
		return apier.CodeInternal
	}
	return apier.CodeInvalid
}
