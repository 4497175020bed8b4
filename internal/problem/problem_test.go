package problem

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apier/apier"
)

func statuses() map[apier.Code]int {
	return map[apier.Code]int{
		apier.CodeMalformed: 400, apier.CodeInvalid: 422, apier.CodeUnknownType: 400, apier.CodeInvalidChannel: 400,
		apier.CodeUnauthorized: 401, apier.CodeForbidden: 403, apier.CodeOriginRefused: 403, apier.CodeNotFound: 404,
		apier.CodeMethodNotAllowed: 405, apier.CodeUpgradeRequired: 426, apier.CodeConflict: 409, apier.CodeTooLarge: 413, apier.CodeUnsupportedMedia: 415,
		apier.CodeRateLimited: 429, apier.CodeTooManyConnections: 429, apier.CodeTooManySubscriptions: 429,
		apier.CodeUnavailable: 503, apier.CodeInternal: 500,
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for code, want := range statuses() {
		if got := Status(code); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
	if Status("what nobody knows") != 500 {
		t.Error("an unknown code is not our fault")
	}
}

// TestEveryCodeHasAStatus reads the codes where they are declared, so that a new one is not forgotten
// here and answered with 500.
func TestEveryCodeHasAStatus(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		found++
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if _, known := statuses()[apier.Code(value)]; err != nil || !known {
			t.Errorf("%s has no status", spec.Names[0].Name)
		}
		return true
	})
	if found != len(statuses()) {
		t.Errorf("%d codes are declared, %d are known here", found, len(statuses()))
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	e := &apier.Error{Code: apier.CodeInvalid, Message: "Nothing was stored.", Fields: []apier.FieldError{{Field: "[3].type", Reason: "is required"}}}
	Write(w, e, 0)
	want := `{"title":"Unprocessable Entity","status":422,"detail":"Nothing was stored.","code":"invalid","errors":[{"field":"[3].type","reason":"is required"}]}` + "\n"
	if w.Code != 422 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h := w.Header()
	if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || h.Get("Retry-After") != "" || h.Get("WWW-Authenticate") != "" {
		t.Errorf("headers %v", h)
	}
}

func TestWriteHeaders(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		0: "", -time.Second: "", 1: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90",
	} {
		w := httptest.NewRecorder()
		Write(w, apier.Errorf(apier.CodeUnavailable, "Try again."), wait)
		if got := w.Header().Get("Retry-After"); got != want || w.Code != 503 {
			t.Errorf("%v: Retry-After %q, status %d", wait, got, w.Code)
		}
	}
	w := httptest.NewRecorder()
	Write(w, apier.Errorf(apier.CodeUnauthorized, "Who are you?"), 0)
	if w.Header().Get("WWW-Authenticate") != `Bearer realm="apier"` {
		t.Errorf("headers %v", w.Header())
	}
}

func TestCausesStayInside(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("disk on fire: /secret/path")} {
		w := httptest.NewRecorder()
		Write(w, apier.AsError(err), 0)
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if w.Code != 500 || body["code"] != "internal" || body["errors"] != nil || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%s", w.Body)
		}
	}
}
