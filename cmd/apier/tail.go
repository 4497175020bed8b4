package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/apier/apier"
	"github.com/apier/apier/client"
	"github.com/apier/apier/internal/server"
)

type tailCmd struct {
	Channels []string `arg:"" optional:"" help:"Channels: events, events:order.*, event:<id>, metrics, endpoint:<id>, endpoint:*. Default: events."`
	URL      string   `name:"url" default:"http://localhost:8080" help:"The server." placeholder:"URL"`
	Token    string   `help:"A token or an API key. Default: the first API key of --data." placeholder:"TOKEN" secret:""`
	Data     string   `default:"./data" help:"Directory of the server's data, for its API key." placeholder:"DIR"`
	JSON     bool     `name:"json" help:"Print the frames as they came, one a line."`
}

// Run prints the live feed until it is interrupted. What happened while there was no connection comes after it is back.
func (c *tailCmd) Run(ctx context.Context, out io.Writer) error {
	if err := checkChannels("", c.Channels); err != nil { // which would print nothing, for ever
		return err
	}
	token, err := c.credential()
	if err != nil {
		return err
	}
	conn, err := client.New(c.URL, client.Options{Token: token, MaxReconnectAttempts: client.Forever})
	if err != nil {
		return err
	}
	defer conn.Close()
	if len(c.Channels) == 0 {
		c.Channels = []string{"events"}
	}
	end := make(chan error, 1)
	live := conn.Live(ctx, client.LiveOptions{
		Channels: c.Channels,
		OnFrame:  func(f client.Frame) { c.print(out, f) },
		OnResync: func(client.ResyncReason, client.Cursor) {
			fmt.Fprintln(os.Stderr, "apier tail: the server could not tell all that happened meanwhile; some changes are not shown")
		},
		OnStatus: func(s client.Status) { report(s, end) },
	})
	defer live.Close()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-end:
		return err
	}
}

func (c *tailCmd) credential() (string, error) {
	if c.Token != "" {
		return c.Token, nil
	}
	key, err := server.KeyFromFile(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("no credential: give --token or APIER_TOKEN, or name the server's directory with --data")
	}
	return key, err
}

// report says on standard error how the connection stands, and ends the command where it cannot come about.
func report(s client.Status, end chan<- error) {
	switch s.State {
	case client.Connected:
		fmt.Fprintln(os.Stderr, "apier tail: connected")
	case client.Reconnecting:
		if s.NextRetryAt.IsZero() {
			return
		}
		fmt.Fprintf(os.Stderr, "apier tail: %s; attempt %d in %s\n", words(s.Err), s.Attempt, time.Until(s.NextRetryAt).Round(100*time.Millisecond))
	case client.Stopped:
		select {
		case end <- errors.New(words(s.Err)):
		default: // said already
		}
	}
}

func words(err *client.ConnectionError) string {
	if err == nil {
		return "the connection was lost"
	}
	return err.Message
}

func (c *tailCmd) print(out io.Writer, f client.Frame) {
	if c.JSON {
		raw, err := json.Marshal(f)
		if err == nil {
			fmt.Fprintf(out, "%s\n", raw)
		}
		return
	}
	if line := line(f); line != "" {
		fmt.Fprintf(out, "%s  %s\n", clock(f.Timestamp), line)
	}
}

func clock(timestamp string) string {
	at, err := time.Parse(time.RFC3339, timestamp)
	if err != nil {
		return "--:--:--.---"
	}
	return at.Local().Format("15:04:05.000")
}

// tailed is all that a line may tell, of any frame.
type tailed struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Source     string          `json:"source"`
	Status     string          `json:"status"`
	Previous   string          `json:"previous_status"`
	Payload    json.RawMessage `json:"payload"`
	LatencyMS  *int64          `json:"delivery_latency_ms"`
	Error      string          `json:"error_message"`
	EventID    string          `json:"event_id"`
	EndpointID string          `json:"endpoint_id"`
	Attempts   int             `json:"attempts"`
	URL        string          `json:"url"`
	Pending    int64           `json:"pending"`
	Deleted    bool            `json:"deleted"`
	Total      int64           `json:"total"`
	Done       int64           `json:"done"`
}

// line gives a frame in one line; "": nothing to be shown.
func line(f client.Frame) string {
	var d tailed
	_ = json.Unmarshal(f.Data, &d) // what it lacks is not shown
	fields := []string{}
	switch f.Type {
	case apier.FrameEventCreated:
		fields = append(fields, "created ", d.ID, d.Type, d.Source, d.Status, printable(string(d.Payload)))
	case apier.FrameEventUpdate:
		fields = append(fields, "updated ", d.ID, d.Type, d.Status, latency(d.LatencyMS), printable(d.Error))
	case apier.FrameEventDeleted:
		fields = append(fields, "deleted ", d.ID, d.Type)
	case apier.FrameDelivery:
		fields = append(fields, "delivery", d.EventID, "to", d.EndpointID, d.Status, fmt.Sprintf("attempt %d", d.Attempts), printable(d.Error))
	case apier.FrameEndpoint:
		fields = append(fields, "endpoint", d.ID, printable(d.URL), d.Status, fmt.Sprintf("%d waiting", d.Pending))
		if d.Deleted {
			fields = []string{"endpoint", d.ID, "deleted"}
		}
	case apier.FrameRecovery:
		fields = append(fields, "recovery", d.ID, d.Status, fmt.Sprintf("%d of %d", d.Done, d.Total))
	case apier.FrameMetricsUpdate:
		fields = append(fields, "metrics ", printable(string(f.Data)))
	case apier.FrameError:
		fields = append(fields, "error   ", string(f.Code), printable(f.Error))
	}
	return strings.Join(compact(fields), "  ")
}

func compact(fields []string) []string {
	kept := fields[:0]
	for _, s := range fields {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

func latency(ms *int64) string {
	if ms == nil {
		return ""
	}
	return fmt.Sprintf("after %d ms", *ms)
}

// printable keeps what senders wrote from speaking to the terminal, and short.
func printable(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	s = apier.ShownName(s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
