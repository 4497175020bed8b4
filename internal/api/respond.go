package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/problem"
)

// writeJSON answers with bytes that are JSON already, if there is memory for them until they are written.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	if counted, ok := w.(*answerWriter); ok {
		if counted.hold(len(body)) != nil {
			problem.Write(w, errOutOfMemory(), retryAfter)
			return
		}
		body = counted.compressed(body)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
}

// eventSize is about that of an event without its payload, bytes.
const eventSize = 512

// answer answers with a value.
func answer(w http.ResponseWriter, value any) error { return answerWith(w, http.StatusOK, value) }

func answerWith(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	writeJSON(w, status, body)
	return nil
}

func appendEvents(dst []byte, events []apier.Event) []byte {
	dst = slices.Grow(dst, int(payloadBytes(events))+len(events)*eventSize)
	dst = append(dst, '[')
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = events[i].AppendJSON(dst)
	}
	return append(dst, ']')
}
