package server

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/apier/apier/internal/auth"
)

// Bounds of the log. A stranger decides how often some lines are written, and how long they are.
const (
	maxLinesPerSecond = 10   // of one message at one level
	maxLineValues     = 1500 // of all values of a line, quoted, bytes
	maxLineValue      = 350  // of one
	minLineValue      = 48   // what a value has even so: an id is whole
	maxLogMessages    = 1000
)

// boundedHandler bounds the rate and the length of what it hands on, and masks credentials in it: a stranger may put one
// into a path or a header. Of each message at most 10 lines a second are
// written; a last line counts what was left out. Long values are cut, so that a line stays
// below 2 KiB.
type boundedHandler struct {
	slog.Handler
	rates *lineRates
	spent int // bytes of the values that With added
}

func newBoundedHandler(inner slog.Handler) *boundedHandler {
	return &boundedHandler{Handler: inner, rates: &lineRates{windows: map[lineKey]*lineWindow{}}}
}

// Handle implements slog.Handler.
func (h *boundedHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.rates.take(r.Level, r.Message, h.reportLeftOut) {
		return nil
	}
	bounded := slog.NewRecord(r.Time, r.Level, auth.Mask(r.Message), r.PC)
	left := maxLineValues - h.spent
	r.Attrs(func(a slog.Attr) bool {
		a, left = boundAttr(a, left)
		bounded.AddAttrs(a)
		return true
	})
	return h.Handler.Handle(ctx, bounded)
}

// WithAttrs implements slog.Handler.
func (h *boundedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	left := maxLineValues - h.spent
	bounded := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		bounded[i], left = boundAttr(a, left)
	}
	return &boundedHandler{h.Handler.WithAttrs(bounded), h.rates, maxLineValues - left}
}

// WithGroup implements slog.Handler.
func (h *boundedHandler) WithGroup(name string) slog.Handler {
	return &boundedHandler{h.Handler.WithGroup(name), h.rates, h.spent}
}

func (h *boundedHandler) reportLeftOut(level slog.Level, message string, n int) {
	r := slog.NewRecord(time.Now(), level, message, 0)
	r.AddAttrs(slog.Int("left_out", n), slog.String("reason", fmt.Sprintf("more than %d of these lines a second", maxLinesPerSecond)))
	_ = h.Handler.Handle(context.Background(), r)
}

// boundAttr masks what looks like a credential in a value, and cuts one that is longer than its share of what is left of the line.
func boundAttr(a slog.Attr, left int) (slog.Attr, int) {
	value := a.Value.Resolve()
	var text string
	switch value.Kind() {
	case slog.KindString:
		text = value.String()
	case slog.KindAny, slog.KindGroup:
		text = fmt.Sprint(value.Any())
	default: // a number, a time: short
		return slog.Attr{Key: a.Key, Value: value}, left - 32
	}
	text = auth.Mask(text) // before it is cut: half of a credential would not be known
	cut, size := cutQuoted(text, max(min(left, maxLineValue), minLineValue))
	left -= size
	if cut != text {
		return slog.String(a.Key, fmt.Sprintf("%s… (%d bytes)", cut, len(text))), left
	}
	return slog.String(a.Key, text), left
}

// cutQuoted returns the beginning of a text that takes at most n bytes once it is quoted, and how many it takes.
func cutQuoted(text string, n int) (cut string, size int) {
	for i, r := range text {
		width := len(`\u0000`)
		switch {
		case r == '"', r == '\\':
			width = 2
		case r != utf8.RuneError && strconv.IsPrint(r):
			width = utf8.RuneLen(r)
		}
		if size+width > n {
			return text[:i], size
		}
		size += width
	}
	return text, size
}

type lineKey struct {
	level   slog.Level
	message string
}

// lineWindow is a second of one message.
type lineWindow struct {
	written, leftOut int
}

// lineRates counts the lines of each message.
type lineRates struct {
	mu      sync.Mutex
	windows map[lineKey]*lineWindow
}

// take reports whether a line may be written. A message's second begins with its first line, and report is called at its
// end where lines were left out.
func (l *lineRates) take(level slog.Level, message string, report func(slog.Level, string, int)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := lineKey{level, message}
	w := l.windows[key]
	if w == nil {
		if len(l.windows) >= maxLogMessages { // a message is a constant of the program; this many do not exist
			return true
		}
		w = &lineWindow{}
		l.windows[key] = w
		time.AfterFunc(time.Second, func() {
			if n := l.end(key); n > 0 {
				report(level, message, n)
			}
		})
	}
	if w.written >= maxLinesPerSecond {
		w.leftOut++
		return false
	}
	w.written++
	return true
}

// end forgets a message's second and returns how many lines it left out.
func (l *lineRates) end(key lineKey) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.windows[key].leftOut
	delete(l.windows, key)
	return n
}

// libraryLog is what a library may write its log to. Its words hold those of strangers, so they are a value of one
// message: bounded, masked and counted as any other.
type libraryLog struct {
	log   *slog.Logger
	level slog.Level
}

// Write implements io.Writer.
func (l libraryLog) Write(line []byte) (int, error) {
	l.log.Log(context.Background(), l.level, "a library reports", "words", strings.TrimSpace(string(line)))
	return len(line), nil
}
