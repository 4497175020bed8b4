// Package peer holds the servers that apier is compared with. Each is a process of its own that prints
// its port, and ends with its standard input.
package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/apier/apier"
)

// receipt is an answer of apier, of one length with all the others.
const receipt = `{"id":"evt_069d0c5xqsz5v9m2k8w1r7y3hb","status":"pending","timestamp":"2026-11-22T12:00:00.000Z","seq":100000}`

// Bare serves POST /api/events and /api/events/batch without keeping anything: it reads the body,
// decodes the same JSON and answers the same bytes. What it takes is the price of net/http.
func Bare() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/events", one)
	mux.HandleFunc("POST /api/events/batch", batch)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	announce(listener.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // it listens on tcp
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func announce(port int) { fmt.Println(port) }

func one(w http.ResponseWriter, r *http.Request) {
	var event apier.NewEvent
	if !decode(w, r, &event) {
		return
	}
	created(w, []byte(receipt))
}

func batch(w http.ResponseWriter, r *http.Request) {
	var events []apier.NewEvent
	if !decode(w, r, &events) {
		return
	}
	answer := []byte(`{"events":[`)
	for i := range events {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(answer, receipt...)
	}
	created(w, append(answer, "]}"...))
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

func created(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
}
