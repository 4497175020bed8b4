package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer may be written by a timer and read by a test.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// FAULTS D1, G8: a stranger who comes back at once for ever fills no disk.
func TestAMessageIsLoggedTenTimesASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		log := slog.New(newBoundedHandler(slog.NewTextHandler(&out, nil)))
		for i := range 500 {
			log.Info("websocket: refused", "attempt", i)
		}
		log.Warn("websocket: refused") // of another level
		log.Info("serving")
		if got := strings.Count(out.String(), "\n"); got != 12 {
			t.Errorf("%d lines at once, want 10, the warning and the other message", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !strings.Contains(out.String(), `msg="websocket: refused" left_out=490`) {
			t.Errorf("what was left out is not counted: %s", out.String())
		}
		out.Reset()
		log.Info("websocket: refused")
		if strings.Count(out.String(), "\n") != 1 {
			t.Error("the next second begins without a line")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if strings.Contains(out.String(), "left_out") {
			t.Errorf("nothing was left out: %s", out.String())
		}
	})
}

// FAULTS G8: a line is below 2 KiB, whatever stands in it, and stays one that a program can read.
func TestALogLineIsBounded(t *testing.T) {
	t.Parallel()
	for name, long := range map[string]any{
		"a header": strings.Repeat("o", 60<<10), "control characters": strings.Repeat("\x00\n", 30<<10), "an error": errors.New(strings.Repeat("ü", 30<<10)),
		"no UTF-8": strings.Repeat("\xff", 60<<10), "a list": []string{strings.Repeat("x", 60<<10)},
	} {
		for format, make := range map[string]func(*lockedBuffer) slog.Handler{
			"text": func(out *lockedBuffer) slog.Handler { return slog.NewTextHandler(out, nil) },
			"json": func(out *lockedBuffer) slog.Handler { return slog.NewJSONHandler(out, nil) },
		} {
			var out lockedBuffer
			log := slog.New(newBoundedHandler(make(&out))).With("with", long)
			log.Warn("websocket: origin refused", "origin", long, "path", long, "reason", long, "addr", "192.0.2.1")
			line := out.String()
			if len(line) > 2<<10 || strings.Count(line, "\n") != 1 || !strings.Contains(line, "bytes)") {
				t.Errorf("%s, %s: %d bytes: %.300s", name, format, len(line), line)
			}
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("%s: not JSON: %s", name, line)
			}
			if name == "a header" && !strings.Contains(line, "192.0.2.1") {
				t.Errorf("%s, %s: the short value is gone: %s", name, format, line)
			}
		}
	}
}

// FAULTS G20f: what looks like a credential is masked wherever it stands in a line, also where the line is cut.
func TestALineHoldsNoCredential(t *testing.T) {
	t.Parallel()
	var out lockedBuffer
	const (
		key   = "apier_mfrggzdfmztwq2lknnwg23tpobyxe43u"
		token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"
	)
	log := slog.New(newBoundedHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.Debug("request", "path", "/api/events/"+key, "header", []string{"Bearer " + token})
	log.With("addr", key).WithGroup("g").Info("line", slog.Group("in", "token", token), "cause", errors.New("GET /?x="+key+": EOF"))
	log.Warn("http: a message of "+key, "path", strings.Repeat("x", maxLineValue-20)+key)
	for _, secret := range []string{key[6:14], token[8:20], token[25:40]} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, out.String())
		}
	}
	if lines := strings.Count(out.String(), "\n"); lines != 3 || !strings.Contains(out.String(), "path=/api/events/apier_***") {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
}

// What a library writes differs from line to line, by what a stranger sent: it is bounded as any other line.
func TestTheLogOfALibraryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		l := log.New(libraryLog{slog.New(newBoundedHandler(slog.NewTextHandler(&out, nil))), slog.LevelInfo}, "", 0)
		for i := range 2000 {
			l.Printf("Unsolicited response %d on idle HTTP channel starting with %q", i, strings.Repeat("x\n", 5000))
		}
		if got := strings.Count(out.String(), "\n"); got != maxLinesPerSecond {
			t.Errorf("%d lines, want %d", got, maxLinesPerSecond)
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > 2048 || !strings.Contains(line, "Unsolicited response") {
				t.Errorf("a line of %d bytes: %.100s", len(line), line)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
	})
}
