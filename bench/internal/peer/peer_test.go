package peer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBareAnswersAsApierDoes(t *testing.T) {
	t.Parallel()
	const event = `{"type":"order.created","source":"shop","payload":{}}`
	for _, c := range []struct {
		handler http.HandlerFunc
		body    string
		status  int
		events  int
	}{
		{one, event, http.StatusCreated, 1},
		{one, `{"type":`, http.StatusBadRequest, 0},
		{batch, "[" + event + "," + event + "]", http.StatusCreated, 2},
		{batch, event, http.StatusBadRequest, 0},
	} {
		w := httptest.NewRecorder()
		c.handler(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body)))
		if w.Code != c.status || strings.Count(w.Body.String(), `"id":"evt_`) != c.events {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
		if c.status == http.StatusCreated && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: not JSON: %s", c.body, w.Body)
		}
	}
}
